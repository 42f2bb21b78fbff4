"""Give every cluster its business label, with the reason, and every DFU the label of its cluster."""

from pathlib import Path

from dfu_clustering.config.clustering import config_path, load_config
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.model_files import ModelFiles
from scripts.program import parser, published_argument, published_files, run_program, table_path

_FOLDER = Path("data/clustering")


def main() -> None:
    """Parse the arguments and label."""
    usual = ModelFiles.in_folder(_FOLDER)
    arguments = parser(__doc__ or "")
    for name in ("centroids", "assignments", "metadata"):
        default = getattr(usual, name)
        arguments.add_argument(f"--{name}", type=Path, default=default, metavar="FILE", help="written by the training")
    arguments.add_argument(
        "--output",
        type=table_path,
        default=_FOLDER / "cluster_labels.csv",
        metavar="FILE",
        help="dfu_ck, cluster_id, cluster_label, .csv or .parquet; cluster_profiles.json is written beside it",
    )
    arguments.add_argument(
        "--config", type=Path, default=config_path(), metavar="FILE", help="YAML with the thresholds of the label rules"
    )
    published_argument(arguments)
    options = arguments.parse_args()
    model = ModelFiles(options.assignments, options.centroids, options.metadata)
    published = published_files(options)
    summary = label_segments(load_config(options.config), model=model, output=options.output, published=published)
    if summary.stability:
        told = summary.stability
        print(f"{told.churn_share:.1%} of {told.shared_dfus} DFUs have another label than in {told.published_run}")
    for segment in summary.segments:
        print(f"{segment.label}: {segment.size} DFUs ({segment.share:.1%}). {segment.reason}")


if __name__ == "__main__":
    run_program(main)
