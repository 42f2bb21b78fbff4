"""Label the DFUs of a file of sales: labels with reasons, profiles, report and pictures in a folder."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.standalone.commands.sales_options import add_sales_arguments, sales_of
from dfu_clustering.standalone.program import (
    add_history_settings,
    history_config,
)
from dfu_clustering.standalone.published import published_argument, published_files
from dfu_clustering.standalone.segment_table import console, segment_table
from dfu_clustering.standalone.segmenting import segment_months
from dfu_clustering.steps.build_report import write_report


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the arguments."""
    add_sales_arguments(arguments)
    add_history_settings(arguments)
    published_argument(arguments)
    arguments.add_argument(
        "--output-dir", type=Path, default=Path("segments"), metavar="FOLDER", help="folder of labels, report, pictures"
    )


def run(options: Namespace) -> None:
    """Do the work."""
    config = history_config(options)
    sold, files = sales_of(options), RunFolder(options.output_dir)
    segment_months(sold, files, config, as_of_month=options.as_of, previous=published_files(options), pictures=True)
    write_report(files, config, files.path(RunFile.REPORT))
    profiles, features = files.profiles(), files.features()
    console().print(segment_table(profiles.segments, features.as_of_month))
    labelled = features.clustered + sum(others.size for others in profiles.lifecycle)
    print(f"{labelled:,} of {features.n_dfus:,} DFUs labelled, {features.clustered:,} of them in these segments")
    print(f"labels  {files.path(RunFile.LABELS)}")
    print(f"report  {files.path(RunFile.REPORT).resolve().as_uri()}")
