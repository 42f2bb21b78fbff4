"""The flag of the programs that continue a published run."""

import argparse

from dfu_clustering.history.known_runs import NAMES_OF_A_RUN, KnownRuns
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.run import var_folder


def published_argument(arguments: argparse.ArgumentParser) -> None:
    """Add the flag that names the run whose clusters and labels are continued."""
    arguments.add_argument(
        "--published",
        metavar="RUN",
        help="the run whose clusters and labels are continued: the path of its folder (with its model files and "
        "cluster_labels.csv; with clustering_features.parquet in it, changes are explained), or "
        f"{NAMES_OF_A_RUN}; without it labels are made from scratch",
    )


def published_files(options: argparse.Namespace) -> PublishedFiles | None:
    """Return the files of the run that --published names."""
    if options.published is None:
        return None
    files, _ = KnownRuns(var_folder() / "runs").open(options.published)
    return PublishedFiles(files)
