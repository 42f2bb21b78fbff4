"""The sales of a backfill as it read them, once: the grid of DFUs x months in files, and what the rows were like.

Every month of the backfill is cut from it, also by a process that resumes the backfill after the sales have changed.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet

from dfu_clustering.features.panel import Panel
from dfu_clustering.features.sales_facts import SalesFacts
from dfu_clustering.files.summary import Summary, read_summary, write_summary
from dfu_clustering.files.tables import parquet_columns, read_table, readable_table, write_table
from dfu_clustering.months import Month, parse_month

_DEMAND: Final = "demand.parquet"  # dfu_ck, then a column a month: units, 0 where nothing was sold
_ATTRIBUTES: Final = "attributes.parquet"
_FACTS: Final = "facts.json"  # written last: a part that has it is whole


class _StoredFacts(Summary):
    dfu_table: str
    by_month: dict[str, list[int]]
    duplicates: list[tuple[int, int, str]]
    unknown: list[tuple[str, str, str, int]]

    @classmethod
    def of(cls, panel: Panel) -> "_StoredFacts":
        facts = panel.facts
        return cls(
            dfu_table=panel.dfu_table,
            by_month={name: counts.tolist() for name, counts in facts.by_month.items()},
            duplicates=list(facts.duplicates),
            unknown=[(*key, first) for key, first in sorted(facts.unknown.items())],
        )

    def facts(self) -> SalesFacts:
        return SalesFacts(
            {name: np.array(counts, dtype=np.int64) for name, counts in self.by_month.items()},
            tuple(self.duplicates),
            {(unit, group, loc): first for unit, group, loc, first in self.unknown},
        )


@dataclass(frozen=True)
class StoredSales:
    """One part of the DFUs: their demand and attributes as they were read.

    Attributes:
        folder: Where they lie.
    """

    folder: Path

    def write(self, panel: Panel, attributes: pd.DataFrame) -> None:
        """Write what was read; the attributes are of the DFUs of the panel, in its order."""
        demand = dict(zip(map(str, panel.months), panel.demand.T, strict=True))
        keys = pa.array(panel.dfu_ck, pa.string())
        write_table(pa.table({"dfu_ck": keys, **demand}), self.folder / _DEMAND)
        write_table(attributes, self.folder / _ATTRIBUTES)
        write_summary(_StoredFacts.of(panel), self.folder / _FACTS)

    def panel(self, as_of_month: Month | None = None) -> Panel:
        """Return the panel that the sales up to a month make; None: the newest month.

        Raises:
            DataError: A file is missing or unreadable, or the month is not in it.
        """
        panel = _panel(self.folder, self._written_ns())
        return panel if as_of_month is None else panel.as_of(as_of_month)

    def attributes(self) -> pd.DataFrame:
        """Return dfu_ck and the attributes of all DFUs of the panel.

        Raises:
            DataError: The file is missing or unreadable.
        """
        return _attributes(self.folder, self._written_ns())

    def _written_ns(self) -> int:
        """Return when the part was written: it tells what is in memory from what was written since."""
        whole = self.folder / _FACTS
        return whole.stat().st_mtime_ns if whole.exists() else 0


def stored_parts(sales_folder: Path) -> list[StoredSales]:
    """Return the parts of a backfill's sales that are whole."""
    return [StoredSales(path.parent) for path in sorted(sales_folder.glob(f"*/{_FACTS}"))]


def part_folder(sales_folder: Path, number: int) -> Path:
    """Return where a part of the DFUs lies."""
    return sales_folder / f"{number:04d}"


def whole_panel(sales_folder: Path, as_of_month: Month | None = None) -> Panel:
    """Return the panel of all parts, its DFUs in the order of their keys; of the facts only those of the first part.

    Raises:
        DataError: As StoredSales.panel().
    """
    panels = [part.panel(as_of_month) for part in stored_parts(sales_folder)]
    if len(panels) == 1:
        return panels[0]
    dfu_ck: Any = np.concatenate([panel.dfu_ck for panel in panels])
    order = pd.Series(dfu_ck).argsort(kind="stable").to_numpy()
    by_month = np.concatenate([panel.demand.T for panel in panels], axis=1)[:, order]
    return Panel(dfu_ck[order], by_month.T, panels[0].as_of_month, panels[0].facts, panels[0].dfu_table)


@lru_cache(maxsize=1)  # month after month is cut from one panel; of several parts one at a time is in memory
def _panel(folder: Path, written_ns: int) -> Panel:
    path, stored = folder / _DEMAND, read_summary(_StoredFacts, folder / _FACTS)
    months = parquet_columns(path)[1:]
    with readable_table(path):
        keys = parquet.read_table(path, columns=["dfu_ck"]).column("dfu_ck")
        demand = np.empty((len(months), len(keys)))
        for row, month in zip(demand, months, strict=True):
            row[:] = parquet.read_table(path, columns=[month]).column(0).to_numpy()
    dfu_ck = keys.to_numpy(zero_copy_only=False).astype(object)
    return Panel(dfu_ck, demand.T, parse_month(months[-1]), stored.facts(), stored.dfu_table)


@lru_cache(maxsize=1)
def _attributes(folder: Path, written_ns: int) -> pd.DataFrame:
    return read_table(folder / _ATTRIBUTES)
