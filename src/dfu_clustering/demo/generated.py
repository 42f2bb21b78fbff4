"""The seeded demo panel: archetypes booked as sales rows, with the dirty facts of life of a real warehouse.

Each of these is a few percent or less: placeholder rows without qty, months netted below zero by returns, corrections
booked as one more row in a later load, DFUs that sell but are not in dim_dfu, DFUs in dim_dfu that never sold, items
not in dim_item, item numbers with underscores and with letters beyond ASCII. A month without demand has no row.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator
from numpy.typing import NDArray

from dfu_clustering.arrays import Flags, Floats, Integers
from dfu_clustering.demo.archetypes import ARCHETYPE_NAMES, TIERS, Traits, draw_traits, simulate_demand
from dfu_clustering.demo.attributes import assortment_keys, dfu_table, draw_assortment
from dfu_clustering.demo.catalog import as_objects, draw_items, item_table
from dfu_clustering.demo.rows import Bookings, WarehouseTables, sales_table
from dfu_clustering.errors import DataError
from dfu_clustering.months import month_range, parse_month

DEFAULT_N_DFUS = 5_000
DEFAULT_N_MONTHS = 48
DEFAULT_SEED = 20_261_101
DEFAULT_LAST_MONTH = "2026-10"

_FEWEST_MONTHS = 12
_DFUS_PER_ITEM, _FEWEST_ITEMS = 8, 8
_UNKNOWN_DFU_SHARE = 0.01  # as many DFUs again sell without being in dim_dfu
_PLACEHOLDER_SHARE = 0.02  # of the months on sale without demand have a row whose qty is NULL
_CORRECTION_SHARE = 0.015
_LARGEST_CORRECTION = 0.15  # of the month's demand
_LATEST_CORRECTION_MONTHS = 3
_SHORT_SHARE, _LARGEST_SHORTFALL = 0.05, 0.3


@dataclass(frozen=True)
class DemoPanel(WarehouseTables):
    """A generated warehouse and what it was generated from.

    Attributes:
        truth: Columns dfu_ck, archetype, tier; one row for every row of dim_dfu, in the same order.
    """

    truth: pa.Table


def generate_panel(
    n_dfus: int = DEFAULT_N_DFUS,
    n_months: int = DEFAULT_N_MONTHS,
    seed: int = DEFAULT_SEED,
    last_month: str = DEFAULT_LAST_MONTH,
) -> DemoPanel:
    """Generate a warehouse of known classes; the same arguments give the same bytes.

    Args:
        n_dfus: Rows of dim_dfu; one percent more DFUs sell without being in it.
        n_months: Months of sales, at least 12.
        seed: Seed of every draw.
        last_month: Newest month, ``YYYY-MM``.

    Raises:
        DataError: An argument is out of range.
    """
    _require_size(n_dfus, n_months, seed)
    months = month_range(parse_month(last_month), n_months)
    for_traits, for_demand, for_items, for_dfus, for_bookings = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(5)
    )
    n_selling = n_dfus + round(_UNKNOWN_DFU_SHARE * n_dfus)
    traits = draw_traits(for_traits, n_selling, n_months)
    demand = simulate_demand(for_demand, traits, months)
    items = draw_items(for_items, max(_FEWEST_ITEMS, n_dfus // _DFUS_PER_ITEM))
    assortment = draw_assortment(for_dfus, traits, items)
    dfus = dfu_table(for_dfus, traits, items, assortment, months).slice(0, n_dfus)
    sales = sales_table(assortment_keys(items, assortment), book_demand(for_bookings, demand, traits, months))
    return DemoPanel(
        items=item_table(for_items, items, months[-1]),
        dfus=dfus,
        sales=_with_shipments(for_bookings, sales),
        truth=_truth(dfus, traits),
    )


def book_demand(rng: Generator, demand: Floats, traits: Traits, months: NDArray[np.datetime64]) -> Bookings:
    """Return the rows that bring the demand, in the order of the loads; rows of one DFU and month add up to it.

    Args:
        rng: Source of chance.
        demand: (n_dfus, n_months) net demand.
        traits: Of the same DFUs; placeholders are booked only while a DFU is on sale.
        months: (n_months,) months of the columns.
    """
    month, dfu = np.nonzero((demand != 0).T | _placeholders(rng, demand, traits).T)
    qty = demand[dfu, month]
    later, correction = _corrections(rng, qty, month, len(months))
    corrected = np.flatnonzero(correction)
    rows = np.concatenate([np.arange(len(qty)), corrected])
    amount = np.concatenate([qty - correction, correction[corrected]])
    is_correction = np.arange(len(rows)) >= len(qty)
    load = month[rows] + np.where(is_correction, later[rows], 0)
    order = np.argsort(load, kind="stable")
    empty = qty[rows] == 0
    return Bookings(
        dfu=dfu[rows][order],
        month=months[month[rows][order]],
        qty=pa.array(amount[order], mask=empty[order]),
        number=np.where(is_correction, 2, 1)[order],
        load_month=months[load[order]],
    )


def _placeholders(rng: Generator, demand: Floats, traits: Traits) -> Flags:
    month = np.arange(demand.shape[1])
    on_sale = (month >= traits.first_month[:, None]) & (month <= traits.last_month[:, None])
    placeholders: Flags = (demand == 0) & on_sale & (rng.random(demand.shape) < _PLACEHOLDER_SHARE)
    return placeholders


def _corrections(rng: Generator, qty: Floats, month: Integers, n_months: int) -> tuple[Integers, Floats]:
    """Return how many loads later each row is corrected, and by how much (0: not at all)."""
    later = rng.integers(1, _LATEST_CORRECTION_MONTHS + 1, len(qty))
    correction = np.round(qty * rng.uniform(-_LARGEST_CORRECTION, _LARGEST_CORRECTION, len(qty)))
    chosen = (rng.random(len(qty)) < _CORRECTION_SHARE) & (month + later < n_months)
    return later, np.where(chosen, correction, 0.0)


def _with_shipments(rng: Generator, sales: pa.Table) -> pa.Table:
    """Add what was ordered, and what was shipped of it: now and then less."""
    qty = sales.column("qty")
    short = (rng.random(len(sales)) < _SHORT_SHARE) * rng.uniform(0, _LARGEST_SHORTFALL, len(sales))
    shipped = pc.round(pc.multiply(qty, pa.array(1 - short)))
    return sales.append_column("qty_ordered", qty).append_column("qty_shipped", shipped)


def _truth(dfus: pa.Table, traits: Traits) -> pa.Table:
    n = len(dfus)
    return pa.table(
        {
            "dfu_ck": dfus.column("dfu_ck"),
            "archetype": as_objects(ARCHETYPE_NAMES)[traits.archetype[:n]],
            "tier": as_objects(TIERS)[traits.tier[:n]],
        }
    )


def _require_size(n_dfus: int, n_months: int, seed: int) -> None:
    if n_dfus < 1 or n_months < _FEWEST_MONTHS or seed < 0:
        raise DataError(
            f"A demo panel must have at least one DFU and {_FEWEST_MONTHS} months, and a seed of 0 or more",
            found=f"{n_dfus} DFUs, {n_months} months, seed {seed}",
            remedy="choose larger numbers",
        )
