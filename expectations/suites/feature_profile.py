"""The feature matrix counted, a slice of rows at a time: what of it is undefined, out of range, repeated or dead."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from expectations.engine.results import KEYS_KEPT

_ROWS_AT_A_TIME = 65_536

Range = tuple[float, float]


@dataclass
class Broken:
    """Rows that break a rule: how many, and the keys of the first few."""

    rows: int = 0
    keys: list[str] = field(default_factory=list)

    def add(self, broken: NDArray[np.bool_], keys: pa.Array) -> None:
        """Count the rows of a slice that are marked."""
        self.rows += int(broken.sum())
        first = np.flatnonzero(broken)[: KEYS_KEPT - len(self.keys)]
        self.keys += [str(key) for key in keys.take(pa.array(first)).to_pylist()]


@dataclass(frozen=True)
class FeatureProfile:
    """What a feature matrix holds.

    Attributes:
        rows: Rows of the matrix.
        repeated: Rows whose dfu_ck occurs more than once.
        undefined: By feature: rows in which it is NaN.
        outside: By feature: rows in which it is infinite or out of its range.
        lowest: By feature: its smallest value that is no NaN; infinite where there is none.
        highest: The largest.
    """

    rows: int
    repeated: Broken
    undefined: Mapping[str, Broken]
    outside: Mapping[str, Broken]
    lowest: Mapping[str, float]
    highest: Mapping[str, float]

    def distinct_values(self, name: str) -> int:
        """Return the number of a feature's distinct values: 0, 1, or 2 for more than one."""
        low, high = self.lowest[name], self.highest[name]
        return 0 if low > high else 1 if low == high else 2


def profile_features(path: Path, ranges: Mapping[str, Range]) -> FeatureProfile:
    """Count a feature matrix; of its values only a slice of rows is in memory at a time.

    Args:
        path: The matrix, .parquet.
        ranges: Smallest and largest value by feature.
    """
    matrix = pq.ParquetFile(path, pre_buffer=False)  # else it is read whole, ahead of the slices
    undefined, outside = ({name: Broken() for name in ranges} for _ in range(2))
    lowest, highest = dict.fromkeys(ranges, np.inf), dict.fromkeys(ranges, -np.inf)
    for rows in matrix.iter_batches(_ROWS_AT_A_TIME, columns=["dfu_ck", *ranges]):
        keys = rows.column("dfu_ck")
        for name, (low, high) in ranges.items():
            values = rows.column(name).to_numpy(zero_copy_only=False).astype(float, copy=False)
            unknown = np.isnan(values)
            undefined[name].add(unknown, keys)
            outside[name].add(~unknown & ~((values >= low) & (values <= high)), keys)
            lowest[name] = float(np.fmin.reduce(values, initial=lowest[name]))
            highest[name] = float(np.fmax.reduce(values, initial=highest[name]))
    return FeatureProfile(matrix.metadata.num_rows, _repeated(matrix), undefined, outside, lowest, highest)


def _repeated(matrix: pq.ParquetFile) -> Broken:
    keys = matrix.read(columns=["dfu_ck"]).column("dfu_ck")
    if pc.count_distinct(keys).as_py() == len(keys):
        return Broken()
    counted = keys.combine_chunks().value_counts()
    several = counted.filter(pc.greater(counted.field("counts"), 1))
    return Broken(pc.sum(several.field("counts")).as_py(), several.field("values").to_pylist()[:KEYS_KEPT])
