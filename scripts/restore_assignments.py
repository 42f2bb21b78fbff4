"""Put the labels of an earlier run back into the DFU table, in one transaction; that run is the champion from then on.

The labels come from the run's folder in DFU_CLUSTERING_VAR, or from MLflow once it is gone. The publish goes into the
ledger, MLflow's alias champion moves, and the event dfu.clusters.published is sent to the Prefect server at
PREFECT_API_URL, where that is set.
"""

import argparse
from datetime import UTC, datetime
from uuid import uuid4

from dfu_clustering.config.loading import config_path, load_config
from dfu_clustering.history.known_runs import NAMES_OF_A_RUN
from dfu_clustering.runs.run import short_run_id, var_folder
from dfu_clustering.standalone.program import run_program
from dfu_clustering.steps.restore_labels import (
    find_run_to_restore,
    move_champion,
    note_replaced,
    open_restore,
    record_restore,
    restore_labels,
    summarize_restore,
)
from scripts.label_counts import show_label_counts
from scripts.program import parser, warehouse_engine
from scripts.published_event import say_published


def main() -> None:
    """Parse the arguments and restore."""
    options = _arguments().parse_args()
    config, runs = load_config(options.config), var_folder() / "runs"
    engine = warehouse_engine(config)
    earlier, before = find_run_to_restore(runs, config.tracking, run=options.run, before=options.before)
    restore_id = uuid4()  # nobody resumes a restore by this program
    restore = open_restore(runs, short_run_id(restore_id))
    replaced = note_replaced(restore, engine, dry_run=options.dry_run)
    published = restore_labels(restore, engine, earlier, before, config.tracking, dry_run=options.dry_run)
    done = "would replace" if options.dry_run else "replace"
    known = replaced.newest.run if replaced.newest else "an unknown run"
    print(f"labels of run {earlier.name} {done} those of {known}")
    show_label_counts(published, config.warehouse.tables.dfu)
    if options.dry_run:
        return
    publication = record_restore(restore, before, config.tracking)
    alias = move_champion(restore, earlier, config.tracking)
    summarize_restore(
        restore, earlier, published, replaced=replaced, alias=alias, published_at=publication.published_at
    )
    print(f"MLflow's alias champion: {alias}\nprevious labels: {restore.folder}")
    # last: everything is done and recorded already, even where the server cannot be reached
    say_published(publication, published, restore_id)


def _arguments() -> argparse.ArgumentParser:
    arguments = parser(__doc__ or "")
    wanted = arguments.add_mutually_exclusive_group(required=True)
    wanted.add_argument(
        "--run",
        metavar="RUN",
        help=NAMES_OF_A_RUN,
    )
    wanted.add_argument(
        "--before",
        type=_time,
        metavar="TIME",
        help="restore what was published at this time, such as 2026-10-05T08:00; UTC unless it has a time zone",
    )
    arguments.add_argument("--dry-run", action="store_true", help="show what would change and write nothing")
    arguments.add_argument(
        "--config", type=str, default=config_path(), metavar="FILE", help="YAML with MLflow's names and the time limits"
    )
    return arguments


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"a time must be written as 2026-10-05T08:00, not {text!r}") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


if __name__ == "__main__":
    run_program(main)
