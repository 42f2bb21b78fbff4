"""What dim_dfu must be like: its keys, its size against the run before, its items, its attributes."""

from typing import Any

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from psycopg2.extensions import connection as Connection  # noqa: N812

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.warehouse_names import Role, WarehouseNames
from dfu_clustering.warehouse.statements import create_profiles, fetch_rows
from expectations.engine.checks import SEVERITIES, Batch, Moment, bounded, declare, graded, parameter
from expectations.suites.attributes import domains, ranges

TABLE = "dim_dfu"
ROLE: Role = "dfu"
VIEW = "judged_dfus"

_RANGES = {"alcoh_pct": (0, 100), "proof": (0, 200), "total_lt": (0, None), "execution_lag": (0, None)}


def columns(names: WarehouseNames) -> dict[str, str]:
    """Return the kind of type of every column that there must be."""
    own = names.columns.dfu
    texts = (own.dfu_ck, own.dmdunit, own.dmdgroup, own.loc, own.cluster_assignment)
    return dict.fromkeys(texts, "text") | {own.modified_ts: "timestamp"}


def profile(connection: Connection, config: ClusteringConfig, moment: Moment) -> dict[str, Any]:
    """Create the temporary table that batches() judges beside the DFUs themselves.

    Returns:
        Parameters of the expectations.
    """
    create_profiles(connection, __package__, config.warehouse, ["dfus"], {})
    (facts,) = fetch_rows(connection, config.warehouse, "SELECT dfus FROM pg_temp.dfu_facts")
    drop, before = config.data_quality.dfu_rows_drop, moment.dfus_before
    fewest = {name: None if before is None else round(before * (1 - getattr(drop, name))) for name in SEVERITIES}
    return facts | {f"dfus_low_{name}": rows for name, rows in fewest.items()}


def batches(config: ClusteringConfig, _moment: Moment) -> list[Batch]:
    """Return what is judged in the DFU table and its profile."""
    return [
        Batch(f"{TABLE} is filled", VIEW, [_FILLED], essential=True),
        Batch(f"{TABLE} rows", VIEW, _of_every_row(config)),
        Batch(f"{TABLE} facts", "dfu_facts", _of_the_whole(config)),
    ]


_FILLED = declare(
    gxe.ExpectTableRowCountToBeBetween,
    "holds_dfus",
    "critical",
    f"{TABLE} has DFUs.",
    f"{TABLE} has no DFUs.",
    min_value=1,
)
_KEYS = (
    declare(
        gxe.ExpectColumnValuesToNotBeNull,
        "dfu_ck_is_filled",
        "critical",
        "Every DFU has a key.",
        "DFUs have no key.",
        column="dfu_ck",
    ),
    declare(
        gxe.ExpectColumnValuesToBeUnique,
        "dfu_ck_is_unique",
        "critical",
        f"Every key occurs once in {TABLE}.",
        f"Keys occur more than once in {TABLE}.",
        column="dfu_ck",
    ),
)


_ONE_ROW_A_DFU = bounded(
    "one_row_a_dfu",
    "critical",
    "Every item, customer group and location occur together once.",
    "Several DFUs have the same item, customer group and location, so which of them sold is not known (rows).",
    "repeated_dfus",
    high=0,
    keys=(
        "SELECT min(concat_ws('_', dmdunit, dmdgroup, loc)) FROM pg_temp.judged_dfus"
        " WHERE dmdunit IS NOT NULL AND dmdgroup IS NOT NULL AND loc IS NOT NULL"
        " GROUP BY dmdunit, dmdgroup, loc HAVING count(*) > 1 ORDER BY 1"
    ),
)


def _of_every_row(config: ClusteringConfig) -> list[Expectation]:
    return [
        *_KEYS,
        *domains(TABLE, VIEW, "dfu_ck", ROLE, config),
        *ranges(VIEW, "dfu_ck", _RANGES, ROLE, config.warehouse),
    ]


def _of_the_whole(config: ClusteringConfig) -> list[Expectation]:
    return [
        _ONE_ROW_A_DFU,
        *(
            bounded(
                "dfus_are_still_there",
                severity,
                f"{TABLE} has about as many DFUs as at the last publish.",
                f"{TABLE} has far fewer DFUs than at the last publish.",
                "dfus",
                low=parameter(f"dfus_low_{severity}"),
            )
            for severity in SEVERITIES
        ),
        *graded(
            "dfus_have_an_item",
            config.data_quality.without_item_share,
            "Almost all DFUs have an item that is in dim_item.",
            "Too many DFUs have an item that is not in dim_item (share of the DFUs).",
            "without_item_share",
            keys=(
                "SELECT dfu_ck FROM pg_temp.judged_dfus"
                " WHERE NOT EXISTS (SELECT FROM pg_temp.judged_items WHERE item_no = dmdunit) ORDER BY 1"
            ),
        ),
        bounded(
            "dfu_ck_joins_its_parts",
            "warning",
            "Almost every dfu_ck is item, customer group and location with underscores between.",
            "dfu_ck is not item, customer group and location with underscores between (share of the DFUs).",
            "other_key_share",
            high=0.01,
            keys=(
                "SELECT dfu_ck FROM pg_temp.judged_dfus"
                " WHERE dfu_ck IS DISTINCT FROM dmdunit || '_' || dmdgroup || '_' || loc ORDER BY 1"
            ),
        ),
    ]
