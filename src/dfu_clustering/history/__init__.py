"""What was known of every DFU at each month: for a forecaster that must not train on tomorrow's labels.

    labels = history.load(as_of=("2025-09", "2026-08"), features=["mean_demand"], segments_of="2026-08")
    rows = sales.merge(labels, how="left", on=["dfu_ck", "as_of_month"])

docs/history.md is the page for forecasters.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dfu_clustering.history.loading import agreement, changed_segments, load, months, segment_set
    from dfu_clustering.history.training_rows import training_table

__all__ = ["agreement", "changed_segments", "load", "months", "segment_set", "training_table"]

# when it is first asked for: who only wants to know which months there are loads nothing that clusters
_MODULES: Final = {
    "loading": ("agreement", "changed_segments", "load", "months", "segment_set"),
    "training_rows": ("training_table",),
}


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
