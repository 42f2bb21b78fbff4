"""Taking back as tasks; a restore that was cut off goes on after its last finished step."""

from datetime import UTC, datetime
from pathlib import Path

from prefect import task

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.archive import EarlierRun
from dfu_clustering.runs.publication import Publication
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.restore_labels import Alias, find_run_to_restore, record_restore_in_ledger
from dfu_clustering.steps.restore_labels import move_champion as move_champion_step
from dfu_clustering.steps.restore_labels import restore_labels as restore_labels_step
from tasks.loads import say_published
from tasks.support.connection import warehouse_engine
from tasks.support.retries import RETRY

_HOUR_S = 3600
_TIMEOUT_S = 600


@task(name="find-run", timeout_seconds=_TIMEOUT_S, **RETRY)
def find_run(
    config: ClusteringConfig, *, runs: Path, run: str | None, before: datetime | None
) -> tuple[EarlierRun, Publication]:
    """Find the run that somebody wants back, its publish and its labels, which may have to come from MLflow."""
    return find_run_to_restore(config, runs=runs, run=run, before=before)


@task(name="restore-labels", timeout_seconds=_HOUR_S, **RETRY)
def restore_labels(config: ClusteringConfig, restore: Run, earlier: EarlierRun, *, dry_run: bool) -> PublishSummary:
    """Put the labels back."""

    def work() -> PublishSummary:
        return restore_labels_step(config, warehouse_engine(config.warehouse), restore, earlier, dry_run=dry_run)

    return work() if dry_run else restore.once("restore_labels", PublishSummary, work)


@task(name="record-restore", timeout_seconds=_TIMEOUT_S, **RETRY)
def record_restore(runs: Path, restore: Run, before: Publication, published: PublishSummary) -> Publication:
    """Write it into the ledger, and say it to whoever waits for new labels."""

    def work() -> Publication:
        return record_restore_in_ledger(runs, before, published_at=datetime.now(UTC))

    publication = restore.once("record_restore", Publication, work)
    say_published(publication, published)
    return publication


@task(name="move-champion", timeout_seconds=_TIMEOUT_S, **RETRY)
def move_champion(config: ClusteringConfig, restore: Run, earlier: EarlierRun) -> Alias:
    """Move MLflow's alias with the labels."""
    return move_champion_step(config, restore, earlier)
