"""Which published run this one continues, and whether it can."""

import logging

import pyarrow.parquet as parquet

from dfu_clustering.config import ClusteringConfig
from dfu_clustering.earlier_runs import EarlierRuns
from dfu_clustering.errors import DataError
from dfu_clustering.hysteresis import nearest
from dfu_clustering.ledger import Ledger
from dfu_clustering.publications import publication_to_continue, require_publication_of_run
from dfu_clustering.published_model import PublishedModel, changed_settings
from dfu_clustering.runs import Run, Summary
from dfu_clustering.steps.published_files import PublishedFiles
from dfu_clustering.tables import read_first_rows

logger = logging.getLogger(__name__)

_ROWS_TRIED = 100
_LEAST_SHARED = 0.5  # of the published DFUs; below it the published run was of another assortment or database


class PublishedChoice(Summary):
    """The run whose labels this one continues.

    Attributes:
        run: Name of its folder; None: labels are made anew.
        problem: Why they are although something is published; None where nothing went wrong.
    """

    run: str | None
    problem: str | None = None


def find_published(config: ClusteringConfig, run: Run) -> PublishedChoice:
    """Find the run to continue by the ledger; one whose files are gone or do not fit is reported, not an error.

    Raises:
        TrackingUnavailableError: Its folder is gone and MLflow does not answer; waiting may heal that.
    """
    publication = publication_to_continue(Ledger(run.folder.parent).publications(), run.as_of_month)
    if publication is None:
        return PublishedChoice(run=None)
    try:
        _require_continuable(config, published_files(config, run, publication.run), run)
    except DataError as error:
        problem = f"labels are made anew and not matched to those of {publication.run}: {error}"
        logger.warning("find_published %s", problem)
        return PublishedChoice(run=None, problem=problem)
    return PublishedChoice(run=publication.run)


def published_files(config: ClusteringConfig, run: Run, published: str) -> PublishedFiles:
    """Return the files of an earlier run by its name: from its folder, else from MLflow."""
    earlier = EarlierRuns.in_folder(run.folder.parents[1], config.tracking).named(published)
    publication = require_publication_of_run(Ledger(run.folder.parent).publications(), published)
    return PublishedFiles(published, earlier.file, publication.pipeline_sha256)


def _require_continuable(config: ClusteringConfig, published: PublishedFiles, run: Run) -> None:
    model = published.model()
    published.labels()
    if config.refit == "never" or not changed_settings(config, model.settings):
        _require_applicable(model, run)
    members = model.members
    keys = parquet.read_table(run.features, columns=["dfu_ck"]).to_pandas()["dfu_ck"]
    shared = float(members.index.isin(keys).mean())
    if shared < _LEAST_SHARED:
        raise DataError(
            f"At least {_LEAST_SHARED:.0%} of the DFUs of a published run must still be there",
            found=f"{shared:.0%} of {len(members)} in the features of this run",
            remedy="check that the database is the one that was published to; if so, nothing needs to be done",
        )


def _require_applicable(model: PublishedModel, run: Run) -> None:
    """Try the published pipeline on a few rows: one of an older scikit-learn may load and fail only when it is used."""
    try:
        nearest(model.preprocessing.transform(read_first_rows(run.features, _ROWS_TRIED)), model.centroids)
    except (AttributeError, ImportError, LookupError, TypeError, ValueError) as error:
        raise DataError(
            "The fitted pipeline of a published run must take the features of this one",
            found=f"{type(error).__name__}: {error}",
            remedy="run with the version of scikit-learn that it was fitted with, or accept labels that are made anew",
        ) from error
