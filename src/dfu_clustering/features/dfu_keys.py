"""The three columns that make a DFU, mapped to its row in the panel without a Python object a sales row."""

import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from dfu_clustering.arrays import Integers, Objects
from dfu_clustering.config.warehouse_names import WarehouseNames
from dfu_clustering.errors import WarehouseError

KEY_COLUMNS = ("dmdunit", "dmdgroup", "loc")


class KeyIndex:
    """Maps (dmdunit, dmdgroup, loc) to the row of the panel without a Python object per sales row.

    Args:
        dims: Columns dmdunit, dmdgroup, loc of the DFUs.
        dfu_ck: Their keys.
        names: What an error calls the table and its columns.
    """

    def __init__(self, dims: pa.Table, dfu_ck: Objects, names: WarehouseNames) -> None:
        self._values = [pc.unique(dims.column(name).combine_chunks().drop_null()) for name in KEY_COLUMNS]
        combined = self._combined(dims.select(KEY_COLUMNS).combine_chunks().to_batches()[0]) if len(dims) else _EMPTY
        position = np.flatnonzero(combined >= 0)
        self._index = pd.Index(combined[position])
        _require_unique(self._index, dfu_ck[position], names)
        self._position = np.append(position, -1)  # a key that is not found reads the last entry

    def positions(self, batch: pa.RecordBatch) -> NDArray[np.intp]:
        """Return the (n_rows,) panel row of each sale; -1 where dim_dfu does not know the DFU."""
        return self._position[self._index.get_indexer(pd.Index(self._combined(batch)))]

    def _combined(self, batch: pa.RecordBatch) -> Integers:
        codes = [_codes(batch.column(n), v) for n, v in zip(KEY_COLUMNS, self._values, strict=True)]
        unit, group, loc = codes
        n_groups, n_locs = len(self._values[1]), len(self._values[2])
        known = (unit >= 0) & (group >= 0) & (loc >= 0)
        return np.where(known, (unit * n_groups + group) * n_locs + loc, -1)


_EMPTY = np.empty(0, dtype=np.int64)


def _codes(column: pa.Array, values: pa.Array) -> Integers:
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    of_dictionary = pc.index_in(encoded.dictionary, value_set=values).fill_null(-1).to_numpy(zero_copy_only=False)
    indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    with_null = np.append(of_dictionary, -1)  # index -1, a null, reads the last entry
    return np.asarray(with_null[indices], dtype=np.int64)


def natural_keys(batch: pa.RecordBatch) -> list[tuple[str, str, str]]:
    """Return the distinct keys as they are: joined by underscores, different DFUs may read the same.

    A key that is missing is an empty text: where the gate lets such rows through, they are of no DFU of the table.
    """
    if not batch.num_rows:
        return []
    columns = {name: batch.column(name).cast(pa.string()).fill_null("") for name in KEY_COLUMNS}
    distinct = pa.table(columns).group_by(list(columns)).aggregate([])
    return list(zip(*(distinct.column(name).to_pylist() for name in columns), strict=True))


def _require_unique(keys: "pd.Index[int]", dfu_ck: Objects, names: WarehouseNames) -> None:
    if not keys.is_unique:
        order = np.argsort(keys, kind="stable")
        again = np.flatnonzero(np.diff(keys[order]) == 0)
        table, own = names.tables.dfu, names.columns.dfu
        raise WarehouseError(
            f"{table} must hold one row for each {own.dmdunit}, {own.dmdgroup} and {own.loc}",
            found=f"several {own.dfu_ck} for one of them",
            keys=[f"{dfu_ck[order[i]]} = {dfu_ck[order[i + 1]]}" for i in again],
            remedy=f"remove the duplicate rows from {table}",
        )


def keys_digest(keys: ArrayLike) -> str:
    """Return 16 hex digits that are the same for the same dfu_ck in any order."""
    return hashlib.sha256("\n".join(sorted(np.asarray(keys, dtype=object).tolist())).encode()).hexdigest()[:16]
