"""Labels of DFUs that are not clustered: those too young to be judged, and those that have stopped selling."""

from typing import Final

import numpy as np
import pandas as pd

from dfu_clustering.features.histories import INSUFFICIENT_HISTORY, NO_DEMAND_IN_WINDOW
from dfu_clustering.labels.reasons import tier_reason
from dfu_clustering.labels.rules import Bounds, own_tiers
from dfu_clustering.labels.vocabulary import INACTIVE, NEW, TIERS, Label

LABEL_COLUMNS: Final = ("dfu_ck", "cluster_id", "cluster_label", "mean_demand", "reason")

_LABELS: Final = (*(Label(NEW, tier) for tier in TIERS), Label(INACTIVE, "low"))
_NEW_REASON: Final = "new: history too short to judge"
_INACTIVE_REASON: Final = "inactive: sold before, but not in the window"


def lifecycle_labels(left_out: pd.DataFrame, bounds: Bounds) -> pd.DataFrame:
    """Return labels for the DFUs that were left out although they have sold.

    ``new_{tier}_volume`` where the history is too short, with the tier of the mean demand so far; ``inactive`` for a
    DFU that has sold, but not in the window. Those that never sold, or are not in dim_dfu, have no label.

    Args:
        left_out: dfu_ck, reason, mean_demand of the DFUs that are not clustered.
        bounds: Of the volume tiers, of the clustered DFUs.

    Returns:
        LABEL_COLUMNS in key order.
    """
    is_new = (left_out["reason"] == INSUFFICIENT_HISTORY).to_numpy()
    kept = is_new | (left_out["reason"] == NO_DEMAND_IN_WINDOW).to_numpy()
    found, is_new = left_out[kept], is_new[kept]
    mean = found["mean_demand"].to_numpy(np.float64)
    tier = own_tiers(np.nan_to_num(mean), bounds)
    label_of, reason = np.full(len(found), len(TIERS)), np.full(len(found), _INACTIVE_REASON, dtype=object)
    for at, name in enumerate(TIERS):
        rows = np.flatnonzero(is_new & (tier == at))
        label_of[rows] = at
        reason[rows] = [f"{_NEW_REASON}; {text}" for text in tier_reason(name, mean[rows], bounds)]
    columns = {
        "dfu_ck": found["dfu_ck"].to_numpy(),
        "cluster_id": np.array([label.segment_id for label in _LABELS])[label_of],
        "cluster_label": np.array([label.text for label in _LABELS], dtype=object)[label_of],
        "mean_demand": mean,
        "reason": reason,
    }
    return pd.DataFrame(columns).sort_values("dfu_ck", ignore_index=True)
