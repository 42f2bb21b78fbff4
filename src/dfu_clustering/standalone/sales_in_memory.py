"""Sales in memory as a source of features, in the place of a snapshot of the warehouse."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dfu_clustering.config.warehouse_names import WarehouseNames
from dfu_clustering.months import Month, last_day
from dfu_clustering.sales.long_form import MonthlySales
from dfu_clustering.warehouse.snapshot import SalesSpan, attribute_types

_TABLE = "the sales table"


@dataclass(frozen=True, eq=False)
class SalesInMemory:
    """A steps.sales_source.SalesSource of a table; nothing is known of items and DFUs but their keys.

    Attributes:
        sold: The sales by month.
        names: The attributes, all unknown here.
    """

    sold: MonthlySales
    names: WarehouseNames

    def items(self) -> pa.Table:
        """Return no items."""
        types = dict.fromkeys(("item_ck", "item_no"), pa.string()) | attribute_types(self.names.features_of("item"))
        return pa.schema(list(types.items())).empty_table()

    def dfus(self, *, features: bool = True) -> pa.Table:
        """Return the DFUs that sell, without attributes."""
        unknown = {
            name: pa.nulls(len(self.sold.dfus), kind)
            for name, kind in attribute_types(self.names.features_of("dfu")).items()
        }
        return pa.table({**{name: self.sold.dfus[name] for name in self.sold.dfus.column_names}, **unknown})

    def sales_span(self) -> SalesSpan:
        """Return the oldest and the newest month of the sales and their number of rows."""
        bounds = pc.min_max(self.sold.rows["startdate"]).as_py()
        return SalesSpan.of(_TABLE, bounds["min"], bounds["max"], len(self.sold.rows))

    def sales(self, as_of_month: Month, since: Month | None = None) -> Iterator[pa.RecordBatch]:
        """Return all rows from a month on to as_of_month."""
        upto = pa.scalar(np.datetime64(last_day(as_of_month)).astype(object), pa.date32())
        rows = self.sold.rows.filter(pc.less_equal(self.sold.rows["startdate"], upto))
        if since is not None:
            first = pa.scalar(since.astype("datetime64[D]").astype(object), pa.date32())
            rows = rows.filter(pc.greater_equal(rows["startdate"], first))
        yield from rows.to_batches()


def in_memory(sold: MonthlySales, names: WarehouseNames) -> SalesInMemory:
    """Return sales as a source; errors call both the table of the sales and that of the DFUs the sales table."""
    tables = names.tables.model_copy(update={"sales": _TABLE, "dfu": _TABLE})
    return SalesInMemory(sold, names.model_copy(update={"tables": tables}))
