"""Samples that hold every volume tier in its true proportion."""

import numpy as np

from dfu_clustering.arrays import Floats, Integers


def stratified_sample(volume: Floats, size: int, rng: np.random.Generator) -> Integers:
    """Return the rows of a systematic sample along the order of volume, in ascending order of rows.

    Rows are ranked by volume (ties: by row) and every n/size-th rank is taken from a random start. Whatever quantiles
    bound the volume tiers, a tier's number of rows differs from its proportional share by less than one.

    Args:
        volume: (n,) mean monthly demand.
        size: Rows wanted; all rows are returned where there are no more.
        rng: Draws the start.

    Returns:
        (min(n, size),) distinct row numbers.
    """
    n = len(volume)
    if n <= size:
        return np.arange(n)
    ranks = ((np.arange(size) + rng.uniform()) * n / size).astype(np.int64)
    return np.sort(np.argsort(volume, kind="stable")[ranks])
