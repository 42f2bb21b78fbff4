"""What if: the features of a run, labelled with other settings as a dry run that can be compared and promoted.

Clusters are continued from that run and not fitted again for drift: only where the settings change the space in which
they are, or say that they are to be fitted again.
With the settings of the run itself the labels are its own.
"""

import os
import shutil
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from dfu_clustering.config.clustering import ClusteringConfig, HistorySettings
from dfu_clustering.config.operations import TrackingConfig
from dfu_clustering.errors import DataError
from dfu_clustering.loads.sales_loads import SalesState
from dfu_clustering.quality.gate_reports import BEFORE_LABELS
from dfu_clustering.runs.archive import EarlierRuns
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.manifest import BUILD_FEATURES, FIND_PUBLISHED, READ_SALES_STATE, once
from dfu_clustering.runs.overtaken import note_published
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.run import Run, RunName
from dfu_clustering.runs.summaries import FeatureSummary, PublishedChoice
from dfu_clustering.steps.find_published import find_standing_runs
from dfu_clustering.steps.promote_run import find_run

_SHARED: Final = (RunFile.MATRIX, RunFile.FEATURES, RunFile.PANEL, RunFile.EXCLUDED)


def find_base(engine: Engine, runs: Path, tracking: TrackingConfig, wanted: str | None, *, try_id: str) -> Run:
    """Return the run whose features are labelled: one by its name, or the one whose labels are published.

    Args:
        engine: The warehouse.
        runs: The folder of the runs.
        tracking: Where MLflow keeps the files of a published run whose folder is gone.
        wanted: A name by which people name runs (KnownRuns.find); None: what is published.
        try_id: Run id of the try. One that is resumed keeps its base, whatever was published since.

    Raises:
        DataError: There is no such run, or nothing is published.
    """
    begun = _base_of_begun(runs, try_id)
    if wanted is not None:
        return Run.named(runs, begun) if begun else find_run(runs, wanted)
    return EarlierRuns.in_folder(runs.parent, tracking).named(begun or _standing_run(engine, runs, tracking))


def _base_of_begun(runs: Path, try_id: str) -> str | None:
    """Return the base that a try has noted; its folder is found by the id, for the base's month is in its name, too."""
    folders = [folder for folder in runs.glob(f"*-{try_id}") if RunName.parse(folder.name)]
    noted = (Run.named(runs, folder.name).find_result(FIND_PUBLISHED) for folder in folders)
    return next((choice.run for choice in noted if choice), None)


def _standing_run(engine: Engine, runs: Path, tracking: TrackingConfig) -> str:
    newest = find_standing_runs(engine, runs, tracking).newest
    if newest is None:
        raise DataError(
            "Other settings must be tried on a run",
            found="no name of one, and nothing is published",
            remedy="name a run, or run cluster-dfus first; with dry_run it publishes nothing",
        )
    return newest.run


def require_same_features(config: ClusteringConfig, base: Run) -> None:
    """Check that settings can be tried on the features of a run.

    Raises:
        DataError: They are of other features.
    """
    features = base.features()
    other = [name for name in HistorySettings.model_fields if getattr(config, name) != getattr(features, name)]
    if other:
        raise DataError(
            "Other settings must be of the clusters or the labels to be tried on the features of a run",
            found=f"other settings of the history than in {base.name}",
            keys=[f"{name}: {getattr(config, name)} instead of {getattr(features, name)}" for name in other],
            remedy="run cluster-dfus with these settings and dry_run, which builds features again",
        )


def begin_try(run: Run, base: Run, engine: Engine, tracking: TrackingConfig) -> PublishedFiles:
    """Give a new run the features, gate reports and sales state of its base, and return the base to continue.

    Raises:
        DataError: A file of the base is missing.
    """
    run.once(FIND_PUBLISHED, lambda: PublishedChoice(run=base.name))  # first: all that follows is of this base
    note_published(run, find_standing_runs(engine, run.runs, tracking))
    run.once(READ_SALES_STATE, lambda: base.find_result(READ_SALES_STATE) or SalesState.unknown(base.known_month))
    _take_features(run, base)
    for report in filter(None, map(base.gate_report, BEFORE_LABELS)):
        run.write_gate_report(report)
    return PublishedFiles(base)


@once(BUILD_FEATURES)
def _take_features(run: Run, base: Run) -> FeatureSummary:
    """Lay the files of the features into the run's folder too; a link where the disk has links, else a copy."""
    run.folder.mkdir(parents=True, exist_ok=True)
    of_earlier_version = base.find(RunFile.DFUS) is None
    for file in _SHARED if of_earlier_version else (*_SHARED, RunFile.DFUS):
        path = run.path(file)
        path.unlink(missing_ok=True)
        try:
            os.link(base.require(file), path)
        except OSError:
            shutil.copyfile(base.require(file), path)
    return base.features()
