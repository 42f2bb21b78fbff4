"""The label that each DFU had as of a month, as a table that a forecaster can join."""

import numpy as np
import pandas as pd

LABEL_HISTORY = "dfu_label_history.parquet"
HISTORY_COLUMNS = ("dfu_ck", "as_of_month", "label", "distance", "margin")


def label_history(assignments: pd.DataFrame, labels: pd.DataFrame, as_of_month: str) -> pd.DataFrame:
    """Return one row a labelled DFU: what was known of it when as_of_month was the newest month.

    Args:
        assignments: dfu_ck, distance to the centroid of its cluster, and, where they say it, margin: distance to the
            next centroid less that distance.
        labels: dfu_ck, cluster_label of the same DFUs.
        as_of_month: ``2026-10``.

    Returns:
        HISTORY_COLUMNS in key order; margin is NaN where the assignments do not say it.
    """
    frame = labels[["dfu_ck", "cluster_label"]].rename(columns={"cluster_label": "label"})
    frame = frame.merge(assignments, on="dfu_ck", validate="one_to_one").sort_values("dfu_ck", ignore_index=True)
    frame["as_of_month"] = pd.Series(as_of_month, index=frame.index, dtype="str")
    if "margin" not in frame:
        frame["margin"] = np.nan
    return frame[list(HISTORY_COLUMNS)]
