"""Build the feature matrix of a file of sales, one row a DFU."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from dfu_clustering.config.loading import load_config
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.standalone.commands.sales_options import add_sales_arguments, sales_of
from dfu_clustering.standalone.program import add_history_settings, table_path
from dfu_clustering.standalone.segmenting import features_of_months


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the arguments."""
    add_sales_arguments(arguments)
    add_history_settings(arguments)
    arguments.add_argument(
        "--output",
        type=table_path,
        default=Path("segments/clustering_features.csv"),
        metavar="FILE",
        help="feature matrix, .csv or .parquet; metadata, demand and left-out DFUs are written beside it",
    )


def run(options: Namespace) -> None:
    """Do the work."""
    config = load_config(min_months_history=options.min_months_history, time_window_months=options.time_window_months)
    files = RunFolder(options.output.parent).placing(RunFile.MATRIX, options.output)
    summary = features_of_months(sales_of(options), files, config, as_of_month=options.as_of)
    print(f"{options.output}: {summary.clustered} of {summary.n_dfus} DFUs as of {summary.as_of_month}")
    for reason, count in summary.excluded.items():
        print(f"  left out, {reason}: {count}")
