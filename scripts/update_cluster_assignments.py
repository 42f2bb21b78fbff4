"""Write the labels to dim_dfu.cluster_assignment and modified_ts, in one transaction; DFUs without one get NULL."""

from pathlib import Path

from dfu_clustering.steps import update_assignments
from scripts.label_counts import show_label_counts
from scripts.program import parser, run_program, warehouse_engine


def main() -> None:
    """Parse the arguments and publish."""
    arguments = parser(__doc__ or "")
    arguments.add_argument(
        "--input",
        type=Path,
        default=Path("data/clustering/cluster_labels.csv"),
        metavar="FILE",
        help="labels that label_clusters.py wrote, .csv or .parquet",
    )
    arguments.add_argument("--dry-run", action="store_true", help="show what would change and write nothing")
    options = arguments.parse_args()
    summary = update_assignments(warehouse_engine(), labels=options.input, dry_run=options.dry_run)
    show_label_counts(summary)


if __name__ == "__main__":
    run_program(main)
