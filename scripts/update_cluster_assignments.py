"""Judge the labels, then write them to the DFU table in one transaction; DFUs without one get NULL.

Only the label and modified_ts of rows that change are written.
"""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from dfu_clustering.config.loading import load_config
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.standalone.program import run_program
from dfu_clustering.steps.publish_labels import update_assignments
from scripts.label_counts import show_label_counts
from scripts.program import add_gate_options, gate_policy, parser, warehouse_engine


def main() -> None:
    """Parse the arguments and publish."""
    arguments = parser(__doc__ or "")
    arguments.add_argument(
        "--input",
        type=Path,
        default=Path("data/clustering") / RunFile.LABELS,
        metavar="FILE",
        help="labels that label_clusters.py wrote, .csv or .parquet",
    )
    arguments.add_argument("--dry-run", action="store_true", help="show what would change and write nothing")
    add_gate_options(arguments, "the labels")
    options = arguments.parse_args()
    config, policy = load_config(), gate_policy(options)
    engine = warehouse_engine(config)
    files = RunFolder(options.input.parent).placing(RunFile.LABELS, options.input)
    if options.dry_run or not options.skip_validation:
        planned = update_assignments(files, engine, dry_run=True)
        if options.dry_run:
            show_label_counts(planned, config.warehouse.tables.dfu)
        if not options.skip_validation:
            from expectations.standalone import require_good_labels  # late: to load Great Expectations takes seconds

            require_good_labels(files, config, policy, publishing=planned, dry_run=options.dry_run)
    if not options.dry_run:
        journal = _journal_folder(options.input)
        published = update_assignments(files, engine, journal=journal)
        show_label_counts(published, config.warehouse.tables.dfu)
        print(f"previous labels: {journal.folder}")


def _journal_folder(labels: Path) -> RunFolder:
    """Return a folder of this publish alone: the labels lie in the same one every month."""
    return RunFolder(labels.parent / "publishes" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid4().hex[:6]}")


if __name__ == "__main__":
    run_program(main)
