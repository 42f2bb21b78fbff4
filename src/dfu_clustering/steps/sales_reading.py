"""The sales of a run, read once: the gate judges what is read, and the features are built of the same."""

from contextlib import AbstractContextManager

from sqlalchemy import Engine

from dfu_clustering.features.panel import RECENT_MONTHS
from dfu_clustering.loads.sales_loads import SalesOverview
from dfu_clustering.quality.recent_sales import RecentSales
from dfu_clustering.steps.sales_source import SalesRead, read_source
from dfu_clustering.warehouse.connect import names_of
from dfu_clustering.warehouse.snapshot import WHOLE, Part, Snapshot, SnapshotGoneError, snapshot


class SalesReading:
    """The sales up to a month, in one snapshot.

    Args:
        sales: The open snapshot, and what is known of it; None: each reading opens one of its own.
        as_of_month: ``2026-10``; None: the newest month with sales.
        parts: In how many parts of the DFUs they are read; only of one part are all in memory.
    """

    def __init__(self, sales: SalesOverview | None, as_of_month: str | None, *, parts: int = 1) -> None:
        self.sales, self.as_of_month, self._parts = sales, as_of_month, parts
        self._whole: SalesRead | None = None

    def whole(self, engine: Engine) -> SalesRead:
        """Return all sales; they are read by the first who asks.

        Raises:
            SnapshotGoneError: The snapshot is not open any more, or a table was emptied.
            WarehouseError: A table or column is missing.
            DataError: There are no sales, or the as-of month is outside of them.
        """
        if self._whole is None:
            read = self._read(engine)
            require_all(self.sales, read.panel.facts.rows)
            self._whole = read
        return self._whole

    def recent(self, engine: Engine) -> RecentSales:
        """Return what the DFUs sold in the newest months; where they are read in parts, only these months are read.

        Raises:
            SnapshotGoneError, WarehouseError, DataError: As whole().
        """
        if self._parts == 1:
            return self.whole(engine).recent()
        return self._read(engine, newest_months=RECENT_MONTHS).recent()

    def part(self, engine: Engine, part: Part) -> SalesRead:
        """Return the sales of a part of the DFUs.

        Raises:
            SnapshotGoneError, WarehouseError, DataError: As whole().
        """
        return self.whole(engine) if part == WHOLE else self._read(engine, part=part)

    def _read(self, engine: Engine, *, part: Part = WHOLE, newest_months: int | None = None) -> SalesRead:
        span = self.sales.span if self.sales else None
        with self._snapshot(engine, part) as source:
            return read_source(
                source,
                names_of(engine),
                as_of_month=self.as_of_month,
                part=part,
                span=span,
                newest_months=newest_months,
            )

    def _snapshot(self, engine: Engine, part: Part) -> AbstractContextManager[Snapshot]:
        return snapshot(engine, part=part, same_as=self.sales.snapshot if self.sales else None)


def require_all(sales: SalesOverview | None, rows: int) -> None:
    """Check that as many rows were read as there are in the snapshot that the gate has judged.

    TRUNCATE and some kinds of ALTER TABLE are beyond snapshots: in older ones, too, the table is empty then.

    Raises:
        SnapshotGoneError: There were others.
    """
    if sales and sales.state.rows not in (0, rows):  # 0: not known
        raise SnapshotGoneError(
            f"the sales were emptied or rewritten while they were read: {rows:,} rows instead of {sales.state.rows:,}"
        )
