"""What all programs share: log lines on stderr, and errors as one clear message with an exit code."""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from dfu_clustering.config.clustering import ClusteringConfig, RunSettings
from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DfuClusteringError, InputError
from dfu_clustering.files.refusals import as_bad_input
from dfu_clustering.files.tables import require_known_ending
from dfu_clustering.quality.gate_reports import SUITES, GatePolicy
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.warehouse.connect import DATABASE_URL_VARIABLE, connect_engine

BAD_INPUT = 2
FAILED = 1

ENVIRONMENT = f"""environment:
  {DATABASE_URL_VARIABLE}           the warehouse, postgresql://user:password@host:5432/database
  DFU_CLUSTERING_CONFIG  a configuration file instead of config/clustering_config.yaml

exit codes: 0 done, 1 failed (try again), 2 bad input (the message says what to do)"""


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults and leaves the lines of the epilog as they are."""


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser whose help ends with the environment and the exit codes."""
    return argparse.ArgumentParser(description=description, epilog=ENVIRONMENT, formatter_class=HelpFormatter)


def add_setting(arguments: argparse.ArgumentParser, flag: str, name: str, **how: Any) -> None:  # noqa: ANN401
    """Add a flag for a key of the configuration, with its default and description."""
    told = (RunSettings.model_fields[name].description or "").replace("%", "%%")
    arguments.add_argument(flag, dest=name, default=getattr(load_config(), name), help=told, **how)


def add_gate_options(arguments: argparse.ArgumentParser, judged: str) -> None:
    """Add the flags by which people get past a gate."""
    arguments.add_argument("--skip-validation", action="store_true", help=f"do not judge {judged} first")
    arguments.add_argument(
        "--override-reason",
        metavar="TEXT",
        help=f"go on although {judged} break a critical expectation, for this reason; it is logged",
    )


def gate_policy(options: argparse.Namespace) -> GatePolicy:
    """Return what these flags say."""
    return GatePolicy(skip_suites=SUITES if options.skip_validation else (), override_reason=options.override_reason)


def warehouse_engine(config: ClusteringConfig) -> Engine:
    """Return an engine for DATABASE_URL, with the time limits of the configuration."""
    return connect_engine(os.environ.get(DATABASE_URL_VARIABLE), config.warehouse)


def table_path(text: str) -> Path:
    """Return the path of a table, for argparse; refused before any work where its ending is unknown."""
    path = Path(text)
    try:
        require_known_ending(path)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return path


def published_argument(arguments: argparse.ArgumentParser) -> None:
    """Add the flag that names the run whose clusters and labels are continued."""
    arguments.add_argument(
        "--published",
        type=Path,
        metavar="FOLDER",
        help="folder of the run whose clusters and labels are continued (its model files and cluster_labels.csv; with "
        "clustering_features.parquet in it, changes are explained); without it labels are made from scratch",
    )


def published_files(options: argparse.Namespace) -> PublishedFiles | None:
    """Return the files of the run that --published names."""
    return None if options.published is None else PublishedFiles.in_folder(options.published)


def run_program(main: Callable[[], None]) -> None:
    """Run a program's main function and exit: 0 done, 2 bad input, 1 anything else that was foreseen."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("dfu_clustering").setLevel(logging.INFO)
    try:
        main()
    except InputError as error:
        _fail(str(error), BAD_INPUT)
    except (DfuClusteringError, OperationalError, psycopg2.Error, OSError) as error:
        if isinstance(error, OSError) and (bad_input := as_bad_input(error)) is not None:
            _fail(str(bad_input), BAD_INPUT)
        _fail(f"{type(error).__name__}: {str(error).strip()}", FAILED)


def _fail(message: str, code: int) -> None:
    sys.stderr.write(f"error: {message}\n")
    raise SystemExit(code)
