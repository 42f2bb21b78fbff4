"""Which labels differ between two runs, and the word that made the difference: the one place where that is found."""

from dataclasses import dataclass

import pandas as pd

from dfu_clustering.comparison.sides import Side
from dfu_clustering.config.clustering import LabelingConfig, RunSettings
from dfu_clustering.labels.churn import LabelChurn, compare_with_published, with_ended_words


@dataclass(frozen=True)
class Thresholds:
    """By which the words of both are judged: those of the later run.

    Attributes:
        labeling: Thresholds of the words.
        label_margin: Share of a threshold by which a word may be missed and still held.
        unchanged_move: Move up to which a DFU's history barely changed.
        min_months_history: Months of history from which a DFU is new no more.
    """

    labeling: LabelingConfig
    label_margin: float
    unchanged_move: float
    min_months_history: int

    @classmethod
    def of(cls, config: RunSettings) -> "Thresholds":
        """Return those of a configuration."""
        limits = config.stability
        return cls(config.labeling, limits.label_margin, limits.unchanged_move, config.min_months_history)


def label_changes(
    before: Side,
    after: Side,
    thresholds: Thresholds,
    *,
    moves: pd.DataFrame | None,
    fitted_again: bool,
    other_settings: bool = False,
) -> tuple[LabelChurn, pd.DataFrame]:
    """Compare the labels of two runs DFU by DFU, and say of each that changed what changed it.

    Args:
        before: The earlier run.
        after: The later one.
        thresholds: By which words are judged.
        moves: dfu_ck and move, how far each DFU in both has moved; None: not known.
        fitted_again: Whether the clusters of the later run are others than those of the earlier one.
        other_settings: Whether the later run has other settings.

    Returns:
        How many labels changed, and ``labels.churn.COLUMNS`` of each DFU that has a label in both and another one now.
    """
    churn, changed = compare_with_published(
        before.labels, after.labels, moves, unchanged_move=thresholds.unchanged_move
    )
    explained = with_ended_words(
        changed,
        before.judged,
        after.judged,
        {**before.sparsity_bounds, **after.sparsity_bounds},
        (
            before.tier_bounds(thresholds.labeling.volume_thresholds),
            after.tier_bounds(thresholds.labeling.volume_thresholds),
        ),
        thresholds.labeling,
        margin=thresholds.label_margin,
        min_months_history=thresholds.min_months_history,
        fitted_again=fitted_again,
        other_settings=other_settings,
    )
    return churn, explained
