"""Which published run this one continues, and whether it can."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from sqlalchemy import Engine

from dfu_clustering.config.operations import TrackingConfig
from dfu_clustering.errors import DataError
from dfu_clustering.history.backfills import find_backfilled_month, newest_backfilled_month
from dfu_clustering.loads.publication import Publication
from dfu_clustering.overrides.register import Overrides
from dfu_clustering.runs.archive import EarlierRuns
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.lookup import publications_to_continue, require_publication_of_run
from dfu_clustering.runs.manifest import FIND_PUBLISHED, once
from dfu_clustering.runs.published_files import LEAST_SHARED, PublishedFiles
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.standing import Standing, find_standing
from dfu_clustering.runs.summaries import PublishedChoice
from dfu_clustering.segments.continuity import FROM_SCRATCH
from dfu_clustering.steps.publish_labels import preview_publish
from dfu_clustering.tracking.store import TrackingUnavailableError

logger = logging.getLogger(__name__)


def find_standing_runs(engine: Engine, runs: Path, tracking: TrackingConfig) -> Standing:
    """Return which publishes stand: also one of which only DFUs have left dim_dfu since does.

    Raises:
        ConcurrentChangeError: Somebody publishes, and does not come to an end.
    """

    def has_labels_of(publication: Publication) -> bool:
        try:
            earlier = EarlierRuns.in_folder(runs.parent, tracking).named(publication.run)
            preview = preview_publish(earlier, engine, Overrides(runs).named(publication.overrides))
        except (DataError, TrackingUnavailableError) as error:
            logger.warning("find_standing cannot compare the labels of %s: %s", publication.run, error)
            return False
        return preview.updated + preview.cleared == 0

    return find_standing(engine, runs, has_labels_of)


@once(FIND_PUBLISHED)
def find_published(
    run: Run,
    tracking: TrackingConfig,
    publications: Sequence[Publication],
    *,
    override_reason: str | None = None,
    dry_run: bool = False,
) -> PublishedChoice:
    """Find the run to continue among the publishes that stand.

    Labels that nothing connects with the published ones would change their meaning in silence. So a published run
    whose files are gone or cannot be read stops this one, unless a person gives a reason to start from scratch. A dry
    run publishes nothing: it continues and says so. A published run of another assortment or database has nothing to
    continue; that is reported. Where nothing is published the newest month of a backfill is continued, so that the
    labels of the past and those of the first publish are one history.

    Args:
        run: The run, whose features are built.
        tracking: Where MLflow keeps what a folder has no more.
        publications: Those that stand.
        override_reason: Why labels may be made from scratch where the published run cannot be read.
        dry_run: Whether the labels are only to be looked at.

    Raises:
        DataError: A file of the published run is missing or unreadable, there is no reason, and it is no dry run.
        TrackingUnavailableError: Its folder is gone and MLflow does not answer; a retry may succeed.
    """
    errors: list[DataError] = []
    possible = publications_to_continue(publications, run.as_of_month)
    for publication in possible:
        try:
            published = published_files(run, tracking, publication.run)
            shared = published.shared_share(_known_dfus(run))
        except DataError as error:
            errors.append(error)
        else:
            return _choice(published, shared)
    if not publications:
        return _backfilled_choice(run)
    if not errors:
        return PublishedChoice(run=None)
    first = errors[0]
    if override_reason is None and not dry_run:
        remedy = first.remedy if FROM_SCRATCH in first.remedy else f"{first.remedy}; or {FROM_SCRATCH}"
        raise DataError(first.rule, found=first.found, keys=first.keys, remedy=remedy) from first
    reason = (
        f"Reason given: {override_reason}"
        if override_reason
        else "This is a dry run; a publish needs an override_reason."
    )
    return _from_scratch(possible[0].run, f"{first} {reason}")


def _known_dfus(run: Run) -> "pd.Series[str]":
    clustered = run.table(RunFile.MATRIX, ["dfu_ck"])["dfu_ck"]
    left_out = run.find_table(RunFile.EXCLUDED)
    known: pd.Series[str] = clustered if left_out is None else pd.concat([clustered, left_out["dfu_ck"]])
    return known


def _choice(published: PublishedFiles, shared: float) -> PublishedChoice:
    if shared >= LEAST_SHARED:
        return PublishedChoice(run=published.run)
    found = f"this run has only {shared:.0%} of its {len(published.model.labels)} DFUs, less than"
    return _from_scratch(published.run, f"{found} {LEAST_SHARED:.0%}: it is of another assortment or database")


def _backfilled_choice(run: Run) -> PublishedChoice:
    """Return the newest month of a backfill, where there is one of the same DFUs that this version can read."""
    month = newest_backfilled_month(run.runs.parent, run.as_of_month)
    if month is None:
        return PublishedChoice(run=None)
    files = PublishedFiles(month)
    try:
        choice = _choice(files, files.shared_share(_known_dfus(run)))
    except DataError as error:  # nothing is published: labels from scratch break no meaning
        return _from_scratch(month.name, str(error))
    if choice.run is not None:
        logger.info("find_published nothing is published: the labels continue those of %s", choice.run)
    return choice


def published_files(run: Run, tracking: TrackingConfig, published: str) -> PublishedFiles:
    """Return the files of an earlier run by its name: from its folder, else from MLflow; or those of a backfill."""
    backfilled = find_backfilled_month(run.runs.parent, published)
    if backfilled is not None:
        return PublishedFiles(backfilled)
    earlier = EarlierRuns.in_folder(run.runs.parent, tracking).named(published)
    publication = require_publication_of_run(Ledger(run.runs).publications(), published)
    return PublishedFiles(earlier, publication.model_sha256)


def _from_scratch(published: str, why: str) -> PublishedChoice:
    problem = f"labels are made from scratch and do not continue those of {published}: {why}"
    logger.warning("find_published %s", problem)
    return PublishedChoice(run=None, problem=problem)
