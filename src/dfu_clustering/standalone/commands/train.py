"""Choose the number of clusters, fit them, and write assignments, centroids, metadata and pictures."""

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from pathlib import Path

from dfu_clustering.config.loading import load_config
from dfu_clustering.outputs.pictures import draw_segments
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.standalone.program import add_setting
from dfu_clustering.standalone.published import published_argument, published_files
from dfu_clustering.steps.train_model import train_model


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument(
        "--input",
        type=Path,
        default=Path("data/clustering_features.csv"),
        metavar="FILE",
        help="feature matrix that generate_clustering_features.py wrote, .csv or .parquet",
    )
    add_setting(arguments, "--k-range", "k_range", type=int, nargs=2, metavar=("MIN", "MAX"))
    add_setting(arguments, "--min-cluster-size-pct", "min_cluster_size_pct", type=float, metavar="PERCENT")
    add_setting(arguments, "--use-pca", "use_pca", action=BooleanOptionalAction)
    arguments.add_argument(
        "--output-dir",
        type=Path,
        default=Path("data/clustering"),
        metavar="FOLDER",
        help="folder of cluster_assignments.csv, cluster_centroids.csv, cluster_metadata.json and the pictures",
    )
    published_argument(arguments)


def run(options: Namespace) -> None:
    """Do the work."""
    config = load_config(
        k_range=options.k_range, min_cluster_size_pct=options.min_cluster_size_pct, use_pca=options.use_pca
    )
    published = published_files(options)
    files = RunFolder(options.output_dir).placing(RunFile.MATRIX, options.input)
    summary = train_model(files, config, published)
    labels = {segment.cluster_id: segment.label for segment in summary.segments}
    draw_segments(files, labels, peak_threshold=config.labeling.peak_threshold)
    chosen = summary.k_selection
    figures = summary.figures
    print(f"{options.output_dir}: {len(summary.segments)} segments of {summary.n_dfus} DFUs, of {summary.k} clusters")
    print(f"  words strictly true of {figures.true_share:.1%}, within the margin of {figures.within_margin_share:.1%}")
    print(f"  nominated: elbow {chosen.elbow}, silhouette {chosen.silhouette}, gap {chosen.gap}")
    if summary.continuity:
        how = "fitted again" if summary.continuity.refit else "kept"
        print(f"  {how} from {summary.continuity.published_run}: {summary.continuity.reason}")
    for warning in summary.warnings:
        print(f"  note: {warning}")
