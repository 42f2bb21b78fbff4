"""The flow restore-assignments: publish the labels of an earlier run again."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

from prefect import flow, runtime
from pydantic import Field

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.runs.run import short_run_id, var_folder
from dfu_clustering.steps.restore_labels import (
    Alias,
    RestoreSummary,
    find_run_to_restore,
    open_restore,
    summarize_restore,
)
from dfu_clustering.tracking.store import TrackingUnavailableError
from flows.cli import run_by_hand
from tasks import restoring
from tasks.support.heartbeat import WATCHED
from tasks.support.restores_and_overrides import show_restore
from tasks.support.run_names import dry_run_mark


def _run_name() -> str:
    wanted = runtime.flow_run.parameters
    return f"restore {wanted.get('run') or 'what was published before ' + str(wanted.get('before'))}{dry_run_mark()}"


@flow(
    name="restore-assignments",
    flow_run_name=_run_name,
    **WATCHED,
)
def restore_assignments(
    run: Annotated[str, Field(min_length=1, max_length=200)] | None = None,
    before: datetime | None = None,
    dry_run: bool = False,  # noqa: FBT001, FBT002  (parameters of a flow are given by name)
) -> RestoreSummary:
    """Publish the labels of an earlier run again, all of them or none; that run is the champion from then on.

    Args:
        run: The run whose labels are restored: its folder's name, the id at its end or a beginning of that, the id of
            its flow run, previous (what was published before what stands), or a month.
        before: Or a time: the labels that were published then are restored. UTC unless it has a time zone.
        dry_run: Show which labels would change, but write nothing.
    """
    config, runs = load_config(), var_folder() / "runs"
    restore = open_restore(runs, short_run_id(runtime.flow_run.id))
    earlier, publication = restoring.find_run(config, restore, runs=runs, run=run, before=before, dry_run=dry_run)
    replaced = restoring.note_replaced(config, restore, dry_run=dry_run)
    published = restoring.restore_labels(config, restore, earlier, publication, dry_run=dry_run)
    alias: Alias = "not moved (dry run)"
    published_at: datetime | None = None
    if not dry_run:
        published_at = restoring.record_restore(config, restore, publication, published).published_at
        alias = restoring.move_champion(config, restore, earlier)
    summary = summarize_restore(restore, earlier, published, replaced=replaced, alias=alias, published_at=published_at)
    show_restore(summary, config.warehouse.tables.dfu)
    return summary


def _check(config: ClusteringConfig, given: Mapping[str, Any]) -> None:
    with suppress(TrackingUnavailableError):  # which the task tries again
        find_run_to_restore(var_folder() / "runs", config.tracking, run=given["run"], before=given["before"])


if __name__ == "__main__":
    run_by_hand(restore_assignments, check=_check)
