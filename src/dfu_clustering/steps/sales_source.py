"""Where sales come from, and how they become the panel that features are built from."""

import logging
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final, Protocol

import pandas as pd
import pyarrow as pa

from dfu_clustering.config.warehouse_names import REGION, WarehouseNames
from dfu_clustering.features.attributes import add_attributes
from dfu_clustering.features.dfu_keys import KEY_COLUMNS
from dfu_clustering.features.panel import Panel, PanelBuilder
from dfu_clustering.files.keys import places_of
from dfu_clustering.files.progress import progress
from dfu_clustering.months import Month, parse_month
from dfu_clustering.quality.recent_sales import RecentSales
from dfu_clustering.warehouse.snapshot import WHOLE, Part, SalesSpan

logger = logging.getLogger(__name__)

# of DFUs that stop selling together where a load is not all there
_GROUPS: Final = {"location": "loc", "customer group": "dmdgroup", REGION: REGION}


class SalesSource(Protocol):
    """The sales of some DFUs and what is known of these: a snapshot of the warehouse, or a table in memory."""

    def items(self) -> pa.Table:
        """Return item_ck, item_no and the item's attributes."""

    def dfus(self, *, features: bool = True) -> pa.Table:
        """Return dfu_ck, dmdunit, dmdgroup, loc and the DFU's attributes, with or without those that are features."""

    def sales_span(self) -> SalesSpan:
        """Return the oldest and the newest month of the sales and their number of rows."""

    def sales(self, as_of_month: Month, since: Month | None = None) -> Iterable[pa.RecordBatch]:
        """Return dmdunit, dmdgroup, loc, startdate and qty of all rows from a month on to as_of_month."""


@dataclass(frozen=True, eq=False)
class SalesRead:
    """What was read.

    Attributes:
        panel: Monthly demand of all DFUs.
        items: One row an item, with its attributes.
        dfus: One row a DFU, with its attributes, by key.
    """

    panel: Panel
    items: pa.Table
    dfus: pa.Table

    def with_attributes(self, features: pd.DataFrame, names: WarehouseNames) -> pd.DataFrame:
        """Return a feature matrix with the attributes of its DFUs and their items added."""
        return add_attributes(
            features,
            self.items.to_pandas(),
            self.dfus.to_pandas(),
            item_attributes=names.features_of("item"),
            dfu_attributes=names.features_of("dfu"),
        )

    def keys(self) -> pa.Table:
        """Return dfu_ck, dmdunit, dmdgroup, loc of all DFUs, by key."""
        return self.dfus.select(["dfu_ck", *KEY_COLUMNS])

    def recent(self) -> RecentSales:
        """Return what the DFUs sold in the newest months; groups that the DFU table does not know are left out."""
        panel = self.panel
        if panel.recent_rows is None:
            raise ValueError("the rows of the newest months are not known of a panel that was cut or stored")
        facts, months = panel.facts, slice(-len(panel.recent_rows), None)
        return RecentSales(
            panel.dfu_ck,
            panel.demand.T[months],
            panel.recent_rows,
            facts.by_month["rows"][months],
            facts.by_month["unknown_rows"][months],
            facts.recent_unknown,
            {
                kind: self.dfus.column(name).combine_chunks()
                for kind, name in _GROUPS.items()
                if name in self.dfus.column_names
            },
        )

    def attributes(self, names: WarehouseNames) -> pd.DataFrame:
        """Return dfu_ck and the attributes of all DFUs of the panel."""
        return self.with_attributes(pd.DataFrame({"dfu_ck": pd.Series(self.panel.dfu_ck, dtype="str")}), names)


@dataclass(frozen=True, eq=False)
class CutSales:
    """What was read before, cut at a month.

    Attributes:
        panel: Monthly demand of all DFUs up to the month.
        attributes: What SalesRead.attributes() returned.
    """

    panel: Panel
    attributes: pd.DataFrame

    def with_attributes(self, features: pd.DataFrame, names: WarehouseNames) -> pd.DataFrame:
        """Return a feature matrix with the attributes of its DFUs added; they are of the names of the reading."""
        rows = places_of(features["dfu_ck"], self.attributes["dfu_ck"])
        of_dfu = self.attributes.drop(columns="dfu_ck").take(rows).set_axis(features.index)
        return pd.concat([features, of_dfu], axis="columns")


def read_source(
    source: SalesSource,
    names: WarehouseNames,
    *,
    as_of_month: str | None = None,
    part: Part = WHOLE,
    span: SalesSpan | None = None,
    newest_months: int | None = None,
) -> SalesRead:
    """Read all that features are built from.

    Args:
        source: The sales.
        names: What errors call tables and columns.
        as_of_month: ``2026-10``; default: the newest month with sales.
        part: The part of the DFUs that the source is confined to.
        span: Of its sales, where that is known already.
        newest_months: How many months are read, without attributes of DFUs that are features; None: all of both.

    Raises:
        WarehouseError: A table or column is missing.
        DataError: There are no sales, or as_of_month is outside of them.
    """
    items, dfus = source.items(), source.dfus(features=newest_months is None).sort_by("dfu_ck").combine_chunks()
    span = span or source.sales_span()
    if span.undated_rows:
        logger.warning("undated_rows=%d have no month from year 1 to 9998 and count for nothing", span.undated_rows)
    month = span.as_of(parse_month(as_of_month) if as_of_month else None)
    keys = dfus.select(["dfu_ck", *KEY_COLUMNS])
    since = None if newest_months is None else max(span.first_month, month - (newest_months - 1))
    builder = PanelBuilder(keys, first_month=since or span.first_month, as_of_month=month, names=names)
    with progress("reading sales rows", span.rows // part.of) if since is None else nullcontext() as advance:
        for batch in source.sales(month, since):
            builder.add(batch)
            if advance:  # of the newest months it is not known how many rows there are
                advance(batch.num_rows)
    return SalesRead(builder.build(), items, dfus)
