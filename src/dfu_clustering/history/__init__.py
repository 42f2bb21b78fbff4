"""What was known of every DFU at each month: for a forecaster that must not train on tomorrow's labels.

    labels = history.load(as_of=("2025-09", "2026-08"), features=["mean_demand"], segments_of="2026-08")
    rows = sales.merge(labels, how="left", on=["dfu_ck", "as_of_month"])

docs/history.md is the page for forecasters.
"""

from dfu_clustering.history.loading import agreement, changed_segments, load, months, segment_set
from dfu_clustering.history.training_table import training_table

__all__ = ["agreement", "changed_segments", "load", "months", "segment_set", "training_table"]
