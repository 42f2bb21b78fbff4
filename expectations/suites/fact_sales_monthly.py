"""What fact_sales_monthly must be like: its rows, its newest month against its own history, its DFUs."""

import re
from collections.abc import Iterable
from typing import Any

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
from great_expectations.expectations.expectation import Expectation
from psycopg2.extensions import connection as Connection  # noqa: N812

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.warehouse_names import Role, WarehouseNames
from dfu_clustering.months import last_day
from dfu_clustering.quality.expected_levels import SalesMonths, stray_months
from dfu_clustering.quality.recent_sales import RecentSales
from dfu_clustering.warehouse.statements import create_profiles, fetch_rows
from expectations.engine.checks import SEVERITIES, Batch, Moment, bounded, declare, graded, parameter
from expectations.suites.sales_bounds import as_day, sales_bounds
from expectations.suites.sales_dates import OF_THE_DATES, UNTIL
from expectations.suites.selling_dfus import groups_and_rows, levels

TABLE = "fact_sales_monthly"
ROLE: Role = "sales"

_MONTHS = "sales_months"
_OF_A_MONTH = ["rows", "volume", "null_share", "negative_share", "zero_share", "last_load"]
_KIND_OF = {str: "text", int: "number", bool: "bool"}
_CHANGES = ("typical_change", "typical_change_of_year")

_SUM, _MEAN = gxe.ExpectColumnSumToBeBetween, gxe.ExpectColumnMeanToBeBetween


def columns(names: WarehouseNames) -> dict[str, str]:
    """Return the kind of type of every column that there must be."""
    own = names.columns.sales
    filtered = {column: _KIND_OF[type(value)] for column, value in names.sales_filter.items()}
    times = {own.startdate: "date", own.qty: "number", own.load_ts: "timestamp", own.modified_ts: "timestamp"}
    return dict.fromkeys((own.dmdunit, own.dmdgroup, own.loc), "text") | times | filtered


def profile(connection: Connection, config: ClusteringConfig, moment: Moment) -> dict[str, Any]:
    """Create the temporary table that batches() judges, of what is known of every day.

    Returns:
        Parameters of the expectations; see parameters().
    """
    values = {"last_day": last_day(moment.as_of), "days": moment.sales_days}
    create_profiles(connection, __package__, config.warehouse, [_MONTHS], values)
    return parameters(config, moment, months(connection, config.warehouse))


def months(connection: Connection, names: WarehouseNames) -> list[dict[str, Any]]:
    """Return what every month holds, once profile() has been called."""
    return fetch_rows(connection, names, "SELECT * FROM pg_temp.sales_months")


def parameters(
    config: ClusteringConfig, moment: Moment, rows: list[dict[str, Any]], recent: RecentSales | None = None
) -> dict[str, Any]:
    """Return the parameters of the expectations.

    Args:
        config: History, window, limits.
        moment: What is judged.
        rows: What every month holds.
        recent: What the DFUs sell; None: not known, or not known yet.
    """
    stray = [as_day(month) for month in stray_months(rows, config.data_quality.longest_gap_months)]
    history = SalesMonths.of([row for row in rows if row["month"] not in stray], moment.as_of)
    facts = {
        "last_day": last_day(moment.as_of),
        "sales_rows": sum(int(row["rows"]) for row in rows),
        "stray_months": stray,
    }
    if history is None or as_day(moment.as_of) in stray:
        return facts
    changes = [recent.facts[name] for name in _CHANGES] if recent else []
    return facts | sales_bounds(config, history, chosen=moment.chosen, typical_changes=changes)


def batches(config: ClusteringConfig, _moment: Moment) -> list[Batch]:
    """Return what is judged in the profile."""
    return [
        Batch(f"{TABLE} is filled", _MONTHS, [_FILLED], essential=True),
        Batch(f"{TABLE} rows", _MONTHS, [*_of_all_rows(config.warehouse), *_of_every_qty(config)]),
        Batch(f"{TABLE} history", _MONTHS, _OF_THE_HISTORY),
    ]


def batches_of_what_sells(
    config: ClusteringConfig,
    moment: Moment,
    rows: Iterable[dict[str, Any]] = (),
    recent: RecentSales | None = None,
) -> list[Batch]:
    """Return what is judged once the sales are read: the newest month as a whole, and DFU by DFU.

    Args:
        config: Limits.
        moment: What is judged.
        rows: What every month holds.
        recent: What the DFUs sell; None: declarations alone.
    """
    newest = [row for row in rows if row["month"] == as_day(moment.as_of)]
    of_newest = pd.DataFrame(newest, columns=_OF_A_MONTH)
    of_dfus = pd.DataFrame([recent.facts if recent else {}]).astype(np.float64)
    return [
        Batch(f"{TABLE} newest month", of_newest, _OF_THE_NEWEST_MONTH),
        Batch(f"{TABLE} DFUs", of_dfus, [*groups_and_rows(config, recent), *levels(config, recent)]),
    ]


_FILLED = declare(
    gxe.ExpectTableRowCountToBeBetween,
    "holds_sales",
    "critical",
    f"{TABLE} has sales up to the as-of month.",
    f"{TABLE} has no sales up to the as-of month.",
    min_value=1,
)

