"""Build the feature matrix of a file of sales, one row a DFU."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.standalone.commands.sales_options import add_sales_arguments, sales_of
from dfu_clustering.standalone.program import add_history_settings, add_matrix_output, features_in_words, history_config
from dfu_clustering.standalone.segmenting import features_of_months


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the arguments."""
    add_sales_arguments(arguments)
    add_history_settings(arguments)
    add_matrix_output(arguments, Path("segments/clustering_features.csv"))


def run(options: Namespace) -> None:
    """Do the work."""
    config = history_config(options)
    files = RunFolder(options.output.parent).placing(RunFile.MATRIX, options.output)
    summary = features_of_months(sales_of(options), files, config, as_of_month=options.as_of)
    print(features_in_words(options.output, summary))
