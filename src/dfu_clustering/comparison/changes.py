"""Which labels differ between two runs, and the word that made the difference: the one place where that is found."""

import pandas as pd

from dfu_clustering.comparison.sides import Side
from dfu_clustering.labels.churn import LabelChurn, compare_with_published, with_ended_words


def label_changes(
    before: Side,
    after: Side,
    *,
    moves: pd.DataFrame | None,
    fitted_again: bool,
    other_settings: bool = False,
) -> tuple[LabelChurn, pd.DataFrame]:
    """Compare the labels of two runs DFU by DFU, and say of each that changed what changed it.

    The words of each run are judged by its own thresholds, so that a threshold that moved is a cause by name.

    Args:
        before: The earlier run.
        after: The later one.
        moves: dfu_ck and move, how far each DFU in both has moved; None: not known.
        fitted_again: Whether the clusters of the later run are others than those of the earlier one.
        other_settings: Whether the later run has other settings.

    Returns:
        How many labels changed, and ``labels.churn.COLUMNS`` of each DFU that has a label in both and another one now.
    """
    churn, changed = compare_with_published(
        before.labels, after.labels, moves, unchanged_move=after.thresholds.unchanged_move
    )
    explained = with_ended_words(
        changed,
        before.judged(changed["dfu_ck"]),
        after.judged(changed["dfu_ck"]),
        {**before.sparsity_bounds, **after.sparsity_bounds},
        min_months_history=after.thresholds.min_months_history,
        fitted_again=fitted_again,
        other_settings=other_settings,
    )
    return churn, explained
