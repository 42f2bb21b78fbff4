"""Judge the labels, then write them to the DFU table in one transaction; DFUs without one get NULL.

Only the label and modified_ts of rows that change are written.
"""

from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path

from dfu_clustering.config.loading import load_config
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.run import var_folder
from dfu_clustering.standalone.program import run_program
from dfu_clustering.steps.publish_files import ProgramPublish
from dfu_clustering.steps.publish_labels import update_assignments
from scripts.label_counts import show_label_counts
from scripts.program import add_gate_options, gate_policy, parser, warehouse_engine


def main() -> None:
    """Parse the arguments and publish."""
    options = _arguments().parse_args()
    config, policy = load_config(), gate_policy(options)
    engine = warehouse_engine(config)
    files = RunFolder(options.input.parent).placing(RunFile.LABELS, options.input)
    publish = ProgramPublish(files, options.input.parent / "publishes", var_folder() / "runs")
    older = None if options.publish_older_month else publish.older_month_problem(engine)
    dry_run = options.dry_run or older is not None
    if dry_run or not options.skip_validation:
        planned = update_assignments(publish.overlay(), engine, dry_run=True)
        if dry_run:
            show_label_counts(planned, config.warehouse.tables.dfu)
        if not options.skip_validation:
            from expectations.standalone import require_good_labels  # late: to load Great Expectations takes seconds

            require_good_labels(files, config, policy, publishing=planned, dry_run=dry_run)
    if older and not options.dry_run:
        raise older
    if not dry_run:
        folder = publish.new_folder(datetime.now(UTC))
        published = publish.publish(engine, folder, publish_older_month=options.publish_older_month)
        show_label_counts(published, config.warehouse.tables.dfu)
        print(f"previous labels: {folder.folder}")


def _arguments() -> ArgumentParser:
    arguments = parser(__doc__ or "")
    arguments.add_argument(
        "--input",
        type=Path,
        default=Path("data/clustering") / RunFile.LABELS,
        metavar="FILE",
        help="labels that label_clusters.py wrote, .csv or .parquet",
    )
    arguments.add_argument("--dry-run", action="store_true", help="show what would change and write nothing")
    arguments.add_argument(
        "--publish-older-month",
        action="store_true",
        help="replace labels of a later month by those of this one; without it that is a dry run",
    )
    add_gate_options(arguments, "the labels")
    return arguments


if __name__ == "__main__":
    run_program(main)
