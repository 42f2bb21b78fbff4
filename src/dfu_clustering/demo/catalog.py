"""Items of an invented beverage distributor; what an item is made of leans to how its demand behaves.

As in real dimension tables, national_service_model holds one constant, and a few items are missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.random import Generator
from numpy.typing import NDArray

from dfu_clustering.arrays import Floats, Integers, Objects
from dfu_clustering.demo.archetypes import ARCHETYPE_NAMES, ARCHETYPES, by_share
from dfu_clustering.demo.rows import load_timestamps

CATEGORIES = ("BEER", "WINE", "SPIRITS", "READY TO DRINK")
_CATEGORY_SHARES = {
    "seasonal_summer": (0.65, 0.08, 0.07, 0.20),
    "seasonal_holiday": (0.10, 0.40, 0.45, 0.05),
    "seasonal_spring": (0.30, 0.55, 0.05, 0.10),
    "intermittent": (0.10, 0.55, 0.33, 0.02),
    "lumpy": (0.10, 0.50, 0.38, 0.02),
    "new": (0.25, 0.20, 0.20, 0.35),
}
_USUAL_CATEGORY_SHARES = (0.40, 0.30, 0.22, 0.08)


class _Product(NamedTuple):
    category: str
    class_: str
    sub_class: str
    lowest_alcohol_pct: float
    highest_alcohol_pct: float


class _Pack(NamedTuple):
    category: str
    size: str
    litres: float
    bottles_per_case: int
    bottles_per_pack: int
    bottle: str


PRODUCTS = (
    _Product("BEER", "LAGER", "PILSNER", 4.4, 5.2),
    _Product("BEER", "LAGER", "LIGHT LAGER", 3.8, 4.3),
    _Product("BEER", "ALE", "PALE ALE", 4.8, 6.0),
    _Product("BEER", "ALE", "INDIA PALE ALE", 5.8, 7.5),
    _Product("BEER", "STOUT", "DRY STOUT", 4.2, 8.0),
    _Product("BEER", "NON ALCOHOLIC", "NON ALCOHOLIC BEER", 0.0, 0.5),
    _Product("WINE", "RED", "CABERNET SAUVIGNON", 13.0, 15.0),
    _Product("WINE", "RED", "PINOT NOIR", 12.5, 14.0),
    _Product("WINE", "WHITE", "CHARDONNAY", 12.5, 14.5),
    _Product("WINE", "WHITE", "RIESLING", 9.0, 12.5),
    _Product("WINE", "ROSE", "GRENACHE", 11.5, 13.0),
    _Product("WINE", "SPARKLING", "BRUT", 11.0, 12.5),
    _Product("SPIRITS", "WHISKEY", "BOURBON", 40.0, 50.0),
    _Product("SPIRITS", "WHISKEY", "SINGLE MALT", 40.0, 58.0),
    _Product("SPIRITS", "GIN", "LONDON DRY", 40.0, 47.0),
    _Product("SPIRITS", "VODKA", "UNFLAVORED VODKA", 37.5, 40.0),
    _Product("SPIRITS", "TEQUILA", "BLANCO", 38.0, 42.0),
    _Product("SPIRITS", "LIQUEUR", "CREAM LIQUEUR", 15.0, 30.0),
    _Product("READY TO DRINK", "SELTZER", "HARD SELTZER", 4.0, 6.0),
    _Product("READY TO DRINK", "COCKTAIL", "CANNED COCKTAIL", 5.0, 12.0),
)
PACKS = (
    _Pack("BEER", "12OZ", 0.355, 24, 6, "CAN"),
    _Pack("BEER", "16OZ", 0.473, 24, 4, "CAN"),
    _Pack("BEER", "500ML", 0.5, 20, 1, "GLASS"),
    _Pack("WINE", "750ML", 0.75, 12, 1, "GLASS"),
    _Pack("WINE", "1.5L", 1.5, 6, 1, "GLASS"),
    _Pack("WINE", "375ML", 0.375, 24, 1, "GLASS"),
    _Pack("SPIRITS", "750ML", 0.75, 12, 1, "GLASS"),
    _Pack("SPIRITS", "1L", 1.0, 6, 1, "GLASS"),
    _Pack("SPIRITS", "50ML", 0.05, 120, 10, "PET"),
    _Pack("READY TO DRINK", "12OZ", 0.355, 24, 4, "CAN"),
    _Pack("READY TO DRINK", "200ML", 0.2, 24, 4, "GLASS"),
)
_BRAND_FIRST = (
    "Harbor", "Brüder", "Copper", "Château", "Żubr", "Northern", "Åkesson", "Stone", "Niño", "River", "Løven", "Old",
    "Golden", "Prairie", "Saint", "Juniper", "Red", "Winter", "Quiet", "Summit",
)  # fmt: skip
_BRAND_SECOND = (
    "Light", "Keller", "Creek", "Vieux", "Oak", "Anchor", "Hill", "Bridge", "Cask", "Meadow", "Fox", "Lantern",
    "Orchard", "Barrel", "Mill", "Crown",
)  # fmt: skip
_BRANDS_PER_CATEGORY = len(_BRAND_FIRST) * len(_BRAND_SECOND) // len(CATEGORIES)
_COUNTRIES = ("USA", "USA", "USA", "FRANCE", "ITALY", "MEXICO", "GERMANY", "UNITED KINGDOM", "JAPAN")

_NUMBER_PATTERNS = ("{:06d}", "BR_{:06d}_CS", "ÖL-{:06d}", "КВАС_{:06d}")
_NUMBER_PATTERN_SHARES = (0.92, 0.05, 0.02, 0.01)
_MISSING_SHARE = 0.015  # of the items are not in dim_item
_INACTIVE_SHARE = 0.03
_POUNDS_PER_LITRE = 2.9  # with the glass


@dataclass(frozen=True)
class Items:
    """Items as positions in the tables above, all of shape (n_items,).

    Attributes:
        item_no: Item numbers: most of six digits, some with underscores, some with letters beyond ASCII.
        leaning: Position in ARCHETYPES of the class that most of the item's DFUs belong to.
        category: Position in CATEGORIES.
        product: Position in PRODUCTS.
        pack: Position in PACKS.
        brand: Number of the brand.
        country: Where the brand comes from.
        alcohol_pct: Alcohol by volume, percent.
    """

    item_no: Objects
    leaning: Integers
    category: Integers
    product: Integers
    pack: Integers
    brand: Integers
    country: Objects
    alcohol_pct: Floats


def draw_items(rng: Generator, n_items: int) -> Items:
    """Draw n_items items; an item's category goes with its archetype: beer with summer, spirits with the holidays."""
    leaning = rng.permutation(by_share(np.array([a.share for a in ARCHETYPES]), n_items))
    shares = np.array([_CATEGORY_SHARES.get(name, _USUAL_CATEGORY_SHARES) for name in ARCHETYPE_NAMES])
    category = np.count_nonzero(rng.random((n_items, 1)) >= shares.cumsum(axis=1)[leaning, :-1], axis=1)
    product = pick_member(rng, category, _categories(PRODUCTS))
    rank = np.floor(_BRANDS_PER_CATEGORY * rng.random(n_items) ** 2).astype(np.int64)  # few brands have many items
    brand = rank * len(CATEGORIES) + category
    lowest, highest = np.array([(p.lowest_alcohol_pct, p.highest_alcohol_pct) for p in PRODUCTS])[product].T
    return Items(
        item_no=_item_numbers(rng, n_items),
        leaning=leaning,
        category=category,
        product=product,
        pack=pick_member(rng, category, _categories(PACKS)),
        brand=brand,
        country=rng.choice(as_objects(_COUNTRIES), len(CATEGORIES) * _BRANDS_PER_CATEGORY)[brand],
        alcohol_pct=np.round(rng.uniform(lowest, highest), 1),
    )


