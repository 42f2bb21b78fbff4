"""Where the key of a row is among other keys: what pandas' merge finds by an object for each key, by Arrow's hash."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dfu_clustering.arrays import Integers

if TYPE_CHECKING:
    import pandas as pd


def places_of(keys: "pd.Series[str]", among: "pd.Series[str]") -> Integers:
    """Return the place of each key among others, of which each is there once.

    Args:
        keys: (n,) texts.
        among: (m,) texts.

    Returns:
        (n,) places 0..m-1; -1 for a key that is not there.
    """
    wanted, others = (pa.array(values, pa.large_string(), from_pandas=True) for values in (keys, among))
    found = pc.fill_null(pc.index_in(wanted, others), -1)
    places: Integers = found.to_numpy(zero_copy_only=False).astype(np.int64)
    return places
