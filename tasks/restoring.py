"""Taking labels back as tasks; a restore that was cut off is resumed after its last finished step."""

from datetime import datetime
from pathlib import Path

from prefect import task

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.loads.publication import Publication
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.archive import EarlierRun
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import NotedPublish
from dfu_clustering.steps import restore_labels as restoring
from tasks.loads import say_published
from tasks.support.connection import warehouse_engine
from tasks.support.retries import RETRY

_HOUR_S = 3600
_TIMEOUT_S = 600


@task(name="find-run", timeout_seconds=_TIMEOUT_S, **RETRY)
def find_run(
    config: ClusteringConfig, restore: Run, *, runs: Path, run: str | None, before: datetime | None, dry_run: bool
) -> tuple[EarlierRun, Publication]:
    """Find the run whose labels are wanted back, its publish and its labels, which may have to come from MLflow."""
    kept_in = None if dry_run else restore
    return restoring.find_run_to_restore(runs, config.tracking, run=run, before=before, restore=kept_in)


@task(name="note-replaced", timeout_seconds=_TIMEOUT_S, **RETRY)
def note_replaced(config: ClusteringConfig, restore: Run, *, dry_run: bool) -> NotedPublish:
    """Note what is published when the restore begins."""
    return restoring.note_replaced(restore, warehouse_engine(config.warehouse), dry_run=dry_run)


@task(name="restore-labels", timeout_seconds=_HOUR_S, **RETRY)
def restore_labels(
    config: ClusteringConfig, restore: Run, earlier: EarlierRun, before: Publication, *, dry_run: bool
) -> PublishSummary:
    """Put the labels back."""
    engine = warehouse_engine(config.warehouse)
    return restoring.restore_labels(restore, engine, earlier, before, config.tracking, dry_run=dry_run)


@task(name="record-restore", timeout_seconds=_TIMEOUT_S, **RETRY)
def record_restore(
    config: ClusteringConfig, restore: Run, before: Publication, published: PublishSummary
) -> Publication:
    """Announce it to those who wait for new labels."""
    publication = restoring.record_restore(restore, before, config.tracking)
    say_published(publication, published)
    return publication


@task(name="move-champion", timeout_seconds=_TIMEOUT_S, **RETRY)
def move_champion(config: ClusteringConfig, restore: Run, earlier: EarlierRun) -> restoring.Alias:
    """Move MLflow's alias with the labels."""
    return restoring.move_champion(restore, earlier, config.tracking)
