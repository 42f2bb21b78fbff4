"""ABC classes: how much of all volume the DFUs carry, the largest first."""

from typing import Final

import numpy as np

from dfu_clustering.arrays import Floats, Objects

_A_SHARE: Final = 0.80  # of the cumulated volume
_B_SHARE: Final = 0.95


def abc_classes(mean_demand: Floats) -> Objects:
    """Return A for the largest DFUs up to 80 % of the cumulated volume, B up to 95 %, C for the others.

    The DFU that crosses a share belongs to the class below it that it completes; DFUs of one volume are of one class.

    Args:
        mean_demand: (n_dfus,) units a month; NaN counts as 0.
    """
    volume = np.nan_to_num(mean_demand)
    order = np.argsort(-volume, kind="stable")
    total = float(np.cumsum(volume[order])[-1]) if len(volume) else 0.0
    before = np.cumsum(volume[order]) - volume[order]  # what the larger ones carry
    ties = np.concatenate([[True], np.diff(volume[order]) != 0]) if len(volume) else np.empty(0, dtype=np.bool_)
    first = np.maximum.accumulate(np.where(ties, np.arange(len(volume)), 0))
    share = before[first] / total if total > 0 else np.ones(len(volume))
    classes = np.empty(len(volume), dtype=object)
    classes[order] = np.select([share < _A_SHARE, share < _B_SHARE], ["A", "B"], "C")
    return classes
