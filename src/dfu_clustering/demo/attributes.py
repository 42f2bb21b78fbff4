"""DFUs of the invented distributor: which item goes to which customers from which place, and what dim_dfu says of it.

As in real dimension tables, supergroup and sop_ref are wholly NULL, otc_status and purge_sw hold one constant,
state_plan and material have about as many values as there are DFUs.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.random import Generator
from numpy.typing import NDArray

from dfu_clustering.arrays import Integers, Objects
from dfu_clustering.demo.archetypes import Traits
from dfu_clustering.demo.catalog import (
    CATEGORIES,
    PACKS,
    Items,
    as_objects,
    brand_names,
    column,
    numbered,
    pick_member,
    product_names,
)
from dfu_clustering.demo.rows import dfu_keys, load_timestamps

GROUPS = ("ON_PREMISE", "GROCERY_CHAIN", "CONVENIENCE", "INDEPENDENT", "CLUB", "DUTY FREE")
_STATES = (
    ("NY", "NORTHEAST", "EAST"), ("MA", "NORTHEAST", "EAST"), ("PA", "NORTHEAST", "EAST"), ("FL", "SOUTHEAST", "EAST"),
    ("GA", "SOUTHEAST", "EAST"), ("TN", "SOUTHEAST", "EAST"), ("TX", "SOUTH CENTRAL", "CENTRAL"),
    ("LA", "SOUTH CENTRAL", "CENTRAL"), ("IL", "MIDWEST", "CENTRAL"), ("OH", "MIDWEST", "CENTRAL"),
    ("MN", "MIDWEST", "CENTRAL"), ("CO", "MOUNTAIN", "WEST"), ("AZ", "MOUNTAIN", "WEST"), ("CA", "PACIFIC", "WEST"),
    ("WA", "PACIFIC", "WEST"),
)  # fmt: skip
_N_LOCATIONS = 40
_N_OUTLETS = len(GROUPS) * _N_LOCATIONS
_STRIDES = np.array([7, 11, 13, 17, 19, 23, 29, 31])  # coprime to the number of outlets, so that none comes twice

_LEANING_SHARE = 0.65  # of the DFUs are of an item that leans to their archetype
_NULL_SHARE = 0.03
_ABC_ENDS = np.array([0.2, 0.5])  # shares (0-1) of the DFUs, by volume, at which A and B end
_SERVICE_LEVEL_PCT = np.array([98, 95, 90])  # of A, B and C
_OTHER_SERVICE_SHARE = 0.1


@dataclass(frozen=True)
class Assortment:
    """What every DFU is, all of shape (n_dfus,): position of its item, in GROUPS, and among the locations."""

    item: Integers
    group: Integers
    location: Integers


def draw_assortment(rng: Generator, traits: Traits, items: Items) -> Assortment:
    """Return what every DFU is: most are of an item that leans to their archetype, and no two are the same."""
    n, n_items = len(traits.archetype), len(items.item_no)
    fitting = pick_member(rng, traits.archetype, items.leaning)
    item = np.where(rng.random(n) < _LEANING_SHARE, fitting, rng.integers(0, n_items, n))
    start, stride = rng.integers(0, _N_OUTLETS, n_items), rng.choice(_STRIDES, n_items)
    outlet = (start[item] + _nth_of_its_item(item) * stride[item]) % _N_OUTLETS
    return Assortment(item, outlet % len(GROUPS), outlet // len(GROUPS))


def assortment_keys(items: Items, assortment: Assortment) -> pa.Table:
    """Return dfu_ck, dmdunit, dmdgroup, loc of every DFU."""
    loc = numbered("DC{:02d}", assortment.location + 1)
    group = as_objects(GROUPS)[assortment.group]
    return dfu_keys(pa.array(items.item_no[assortment.item]), pa.array(group), pa.array(loc))


def dfu_table(
    rng: Generator, traits: Traits, items: Items, assortment: Assortment, months: NDArray[np.datetime64]
) -> pa.Table:
    """Return the rows of dim_dfu, one for every row of the arguments; ``months`` are those of the panel."""
    n = len(traits.archetype)
    keys = assortment_keys(items, assortment)
    unknown = pa.nulls(n, pa.string())
    load_ts = load_timestamps(np.broadcast_to(months[-1], n))
    return pa.table(
        {
            **{name: keys.column(name) for name in keys.column_names},
            **_volume_columns(rng, traits),
            **_product_columns(rng, items, assortment.item),
            **_place_columns(rng, items, assortment),
            "histstart": _history_start(traits, months),
            "file_dt": load_ts.cast(pa.date32(), safe=False).cast(pa.string()),
            "material": numbered("M{:08d}", rng.permutation(n)),
            "ded_div_sw": rng.integers(0, 2, n),
            "otc_status": np.full(n, "OTC", dtype=object),
            "purge_sw": np.zeros(n, dtype=np.int64),
            "supergroup": unknown,
            "cnty": unknown,
            "sop_ref": unknown,
            "load_ts": load_ts,
            "modified_ts": load_ts,
        }
    )


def _nth_of_its_item(item: Integers) -> Integers:
    order = np.argsort(item, kind="stable")
    nth = np.empty(len(item), dtype=np.int64)
    nth[order] = np.arange(len(item)) - np.searchsorted(item[order], item[order])
    return nth


def _volume_columns(rng: Generator, traits: Traits) -> dict[str, pa.Array]:
    n = len(traits.level)
    rank = np.argsort(np.argsort(-traits.level, kind="stable"), kind="stable")
    abc = np.searchsorted(_ABC_ENDS, rank / n, side="right")
    service = np.where(rng.random(n) < _OTHER_SERVICE_SHARE, rng.integers(0, 3, n), abc)
    return {
        "abc_vol": _with_nulls(rng, as_objects(tuple("ABC"))[abc]),
        "service_lvl_grp": _with_nulls(rng, numbered("SL{}", _SERVICE_LEVEL_PCT[service])),
    }


def _product_columns(rng: Generator, items: Items, item: Integers) -> dict[str, pa.Array]:
    n = len(item)
    brand, size = brand_names(items)[item], column(PACKS, "size")[items.pack][item]
    category, sub_class = product_names(items, "category")[item], product_names(items, "sub_class")[item]
    wine = items.category[item] == CATEGORIES.index("WINE")
    domestic = items.country[item] == "USA"
    lead_time_days = np.where(domestic, rng.integers(5, 22, n), rng.integers(35, 121, n))
    return {
        "brand": _with_nulls(rng, numbered("B{:03d}", items.brand[item])),
        "brand_desc": pa.array(brand),
        "brand_size": pa.array(brand + " " + size),
        "size": pa.array(size),
        "prod_cat_desc": _with_nulls(rng, category),
        "prod_class_desc": pa.array(product_names(items, "class_")[item]),
        "prod_subgrp_desc": pa.array(sub_class),
        "subclass_desc": pa.array(sub_class),
        "bot_type_desc": pa.array(column(PACKS, "bottle")[items.pack][item]),
        "grape_vrty_desc": pa.array(sub_class, mask=~wine),
        "vintage": pa.array(2025 - rng.integers(0, 6, n), mask=~wine),
        "dom_imp_opt": pa.array(np.where(domestic, "D", "I").astype(object)),
        "supplier_desc": pa.array(numbered("SUPPLIER {:03d}", items.brand[item] % 45)),
        "producer_desc": pa.array(numbered("PRODUCER {:03d}", items.brand[item] % 90)),
        "total_lt": _with_nulls(rng, lead_time_days),
        "alcoh_pct": pa.array(items.alcohol_pct[item]),
        "proof": pa.array(np.round(2 * items.alcohol_pct[item], 1)),
    }


def _place_columns(rng: Generator, items: Items, assortment: Assortment) -> dict[str, pa.Array]:
    state, region, division = as_objects(_STATES)[assortment.location % len(_STATES)].T
    on_premise = assortment.group == GROUPS.index("ON_PREMISE")
    return {
        "region": _with_nulls(rng, region),
        "sales_div": _with_nulls(rng, division),
        "state_plan": pa.array(state + "-" + items.item_no[assortment.item]),
        "premise": pa.array(np.where(on_premise, "ON", "OFF").astype(object)),
        "execution_lag": _with_nulls(rng, assortment.location % 4),
    }


def _history_start(traits: Traits, months: NDArray[np.datetime64]) -> pa.Array:
    first = months[0] + traits.first_month.astype("timedelta64[M]")
    never = traits.first_month >= len(months)
    return pa.array(np.datetime_as_string(first.astype("datetime64[D]")).astype(object), mask=never)


def _with_nulls(rng: Generator, values: Objects | Integers) -> pa.Array:
    return pa.array(values, mask=rng.random(len(values)) < _NULL_SHARE)