# name, description, failure, what sales_months counts, which rows those are
_NO_ROW = (
    (
        "sales_name_their_dfu",
        "Every sale has an item, a customer group and a location.",
        "Sales have no item, no customer group or no location (rows).",
        "keyless_rows",
        "(coalesce(dmdunit, '') = '' OR dmdgroup IS NULL OR coalesce(loc, '') = '')",
    ),
    (
        "startdate_is_first_of_month",
        "startdate is the first day of a month.",
        "startdate is not the first day of a month (rows).",
        "off_first_rows",
        "extract(day FROM startdate) <> 1",
    ),
    (
        "qty_is_finite",
        "Every qty is a finite number.",
        "A qty is NaN or infinite (months).",
        "not_finite",
        "qty::float8 IN ('NaN', 'Infinity', '-Infinity')",
    ),
)


def _of_all_rows(names: WarehouseNames) -> list[Expectation]:
    conditions = [f"{column} {value}" for column, value in names.sales_filter.items()]
    name = "_and_".join(re.sub(r"\W+", "_", f"{column}_is_{value}") for column, value in names.sales_filter.items())
    wanted = " and ".join(conditions)
    filtered = (name, f"Every sale is of {wanted}.", f"Sales are not of {wanted} (rows).", "other_type_rows", "other")
    rules = [*_NO_ROW, *([filtered] if conditions else [])]
    return [
        *(
            bounded(name, "critical", description, failure, column, high=0, of=_SUM, keys=UNTIL + rows)
            for name, description, failure, column, rows in rules
        ),
        *OF_THE_DATES,
    ]


def _of_every_qty(config: ClusteringConfig) -> list[Expectation]:
    limits = config.data_quality
    return [
        *graded(
            "qty_is_filled",
            limits.null_qty_share,
            "Few rows have no qty.",
            "Too many rows have no qty (share of a month's rows, mean of the months).",
            "null_share",
            of=_MEAN,
            keys=f"{UNTIL}qty IS NULL",
        ),
        *graded(
            "qty_is_rarely_negative",
            limits.negative_qty_share,
            "Few rows have a negative qty, as returns do.",
            "Too many rows have a negative qty (share of a month's rows, mean of the months).",
            "negative_share",
            of=_MEAN,
            keys=f"{UNTIL}qty < 0",
        ),
        *(
            bounded(
                "largest_qty_is_plausible",
                severity,
                "The largest quantity of each month is plausible beside the other months.",
                "The largest quantity of a month is far too large beside the other months.",
                "largest_qty",
                high=parameter(f"largest_qty_{severity}"),
                keys=f"{UNTIL}abs(qty) > %(largest_qty_{severity})s",
            )
            for severity in SEVERITIES
        ),
    ]


_OF_THE_HISTORY = (
    bounded(
        "newest_month_is_there",
        "critical",
        "Sales of the as-of month are loaded.",
        "No sales of the as-of month are loaded (newest month).",
        "month",
        low=parameter("as_of"),
    ),
    bounded(
        "newest_month_is_not_stale",
        "critical",
        "The newest load came before the next month was due, by the days of the earlier loads.",
        "The newest month is out of date: by the days of the earlier loads the next month was due (newest load).",
        "last_load",
        high=parameter("before_next_month"),
    ),
    bounded(
        "history_is_long_enough",
        "critical",
        "Sales reach back at least as far as the shortest history that is clustered.",
        "Sales do not reach back far enough to cluster any DFU (first month).",
        "month",
        high=parameter("latest_first_month"),
        of=gxe.ExpectColumnMinToBeBetween,
    ),
    declare(
        gxe.ExpectColumnDistinctValuesToContainSet,
        "no_month_is_missing",
        "critical",
        "Every month of the window, from the first with sales, has sales.",
        "Months of the window have no sales.",
        column="month",
        value_set=parameter("months_of_window"),
    ),
    declare(
        gxe.ExpectColumnValuesToNotBeInSet,
        "earlier_months_are_in_line",
        "warning",
        "Rows and volume of each of the twelve earlier months are in line with the months before it.",
        "Rows or volume of earlier months are not in line with the months before them.",
        column="month",
        value_set=parameter("odd_months"),
    ),
)

# name, description, failure, column of sales_months
_LEVELS = (
    (
        "newest_month_rows",
        "The number of rows of the as-of month is in line with earlier months.",
        "Too {few|many} rows in the as-of month beside earlier months.",
        "rows",
    ),
    (
        "newest_month_volume",
        "The volume of the as-of month is in line with earlier months.",
        "The volume of the as-of month is too {low|high} beside earlier months.",
        "volume",
    ),
)
_SHARES = (
    (
        "newest_month_qty_is_filled",
        "In the as-of month qty is missing no more often than usual.",
        "In the as-of month qty is missing more often than usual (share of the rows).",
        "null_share",
    ),
    (
        "newest_month_qty_is_positive",
        "In the as-of month qty is negative no more often than usual.",
        "In the as-of month qty is negative more often than usual (share of the rows).",
        "negative_share",
    ),
    (
        "newest_month_qty_is_not_zero",
        "In the as-of month qty is 0 no more often than usual.",
        "In the as-of month qty is 0 more often than usual (share of the rows).",
        "zero_share",
    ),
)

_OF_THE_NEWEST_MONTH = (
    bounded(
        "newest_month_was_over_when_loaded",
        "critical",
        "The last load of the as-of month came when the month was over, or nearly.",
        "The as-of month was not over when it was last loaded.",
        "last_load",
        low=parameter("complete_from"),
    ),
    *(
        bounded(
            name,
            severity,
            description,
            failure,
            column,
            low=parameter(f"{column}_low_{severity}"),
            high=parameter(f"{column}_high_{severity}"),
        )
        for name, description, failure, column in _LEVELS
        for severity in SEVERITIES
    ),
    *(
        bounded(name, "critical", description, failure, column, high=parameter(f"{column}_high"))
        for name, description, failure, column in _SHARES
    ),
)
