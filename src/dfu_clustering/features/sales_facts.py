"""What the sales rows of a panel were like, counted month by month, so that an earlier month has facts of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dfu_clustering.arrays import Flags, Integers, Objects
from dfu_clustering.features.dfu_keys import KEY_COLUMNS

KEYS_KEPT: Final = 5  # DFUs with several rows, named a month


@dataclass(frozen=True, eq=False)
class SalesFacts:
    """What the sales rows were like: rows read, and how many needed one of the stated rules.

    Attributes:
        by_month: (n_months,) counts each: rows, unknown_rows (of DFUs that dim_dfu does not know), null_qty_rows,
            negative_qty_rows, duplicate_rows, clipped_months.
        duplicates: Place of the DFU, place of the month and name of the first DFUs with several rows in each month.
        unknown: Sold DFUs that dim_dfu does not know, by their three columns, with the place of their first month.
        recent_unknown: The first of them, those that sold last before the others.
    """

    by_month: Mapping[str, Integers] = field(default_factory=dict)
    duplicates: tuple[tuple[int, int, str], ...] = ()
    unknown: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    recent_unknown: tuple[str, ...] = ()

    def of_first(self, n_months: int) -> "SalesFacts":
        """Return the facts of the rows of the first months alone."""
        return SalesFacts(
            {name: counts[:n_months] for name, counts in self.by_month.items()},
            tuple(found for found in self.duplicates if found[1] < n_months),
            {key: first for key, first in self.unknown.items() if first < n_months},
        )

    @property
    def rows(self) -> int:
        """Return the number of rows read."""
        return self._sum("rows")

    @property
    def null_qty_rows(self) -> int:
        """Return the number of rows without a quantity, which count as 0."""
        return self._sum("null_qty_rows")

    @property
    def negative_qty_rows(self) -> int:
        """Return the number of returns."""
        return self._sum("negative_qty_rows")

    @property
    def duplicate_rows(self) -> int:
        """Return the number of rows beside the first of their DFU and month."""
        return self._sum("duplicate_rows")

    @property
    def clipped_months(self) -> int:
        """Return the number of months of DFUs that netted below zero."""
        return self._sum("clipped_months")

    @property
    def duplicate_keys(self) -> tuple[str, ...]:
        """Return the first DFUs with several rows in a month."""
        return tuple(name for _, _, name in sorted(self.duplicates)[:KEYS_KEPT])

    @property
    def unknown_dfus(self) -> tuple[str, ...]:
        """Return the DFUs that dim_dfu does not know: joined by underscores, different ones may read the same."""
        return tuple("_".join(key) for key in sorted(self.unknown))

    def _sum(self, name: str) -> int:
        return int(self.by_month[name].sum()) if name in self.by_month else 0


class RowCounts:
    """Counts rows month by month, as their batches come."""

    def __init__(self, n_months: int) -> None:
        self._by_month = {
            name: np.zeros(n_months, dtype=np.int64) for name in ("rows", "null_qty_rows", "negative_qty_rows", "known")
        }
        self._unknown: dict[tuple[str, str, str], tuple[int, int]] = {}  # first and last month

    def add(self, batch: pa.RecordBatch, month: Integers, known: Flags) -> None:
        """Count a batch.

        Args:
            batch: Its rows.
            month: (n_rows,) place of the month of each.
            known: (n_rows,) whether dim_dfu has the DFU.
        """
        qty = batch.column("qty")
        amount = qty.fill_null(0.0).to_numpy(zero_copy_only=False)
        self._count("rows", month)
        self._count("known", month[known])
        if qty.null_count:
            self._count("null_qty_rows", month[pc.is_null(qty).to_numpy(zero_copy_only=False)])
        self._count("negative_qty_rows", month[amount < 0])
        if not known.all():
            self._note_unknown(batch.filter(pa.array(~known)), month[~known])

    def facts(
        self, rows_of_cell: NDArray[np.uint32], dfu_ck: Objects, months: NDArray[np.str_], clipped_months: Integers
    ) -> SalesFacts:
        """Return the facts.

        Args:
            rows_of_cell: (n_months, n_dfus) rows of known DFUs.
            dfu_ck: (n_dfus,) keys.
            months: (n_months,) their names.
            clipped_months: (n_months,) DFUs whose month netted below zero.
        """
        filled = np.array([np.count_nonzero(of_month) for of_month in rows_of_cell], dtype=np.int64)
        counts = dict(self._by_month)
        known = counts.pop("known")
        repeated = known - filled
        duplicates = [
            (dfu, int(month), f"{dfu_ck[dfu]} {months[month]}")
            for month in np.flatnonzero(repeated)
            for dfu in np.flatnonzero(rows_of_cell[month] > 1)[:KEYS_KEPT].tolist()
        ]
        counts["unknown_rows"] = counts["rows"] - known
        by_month = {**counts, "duplicate_rows": repeated, "clipped_months": clipped_months}
        last_first = sorted(self._unknown, key=lambda key: (-self._unknown[key][1], key))
        return SalesFacts(
            by_month,
            tuple(duplicates),
            {key: first for key, (first, _) in self._unknown.items()},
            tuple("_".join(key) for key in last_first[:KEYS_KEPT]),
        )

    def _count(self, name: str, month: Integers) -> None:
        self._by_month[name] += np.bincount(month, minlength=len(self._by_month[name]))

    def _note_unknown(self, batch: pa.RecordBatch, month: Integers) -> None:
        columns = {name: batch.column(name).cast(pa.string()).fill_null("") for name in KEY_COLUMNS}
        months = pa.table({**columns, "month": month}).group_by(list(columns))
        found = months.aggregate([("month", "min"), ("month", "max")])
        keys = zip(*(found.column(name).to_pylist() for name in columns), strict=True)
        spans = zip(found.column("month_min").to_pylist(), found.column("month_max").to_pylist(), strict=True)
        for key, (first, last) in zip(keys, spans, strict=True):
            before = self._unknown.get(key, (first, last))
            self._unknown[key] = min(first, before[0]), max(last, before[1])
