"""The label that each DFU had as of a month, as a table that a forecaster can join."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dfu_clustering.files.keys import places_of
from dfu_clustering.overrides.overlay import overridden_dfus, put_over
from dfu_clustering.overrides.override import Override

HISTORY_COLUMNS = ("dfu_ck", "as_of_month", "label", "distance", "margin")


def label_history(assignments: pd.DataFrame, labels: pd.DataFrame, as_of_month: str) -> pd.DataFrame:
    """Return one row a labelled DFU: what was known of it when as_of_month was the newest month.

    Args:
        assignments: dfu_ck, distance to the centroid of its cluster, and margin: distance to the next centroid less
            that distance; DFUs that are not clustered have none.
        labels: dfu_ck, cluster_label.
        as_of_month: ``2026-10``.

    Returns:
        HISTORY_COLUMNS in key order.
    """
    frame = labels[["dfu_ck", "cluster_label"]].rename(columns={"cluster_label": "label"})
    place = places_of(frame["dfu_ck"], assignments["dfu_ck"])
    for name in ("distance", "margin"):
        frame[name] = np.where(place >= 0, assignments[name].to_numpy(np.float64)[place], np.nan)
    frame = frame.sort_values("dfu_ck", ignore_index=True)
    frame["as_of_month"] = pd.Series(as_of_month, index=frame.index, dtype="str")
    return frame[list(HISTORY_COLUMNS)]


def with_overrides(history: pd.DataFrame, overrides: Sequence[Override]) -> pd.DataFrame:
    """Return labels as of a month with what people had set on top, and the machine's label beside each.

    Args:
        history: HISTORY_COLUMNS of one month.
        overrides: In the order of their entry.

    Returns:
        HISTORY_COLUMNS and machine_label, in key order; DFUs that the machine gave no label have a row, too.
    """
    both = history.assign(machine_label=history["label"])
    if not overrides:
        return both
    overridden = overridden_dfus(history.rename(columns={"label": "cluster_label"}), overrides)
    both = put_over(both, overridden, "label")
    both["as_of_month"] = both["as_of_month"].fillna(history["as_of_month"].iloc[0])
    return both.sort_values("dfu_ck", ignore_index=True)
