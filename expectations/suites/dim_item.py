"""What dim_item must be like: its keys and its attributes."""

from typing import Any

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from psycopg2.extensions import connection as Connection  # noqa: N812

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.warehouse_names import Role, WarehouseNames
from expectations.engine.checks import Batch, Moment, declare
from expectations.suites.attributes import domains, ranges

TABLE = "dim_item"
ROLE: Role = "item"
VIEW = "judged_items"

_RANGES = {
    "case_weight": (0, None),
    "item_proof": (0, 200),
    "bpc": (1, None),
    "bottle_pack": (1, None),
    "pack_case": (1, None),
}


def columns(names: WarehouseNames) -> dict[str, str]:
    """Return the kind of type of every column that there must be."""
    return {names.columns.item.item_ck: "text", names.columns.item.item_no: "text"}


def profile(_connection: Connection, _config: ClusteringConfig, _moment: Moment) -> dict[str, Any]:
    """Return no parameters: the table is judged as it is."""
    return {}


def batches(config: ClusteringConfig, _moment: Moment) -> list[Batch]:
    """Return what is judged in dim_item."""
    return [
        Batch(f"{TABLE} is filled", VIEW, [_FILLED], essential=True),
        Batch(f"{TABLE} rows", VIEW, _of_every_row(config)),
    ]


_FILLED = declare(
    gxe.ExpectTableRowCountToBeBetween,
    "holds_items",
    "critical",
    f"{TABLE} has items.",
    f"{TABLE} has no items.",
    min_value=1,
)
_KEYS = (
    declare(
        gxe.ExpectColumnValuesToNotBeNull,
        "item_ck_is_filled",
        "critical",
        "Every item has a key.",
        "Items have no key.",
        column="item_ck",
    ),
    declare(
        gxe.ExpectColumnValuesToBeUnique,
        "item_ck_is_unique",
        "critical",
        f"Every key occurs once in {TABLE}.",
        f"Keys occur more than once in {TABLE}.",
        column="item_ck",
    ),
    declare(
        gxe.ExpectColumnValuesToNotBeNull,
        "item_no_is_filled",
        "critical",
        "Every item has a number.",
        "Items have no number.",
        column="item_no",
    ),
    declare(
        gxe.ExpectColumnValuesToBeUnique,
        "item_no_is_unique",
        "warning",
        "Every item number occurs once.",
        "Item numbers occur more than once; only the first row of each counts.",
        column="item_no",
    ),
)


def _of_every_row(config: ClusteringConfig) -> list[Expectation]:
    return [
        *_KEYS,
        *domains(TABLE, VIEW, "item_ck", ROLE, config),
        *ranges(VIEW, "item_ck", _RANGES, ROLE, config.warehouse),
    ]
