"""The flag of the programs that continue a published run."""

import argparse
from pathlib import Path

from dfu_clustering.runs.published_files import PublishedFiles


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
