"""What all programs share: flags of the configuration, log lines on stderr, errors as one message with an exit code."""

import argparse
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import psycopg2
from sqlalchemy.exc import OperationalError

from dfu_clustering.config.clustering import ClusteringConfig, RunSettings
from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DfuClusteringError, InputError
from dfu_clustering.files.refusals import as_bad_input
from dfu_clustering.files.tables import require_known_ending
from dfu_clustering.runs.summaries import FeatureSummary

BAD_INPUT = 2
FAILED = 1
EXIT_CODES = "exit codes: 0 done, 1 failed (try again), 2 bad input (the message says what to do)"


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults and leaves the lines of the epilog as they are."""


def add_setting(arguments: argparse.ArgumentParser, flag: str, name: str, **how: Any) -> None:  # noqa: ANN401
    """Add a flag for a key of the configuration, with its default and description."""
    meaning = (RunSettings.model_fields[name].description or "").replace("%", "%%")
    arguments.add_argument(flag, dest=name, default=getattr(load_config(), name), help=meaning, **how)


def add_history_settings(arguments: argparse.ArgumentParser) -> None:
    """Add the flags that say which history of a DFU counts."""
    add_setting(arguments, "--min-months", "min_months_history", type=int, metavar="MONTHS")
    add_setting(arguments, "--time-window", "time_window_months", type=_window, metavar="MONTHS|all")


def history_config(options: argparse.Namespace) -> ClusteringConfig:
    """Return the configuration with the history that these flags say."""
    return load_config(min_months_history=options.min_months_history, time_window_months=options.time_window_months)


def add_matrix_output(arguments: argparse.ArgumentParser, default: Path) -> None:
    """Add the flag that says where the feature matrix is written."""
    arguments.add_argument(
        "--output",
        type=table_path,
        default=default,
        metavar="FILE",
        help="feature matrix, .csv or .parquet; metadata, demand and left-out DFUs are written beside it",
    )


def features_in_words(output: Path, summary: FeatureSummary) -> str:
    """Return how many DFUs the matrix holds, and how many are left out for which reason."""
    left_out = (f"  left out, {reason}: {count}" for reason, count in summary.excluded.items())
    return "\n".join([f"{output}: {summary.clustered} of {summary.n_dfus} DFUs as of {summary.as_of_month}", *left_out])


def table_path(text: str) -> Path:
    """Return the path of a table, for argparse; refused before any work where its ending is unknown."""
    path = Path(text)
    try:
        require_known_ending(path)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return path


def run_program(main: Callable[[], None]) -> None:
    """Run a program's main function and exit: 0 done, 2 bad input, 1 any other error of the project."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("dfu_clustering").setLevel(logging.INFO)
    with errors_end_a_program():
        main()


@contextmanager
def errors_end_a_program() -> Iterator[None]:
    """Let an error of the project end the program with its message alone: exit code 2 for bad input, else 1."""
    try:
        yield
    except InputError as error:
        _fail(error, str(error), BAD_INPUT)
    except (DfuClusteringError, OperationalError, psycopg2.Error, OSError) as error:
        if isinstance(error, OSError) and (bad_input := as_bad_input(error)) is not None:
            _fail(error, str(bad_input), BAD_INPUT)
        _fail(error, f"{type(error).__name__}: {str(error).strip()}", FAILED)


def _window(text: str) -> int | str:
    if text == "all":
        return text
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'a number of months or "all", not {text!r}') from error


def _fail(error: Exception, message: str, code: int) -> NoReturn:
    sys.stderr.write(f"error: {message}\n")
    raise SystemExit(code) from error
