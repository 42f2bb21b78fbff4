"""Overrides as tasks; one that was cut off is resumed after its last finished step."""

import logging

from prefect import task

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.overrides.override import Override
from dfu_clustering.overrides.wanted import Wanted
from dfu_clustering.runs.run import Run
from dfu_clustering.steps import override_labels as overriding
from tasks.loads import say_published
from tasks.support.connection import warehouse_engine
from tasks.support.retries import RETRY

logger = logging.getLogger("dfu_clustering.overriding")  # whose lines a flow run shows

_HOUR_S = 3600
_TIMEOUT_S = 600


@task(name="enter-override", timeout_seconds=_TIMEOUT_S, **RETRY)
def enter_override(config: ClusteringConfig, folder: Run, wanted: Wanted, *, dry_run: bool) -> Override:
    """Check what a person wants, and enter it."""
    return overriding.enter_override(folder, warehouse_engine(config.warehouse), wanted, dry_run=dry_run)


@task(name="end-override", timeout_seconds=_TIMEOUT_S, **RETRY)
def end_override(
    config: ClusteringConfig, folder: Run, override_id: str, *, owner: str, reason: str, dry_run: bool
) -> overriding.Ended:
    """End an override before its last month."""
    engine = warehouse_engine(config.warehouse)
    ended = overriding.end_override(folder, engine, override_id, owner=owner, reason=reason, dry_run=dry_run)
    if ended.already:
        logger.info("override=%s was already %s", override_id, ended.override.ended)
    return ended


@task(name="publish-overrides", timeout_seconds=_HOUR_S, **RETRY)
def publish_overrides(
    config: ClusteringConfig, folder: Run, override: Override, *, publish: bool, dry_run: bool
) -> overriding.OverrideSummary:
    """Put the overrides of now on top of the published labels, and announce it to those who wait for new ones."""
    engine = warehouse_engine(config.warehouse)
    summary = overriding.publish_overrides(folder, engine, config.tracking, override, publish=publish, dry_run=dry_run)
    if summary.published:
        logger.info("override=%s %s", override.id, summary.published)
    if summary.waits:
        logger.info("override=%s not published at once: %s", override.id, summary.waits)
    if summary.publication and summary.published:
        say_published(summary.publication, summary.published)
    return summary
