"""Choose the number of clusters, fit them, and write assignments, centroids, metadata and pictures."""

from argparse import ArgumentParser, BooleanOptionalAction
from pathlib import Path

from dfu_clustering.config.clustering import load_config
from dfu_clustering.steps.train_model import train_model
from scripts.program import parser, published_argument, published_files, run_program


def main() -> None:
    """Parse the arguments and train."""
    options = _arguments().parse_args()
    config = load_config(
        k_range=options.k_range, min_cluster_size_pct=options.min_cluster_size_pct, use_pca=options.use_pca
    )
    published = published_files(options)
    summary = train_model(config, features=options.input, output_dir=options.output_dir, published=published)
    chosen = summary.k_selection
    print(f"{options.output_dir}: {summary.k} clusters of {summary.n_dfus} DFUs, silhouette {summary.silhouette:.3f}")
    print(f"  nominated: elbow {chosen['elbow']}, silhouette {chosen['silhouette']}, gap {chosen['gap']}")
    if summary.continuity:
        told = summary.continuity
        print(f"  {'fitted again' if told.refit else 'kept'} from {told.published_run}: {told.reason}")
    for warning in summary.warnings:
        print(f"  note: {warning}")


def _arguments() -> ArgumentParser:
    defaults = load_config()
    arguments = parser(__doc__ or "")
    arguments.add_argument(
        "--input",
        type=Path,
        default=Path("data/clustering_features.csv"),
        metavar="FILE",
        help="feature matrix that generate_clustering_features.py wrote, .csv or .parquet",
    )
    arguments.add_argument(
        "--k-range",
        type=int,
        nargs=2,
        default=defaults.k_range,
        metavar=("MIN", "MAX"),
        help="smallest and largest number of clusters tried",
    )
    arguments.add_argument(
        "--min-cluster-size-pct",
        type=float,
        default=defaults.min_cluster_size_pct,
        metavar="PERCENT",
        help="percent (0-100) of the DFUs that every cluster must hold",
    )
    arguments.add_argument(
        "--use-pca",
        action=BooleanOptionalAction,
        default=defaults.use_pca,
        help="cluster principal components instead of the scaled columns",
    )
    arguments.add_argument(
        "--output-dir",
        type=Path,
        default=Path("data/clustering"),
        metavar="FOLDER",
        help="folder of cluster_assignments.csv, cluster_centroids.csv, cluster_metadata.json and the pictures",
    )
    published_argument(arguments)
    return arguments


if __name__ == "__main__":
    run_program(main)