def item_table(rng: Generator, items: Items, loaded: NDArray[np.datetime64]) -> pa.Table:
    """Return the rows of dim_item, without the few items that it does not know; ``loaded`` is the newest month."""
    n = len(items.item_no)
    bottles, litres = column(PACKS, "bottles_per_case")[items.pack], column(PACKS, "litres")[items.pack]
    per_pack = column(PACKS, "bottles_per_pack")[items.pack]
    layer, layers = rng.integers(6, 15, n), rng.integers(4, 9, n)
    brand, size, sub_class = brand_names(items), column(PACKS, "size")[items.pack], product_names(items, "sub_class")
    load_ts = load_timestamps(np.broadcast_to(loaded, n))
    table = pa.table(
        {
            "item_ck": items.item_no,
            "item_no": items.item_no,
            "item_desc": brand + " " + sub_class + " " + size,
            "item_status": np.where(rng.random(n) < _INACTIVE_SHARE, "INACTIVE", "ACTIVE").astype(object),
            "brand_name": brand,
            "category": product_names(items, "category"),
            "class": product_names(items, "class_"),
            "sub_class": sub_class,
            "country": items.country,
            "scm_rtd_flag": np.where(items.category == CATEGORIES.index("READY TO DRINK"), "Y", "N").astype(object),
            "size": size,
            "case_weight": np.round((bottles * litres).astype(np.float64) * _POUNDS_PER_LITRE, 2),
            "case_weight_uom": np.full(n, "LB", dtype=object),
            "cpl": layer,
            "cpp": layer * layers,
            "lpp": layers,
            "upc": numbered("0{:011d}", rng.integers(10**9, 10**11, n)),
            "bpc": bottles.astype(np.int64),
            "bottle_pack": per_pack.astype(np.int64),
            "pack_case": (bottles // per_pack).astype(np.int64),
            "item_proof": np.round(2 * items.alcohol_pct, 1),
            "national_service_model": np.full(n, "DSD", dtype=object),
            "supplier_no": numbered("S{:04d}", items.brand % 45),
            "supplier_name": numbered("SUPPLIER {:03d}", items.brand % 45),
            "item_is_deleted": np.full(n, "N", dtype=object),
            "producer_name": numbered("PRODUCER {:03d}", items.brand % 90),
            "load_ts": load_ts,
            "modified_ts": load_ts,
        }
    )
    return table.filter(pa.array(rng.random(n) >= _MISSING_SHARE))


def brand_names(items: Items) -> Objects:
    """Return the brand of every item in two words."""
    first, second = as_objects(_BRAND_FIRST), as_objects(_BRAND_SECOND)
    names: Objects = first[items.brand % len(first)] + " " + second[items.brand // len(first)]
    return names


def product_names(items: Items, field: str) -> Objects:
    """Return category, class_ or sub_class of every item."""
    return column(PRODUCTS, field)[items.product]


def column(rows: Sequence[NamedTuple], field: str) -> Objects:
    """Return one field of a table of named tuples."""
    return as_objects([getattr(row, field) for row in rows])


def as_objects(values: Sequence[object]) -> Objects:
    """Return the values as an array of Python objects."""
    return np.array(values, dtype=object)


def numbered(pattern: str, numbers: Integers) -> Objects:
    """Return the pattern filled with each number."""
    return as_objects([pattern.format(number) for number in numbers.tolist()])


def pick_member(rng: Generator, wanted: Integers, group: Integers) -> Integers:
    """Return for each wanted group one of its members at random, any member where the group has none."""
    order = np.argsort(group, kind="stable")
    start = np.searchsorted(group[order], wanted)
    size = np.searchsorted(group[order], wanted, side="right") - start
    u = rng.random(len(wanted))
    position = np.where(size > 0, start + u * size, u * len(group)).astype(np.int64)
    return order[position]


def _categories(rows: Sequence[_Product] | Sequence[_Pack]) -> Integers:
    return np.array([CATEGORIES.index(row.category) for row in rows])


def _item_numbers(rng: Generator, n: int) -> Objects:
    digits = 1000 + 7 * rng.permutation(n)
    pattern = rng.choice(as_objects(_NUMBER_PATTERNS), n, p=_NUMBER_PATTERN_SHARES)
    return as_objects([p.format(number) for p, number in zip(pattern, digits.tolist(), strict=True)])
