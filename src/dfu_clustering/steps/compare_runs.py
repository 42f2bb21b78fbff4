"""Compare two runs: read what both left in their folders, and say what changed and why."""

import logging
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dfu_clustering.comparison.comparison import IncomparableError, RunSide, compare
from dfu_clustering.comparison.model import ComparedRun, Comparison
from dfu_clustering.comparison.recorded import RecordedFigures, recorded_settings, recorded_thresholds
from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.errors import DataError
from dfu_clustering.history.known_runs import KnownRuns
from dfu_clustering.labels.rules import own_values, volume_bounds
from dfu_clustering.labels.truth import Claim, claims_are_true
from dfu_clustering.labels.vocabulary import LABELS, LIFECYCLE_LABELS
from dfu_clustering.outputs.label_comparison import published_side, read_recorded
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.known_run import KnownRun
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.segments.fitted_model import FittedModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunToCompare:
    """A run by its files, and what the list of runs says of it; None where it is on no list."""

    files: RunFolder
    known: KnownRun | None = None


def find_to_compare(runs: KnownRuns, name: str) -> RunToCompare:
    """Return the run that a name means; a path leads to a folder, or to a file of labels.

    Raises:
        UnknownRunError: There is none.
    """
    return RunToCompare(*runs.open(name))


def compare_runs(before: RunToCompare, after: RunToCompare, config: RunSettings) -> Comparison:
    """Return what changed from one run to another, and why.

    Args:
        before: The run that counts as the earlier.
        after: The other.
        config: For what it did not record.

    Raises:
        IncomparableError: One has no labels, or they have no DFU in common.
        DataError: A file is unreadable.
    """
    _require_labels(before, after)
    old, new = _Read(before, config), _Read(after, config)
    return compare(
        old.run_side(),
        new.run_side(),
        moves=_moves(before, after),
        clusters_differ=_clusters_differ(old.fitted, new.fitted),
    )


class _Read:
    """What was read of one run."""

    def __init__(self, run: RunToCompare, config: RunSettings) -> None:
        self.files, self.known = run.files, run.known
        self.training, self.naming = read_recorded(self.files)
        self.settings = recorded_settings(self.training, self.naming)
        self.fitted = self._fitted()
        thresholds = recorded_thresholds(self.settings, config)
        self.side = published_side(PublishedFiles(self.files), self.fitted, thresholds)

    def run_side(self) -> RunSide:
        """Return it as one of two sides."""
        overridden = self.files.find_table(RunFile.OVERRIDES)
        return RunSide(self._known(), self.side, self.settings, 0 if overridden is None else len(overridden))

    def _fitted(self) -> FittedModel | None:
        try:
            return PublishedFiles(self.files).fitted() if self.files.find(RunFile.MODEL) else None
        except DataError as error:  # of another version, or damaged: the labels can be compared all the same
            logger.warning("the clusters of %s are not known: %s", self.files.name, error)
            return None

    def _known(self) -> ComparedRun:
        known, training = self.known, self.training
        labels = self.side.labels["cluster_label"]
        names = set(labels.unique())
        figures = self.naming.figures if self.naming.figures.true_share is not None else self._measured()
        fitted_k = len(self.fitted.kmeans_centroids) if self.fitted else None
        return ComparedRun(
            run=self.files.name,
            kind=known.kind if known else "files",
            stands=known.stands if known else False,
            as_of_month=training.as_of_month,
            labelled=len(labels),
            k=training.k if training.k is not None else fitted_k,
            segments=len(names - set(LIFECYCLE_LABELS)),
            true_share=figures.true_share,
            within_margin_share=figures.within_margin_share,
            silhouette=figures.silhouette,
            config_digest=training.config_digest or (known.config_digest if known else None),
            code_version=training.code_version,
        )

    def _measured(self) -> RecordedFigures:
        """Return how true labels are whose run did not record it, such as a month of a backfill."""
        thresholds = self.side.thresholds
        labels = self.side.labels.set_index("dfu_ck")["cluster_label"].reindex(self.side.own_values.index)
        if labels.empty or not set(labels.unique()) <= LABELS.keys():
            return RecordedFigures()
        values = own_values(self.side.own_values)
        bounds = volume_bounds(values["mean_demand"], thresholds.labeling.volume_thresholds)
        place, texts = pd.factorize(labels)
        named = [LABELS[text] for text in texts]
        claims = [Claim(of, self.side.sparsity_bounds.get((of.pattern, of.traits), 0.0)) for of in named]
        strict, nearly = (
            float(claims_are_true(claims, place, values, bounds, thresholds.labeling, margin).mean())
            for margin in (0.0, thresholds.label_margin)
        )
        return RecordedFigures(true_share=strict, within_margin_share=nearly)


def _require_labels(*runs: RunToCompare) -> None:
    without = [run.files.name for run in runs if run.files.find(RunFile.LABELS) is None]
    if without:
        raise IncomparableError(
            "Two runs that are compared must have labels",
            found=f"no {RunFile.LABELS}: the run ended before, or its files were removed",
            keys=without,
            remedy="name runs that have labelled; the list of runs says which are comparable",
        )


def _moves(before: RunToCompare, after: RunToCompare) -> pd.DataFrame | None:
    """Return how far DFUs moved; the later run knows it of the run alone that it continued."""
    with suppress(DataError):
        stability = after.files.stability()
        if stability is not None and stability.published_run == before.files.name:
            return after.files.find_table(RunFile.MOVES)
    return None


def _clusters_differ(before: FittedModel | None, after: FittedModel | None) -> bool | None:
    """Return whether clusters were fitted again; those that are kept keep what K-means found."""
    if before is None or after is None:
        return None
    return not np.array_equal(before.kmeans_centroids, after.kmeans_centroids)
