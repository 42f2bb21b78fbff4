"""Groups demand forecast units (DFUs) by how their demand behaves and gives every group a business label.

What others may rely on is listed in ``__all__``; every other module may move. A name is imported when it is first asked
for, so that ``import dfu_clustering`` costs next to nothing.

    from dfu_clustering import history, segment

    result = segment(sales)  # a table of sales, without a database
    labels = history.load("2026-08", features=["mean_demand"])  # what the flow knew as of a month
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dfu_clustering import history
    from dfu_clustering.clusters.k_selection import select_k
    from dfu_clustering.config.clustering import ClusteringConfig
    from dfu_clustering.config.loading import load_config
    from dfu_clustering.demo.generated import generate_panel
    from dfu_clustering.errors import ConfigError, DataError, DfuClusteringError, InputError, WarehouseError
    from dfu_clustering.features.histories import Histories
    from dfu_clustering.features.matrix import TIME_SERIES_FEATURES, time_series_features
    from dfu_clustering.labels.vocabulary import LABELS, Label
    from dfu_clustering.segments.first_fit import segment_from_scratch
    from dfu_clustering.segments.segmentation import Segmentation
    from dfu_clustering.standalone.result import SegmentResult
    from dfu_clustering.standalone.segment import segment

    __version__: str

__all__ = [
    "LABELS",
    "TIME_SERIES_FEATURES",
    "ClusteringConfig",
    "ConfigError",
    "DataError",
    "DfuClusteringError",
    "Histories",
    "InputError",
    "Label",
    "SegmentResult",
    "Segmentation",
    "WarehouseError",
    "generate_panel",
    "history",
    "load_config",
    "segment",
    "segment_from_scratch",
    "select_k",
    "time_series_features",
]

_MODULES: Final = {
    "clusters.k_selection": ("select_k",),
    "config.clustering": ("ClusteringConfig",),
    "config.loading": ("load_config",),
    "demo.generated": ("generate_panel",),
    "errors": ("ConfigError", "DataError", "DfuClusteringError", "InputError", "WarehouseError"),
    "features.histories": ("Histories",),
    "features.matrix": ("TIME_SERIES_FEATURES", "time_series_features"),
    "history": ("history",),
    "labels.vocabulary": ("LABELS", "Label"),
    "segments.first_fit": ("segment_from_scratch",),
    "segments.segmentation": ("Segmentation",),
    "standalone.result": ("SegmentResult",),
    "standalone.segment": ("segment",),
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        return version("dfu-clustering")
    for module, names in _MODULES.items():
        if name in names:
            found = import_module(f"{__name__}.{module}")
            return getattr(found, name, found)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__, "__version__"]
