"""Write the labels to dim_dfu.cluster_assignment and modified_ts, in one transaction; DFUs without one get NULL."""

from pathlib import Path

from dfu_clustering.steps import PublishSummary, update_assignments
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
    _show(summary)


def _show(summary: PublishSummary) -> None:
    before, after = summary.distribution("before"), summary.distribution("after")
    labels = [*after, *(label for label in before if label not in after)]
    width = max(len(str(label or "(no label)")) for label in labels)
    print(f"{'label':<{width}}  {'before':>9}  {'after':>9}")
    for label in labels:
        print(f"{label or '(no label)':<{width}}  {before.get(label, 0):>9}  {after.get(label, 0):>9}")
    done = "would be " if summary.dry_run else ""
    print(f"{done}updated {summary.updated}, {done}cleared {summary.cleared}, unchanged {summary.unchanged}")
    print(f"DFUs of the file not found in dim_dfu: {summary.not_found}")
    print(f"DFUs left without a label: {summary.unlabelled}")


if __name__ == "__main__":
    run_program(main)
