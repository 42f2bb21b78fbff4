"""Which published run this one continues, and whether it can."""

import logging

import pandas as pd

from dfu_clustering.config.operations import TrackingConfig
from dfu_clustering.errors import DataError
from dfu_clustering.runs.archive import EarlierRuns
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.lookup import publications_to_continue, require_publication_of_run
from dfu_clustering.runs.manifest import FIND_PUBLISHED, once
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import PublishedChoice
from dfu_clustering.segments.fitted_model import FROM_SCRATCH

logger = logging.getLogger(__name__)

_LEAST_SHARED = 0.5  # of the published DFUs; below it the published run was of another assortment or database


@once(FIND_PUBLISHED)
def find_published(
    run: Run, tracking: TrackingConfig, *, override_reason: str | None = None, dry_run: bool = False
) -> PublishedChoice:
    """Find the run to continue, by the ledger.

    Labels that nothing connects with the published ones would change their meaning in silence. So a published run
    whose files are gone or cannot be read stops this one, unless a person gives a reason to start from scratch. A dry
    run publishes nothing: it continues and says so. A published run of another assortment or database has nothing to
    continue; that is reported.

    Args:
        run: The run, whose features are built.
        tracking: Where MLflow keeps what a folder has no more.
        override_reason: Why labels may be made from scratch where the published run cannot be read.
        dry_run: Whether the labels are only to be looked at.

    Raises:
        DataError: A file of the published run is missing or unreadable, there is no reason, and it is no dry run.
        TrackingUnavailableError: Its folder is gone and MLflow does not answer; a retry may succeed.
    """
    errors: list[DataError] = []
    possible = publications_to_continue(Ledger(run.runs).publications(), run.as_of_month)
    for publication in possible:
        try:
            published = published_files(run, tracking, publication.run)
            dfu_ck = published.model.labels.index
        except DataError as error:
            errors.append(error)
        else:
            return _choice(run, publication.run, dfu_ck)
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


def _choice(run: Run, published: str, dfu_ck: "pd.Index[str]") -> PublishedChoice:
    clustered = run.table(RunFile.MATRIX, ["dfu_ck"])["dfu_ck"]
    left_out = run.find_table(RunFile.EXCLUDED)
    known = clustered if left_out is None else pd.concat([clustered, left_out["dfu_ck"]])
    shared = float(dfu_ck.isin(known).mean())
    if shared >= _LEAST_SHARED:
        return PublishedChoice(run=published)
    found = f"this run has only {shared:.0%} of its {len(dfu_ck)} DFUs, less than"
    return _from_scratch(published, f"{found} {_LEAST_SHARED:.0%}: it is of another assortment or database")


def published_files(run: Run, tracking: TrackingConfig, published: str) -> PublishedFiles:
    """Return the files of an earlier run by its name: from its folder, else from MLflow."""
    earlier = EarlierRuns.in_folder(run.runs.parent, tracking).named(published)
    publication = require_publication_of_run(Ledger(run.runs).publications(), published)
    return PublishedFiles(earlier, publication.model_sha256)


def _from_scratch(published: str, why: str) -> PublishedChoice:
    problem = f"labels are made from scratch and do not continue those of {published}: {why}"
    logger.warning("find_published %s", problem)
    return PublishedChoice(run=None, problem=problem)
