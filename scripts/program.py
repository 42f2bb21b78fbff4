"""What the programs of the warehouse share: its address, and the flags with which people pass a gate."""

import argparse
import os

from sqlalchemy import Engine

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.quality.gate_reports import SUITES, GatePolicy
from dfu_clustering.standalone.program import EXIT_CODES, HelpFormatter
from dfu_clustering.warehouse.connect import DATABASE_URL_VARIABLE, connect_engine

ENVIRONMENT = f"""environment:
  {DATABASE_URL_VARIABLE}           the warehouse, postgresql://user:password@host:5432/database
  DFU_CLUSTERING_CONFIG  a configuration file instead of config/clustering_config.yaml

{EXIT_CODES}"""


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser whose help ends with the environment and the exit codes."""
    return argparse.ArgumentParser(description=description, epilog=ENVIRONMENT, formatter_class=HelpFormatter)


def column_and_value(text: str) -> tuple[str, str]:
    """Return the parts of a filter, COLUMN=VALUE, for argparse."""
    column, equals, value = text.partition("=")
    if not (equals and column):
        raise argparse.ArgumentTypeError(f"a filter must be written as COLUMN=VALUE, not {text!r}")
    return column, value


def add_gate_options(arguments: argparse.ArgumentParser, judged: str) -> None:
    """Add the flags with which people pass a gate."""
    arguments.add_argument("--skip-validation", action="store_true", help=f"do not check {judged} first")
    arguments.add_argument(
        "--override-reason",
        metavar="TEXT",
        help=f"continue although {judged} fail a critical expectation, for this reason, which is logged",
    )


def gate_policy(options: argparse.Namespace) -> GatePolicy:
    """Return what these flags say."""
    return GatePolicy(skip_suites=SUITES if options.skip_validation else (), override_reason=options.override_reason)


def warehouse_engine(config: ClusteringConfig) -> Engine:
    """Return an engine for DATABASE_URL, with the time limits of the configuration."""
    return connect_engine(os.environ.get(DATABASE_URL_VARIABLE), config.warehouse)
