"""Labels of DFUs that are not clustered: those too young to be judged, and those that have stopped selling."""

from typing import Final

import numpy as np
import pandas as pd

from dfu_clustering.features.histories import INSUFFICIENT_HISTORY, NO_DEMAND_IN_WINDOW
from dfu_clustering.labels.reasons import tier_reason
from dfu_clustering.labels.rules import Bounds, own_tiers
from dfu_clustering.labels.vocabulary import INACTIVE, NEW, TIERS, Label

LABEL_COLUMNS: Final = ("dfu_ck", "cluster_id", "cluster_label", "mean_demand", "reason")


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
    tiers = own_tiers(np.nan_to_num(mean), bounds)
    labels = [
        Label(NEW, TIERS[tier]) if new else Label(INACTIVE, "low") for new, tier in zip(is_new, tiers, strict=True)
    ]
    of_tier = [tier_reason(TIERS[tier], mean[i : i + 1], bounds)[0] for i, tier in enumerate(tiers.tolist())]
    reasons = [
        f"new: history shorter than can be judged; {text}" if new else "inactive: has sold, but not in the window"
        for new, text in zip(is_new, of_tier, strict=True)
    ]
    columns = {
        "dfu_ck": found["dfu_ck"].to_numpy(),
        "cluster_id": [label.segment_id for label in labels],
        "cluster_label": [label.text for label in labels],
        "mean_demand": mean,
        "reason": reasons,
    }
    return pd.DataFrame(columns).sort_values("dfu_ck", ignore_index=True)
