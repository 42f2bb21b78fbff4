"""Bad loads: what happened to the warehouse, and which expectation must notice."""

from typing import NamedTuple

FACT, DFU, ITEM = "fact_sales_monthly", "dim_dfu", "dim_item"
NEWEST = "startdate = '2026-10-01'"
EVERY_OTHER = "abs(hashtext(sales_ck)) % 2 = 0"
KEYS = "dfu_ck, dmdunit, dmdgroup, loc"
COLUMNS = "sales_ck, dmdunit, dmdgroup, loc, startdate, type, qty, file_dt, load_ts"


class Corruption(NamedTuple):
    """What happened to the warehouse, and which expectation must notice."""

    suite: str
    expectation: str
    statements: tuple[str, ...]
    observed: object = None  # where it is the point
    sample: str = ""  # part of the first sample key
    as_of_month: str | None = None


def copy_of_newest(key: str, startdate: str = "startdate", qty: str = "qty", where: str = NEWEST) -> str:
    columns = COLUMNS.replace("sales_ck", f"sales_ck || '{key}'").replace("startdate", startdate).replace("qty", qty)
    return f"INSERT INTO {FACT} ({COLUMNS}) SELECT {columns} FROM {FACT} WHERE {where}"


CORRUPTIONS = {
    # the newest month is not all there
    "half of the newest month is loaded": Corruption(
        FACT, "newest_month_rows", (f"DELETE FROM {FACT} WHERE {NEWEST} AND {EVERY_OTHER}",)
    ),
    "a region is missing": Corruption(
        FACT,
        "no_group_fell_silent",
        (
            (
                f"DELETE FROM {FACT} WHERE {NEWEST} AND concat_ws('_', dmdunit, dmdgroup, loc)"
                f" IN (SELECT dfu_ck FROM {DFU} WHERE region = 'PACIFIC')"
            ),
        ),
        sample="region PACIFIC",
    ),
    "the month that was announced is not there": Corruption(
        FACT,
        "newest_month_is_there",
        (f"DELETE FROM {FACT} WHERE {NEWEST}",),
        observed="2026-09-01",
        as_of_month="2026-10",
    ),
    "the newest load brought an old file": Corruption(
        FACT,
        "newest_month_is_not_stale",
        (
            f"DELETE FROM {FACT} WHERE {NEWEST}",
            f"UPDATE {FACT} SET load_ts = '2026-11-05 06:00+00' WHERE startdate = '2026-09-01' AND {EVERY_OTHER}",
        ),
    ),
    "the newest month was loaded before it was over": Corruption(
        FACT,
        "newest_month_was_over_when_loaded",
        (f"UPDATE {FACT} SET load_ts = '2026-10-14 06:00+00' WHERE {NEWEST}",),
    ),
    # the newest month holds something else
    "the newest month is loaded twice": Corruption(FACT, "newest_month_is_loaded_once", (copy_of_newest("_again"),)),
    "units became cases": Corruption(
        FACT, "newest_month_volume", (f"UPDATE {FACT} SET qty = qty / 12 WHERE {NEWEST}",)
    ),
    "cases became units for half of the items": Corruption(
        FACT,
        "dfus_keep_their_level",
        (f"UPDATE {FACT} SET qty = qty * 12 WHERE {NEWEST} AND hashtext(dmdunit) % 2 = 0",),
    ),
    "all quantities are zero": Corruption(
        FACT, "newest_month_qty_is_not_zero", (f"UPDATE {FACT} SET qty = 0 WHERE {NEWEST}",)
    ),
    "quantities are missing": Corruption(
        FACT, "newest_month_qty_is_filled", (f"UPDATE {FACT} SET qty = NULL WHERE {NEWEST} AND {EVERY_OTHER}",)
    ),
    "the sign is turned": Corruption(
        FACT, "newest_month_qty_is_positive", (f"UPDATE {FACT} SET qty = -qty WHERE {NEWEST}",)
    ),
    "the month before is loaded under the newest month's name": Corruption(
        FACT,
        "newest_month_is_no_copy",
        (
            f"DELETE FROM {FACT} WHERE {NEWEST}",
            copy_of_newest("_copy", startdate="date '2026-10-01'", where="startdate = '2026-09-01'"),
            f"UPDATE {FACT} SET load_ts = '2026-11-05 06:00+00' WHERE {NEWEST}",
        ),
    ),
    "a quantity lost its decimal point": Corruption(
        FACT,
        "largest_qty_is_plausible",
        (f"UPDATE {FACT} SET qty = 87654321 WHERE sales_sk = (SELECT max(sales_sk) FROM {FACT})",),
    ),
    "customer groups are written in lower case": Corruption(
        FACT, "sales_have_a_dfu", (f"UPDATE {FACT} SET dmdgroup = lower(dmdgroup) WHERE {NEWEST}",)
    ),
    # months
    "all months are shifted by one": Corruption(
        FACT, "newest_month_was_over_when_loaded", (f"UPDATE {FACT} SET startdate = startdate + interval '1 month'",)
    ),
    "a month lies in the future": Corruption(
        FACT,
        "startdate_not_after_load",
        (copy_of_newest("_future", startdate="date '2027-06-01'", where=f"{NEWEST} AND {EVERY_OTHER}"),),
        sample="2027-06-01",
    ),
    "a month of the window is missing": Corruption(
        FACT, "no_month_is_missing", (f"DELETE FROM {FACT} WHERE startdate = '2026-03-01'",), sample="2026-03-01"
    ),
    "dates lie in the middle of the month": Corruption(
        FACT,
        "startdate_is_first_of_month",
        (
            f"ALTER TABLE {FACT} DROP CONSTRAINT fact_sales_monthly_startdate_check",
            f"UPDATE {FACT} SET startdate = startdate + 14 WHERE {NEWEST} AND {EVERY_OTHER}",
        ),
        sample="2026-10-15",
    ),
    # rows
    "the whole history is loaded twice": Corruption(
        FACT, "one_row_a_dfu_and_month", (copy_of_newest("_again", where="true"),)
    ),
    "a quantity is NaN": Corruption(
        FACT, "qty_is_finite", (f"UPDATE {FACT} SET qty = 'NaN' WHERE sales_sk = 5000",), observed=1
    ),
    # columns and tables
    "quantities are text": Corruption(
        FACT,
        "columns_and_types",
        (f"ALTER TABLE {FACT} ALTER qty TYPE text", f"UPDATE {FACT} SET qty = 'n/a' WHERE sales_sk = 5000"),
        sample="qty number, found qty text",
    ),
    "a numeric attribute of items is text": Corruption(
        ITEM,
        "columns_and_types",
        (
            f"ALTER TABLE {ITEM} ALTER case_weight TYPE text",
            f"UPDATE {ITEM} SET case_weight = '12 kg' WHERE item_sk = 1",
        ),
        sample="case_weight number, found case_weight text",
    ),
    "a column was renamed": Corruption(
        FACT,
        "columns_and_types",
        (f"ALTER TABLE {FACT} RENAME startdate TO month",),
        sample="startdate date, not found",
    ),
    "a table is gone": Corruption(ITEM, "columns_and_types", (f"DROP TABLE {ITEM}",), observed="14 missing"),
    "there are no sales": Corruption(FACT, "holds_sales", (f"TRUNCATE {FACT}",), observed=0),
    "there are no items": Corruption(ITEM, "holds_items", (f"TRUNCATE {ITEM}",), observed=0),
    # tables against each other
    "a third of the DFUs is gone": Corruption(
        FACT, "sales_have_a_dfu", (f"DELETE FROM {DFU} WHERE hashtext(dfu_ck) % 3 = 0",)
    ),
    "DFUs are there twice": Corruption(
        DFU,
        "one_row_a_dfu",
        (
            (
                f"INSERT INTO {DFU} ({KEYS})"
                f" SELECT {KEYS.replace('dfu_ck', 'dfu_ck || 0')} FROM {DFU} WHERE dfu_sk % 50 = 0"
            ),
        ),
        observed=20,
    ),
}


NO_DATE_RULE = f"ALTER TABLE {FACT} DROP CONSTRAINT fact_sales_monthly_startdate_check"


def dated(*dates: str) -> tuple[str, ...]:
    """Return the statements that give some rows a date each, whatever the table's own rules say of it."""
    rows = (f"UPDATE {FACT} SET startdate = '{day}' WHERE sales_sk = {5000 + place}" for place, day in enumerate(dates))
    return (NO_DATE_RULE, *rows)


# more of the same kinds
MORE_CORRUPTIONS = {
    "the load of the newest month broke off": Corruption(
        FACT, "newest_month_rows", (f"DELETE FROM {FACT} WHERE {NEWEST} AND dmdunit > '001300'",)
    ),
    "a customer group is missing": Corruption(
        FACT,
        "no_group_fell_silent",
        (f"DELETE FROM {FACT} WHERE {NEWEST} AND dmdgroup = 'CLUB'",),
        sample="customer group CLUB",
    ),
    "a third of the quantities are zero": Corruption(
        FACT,
        "newest_month_qty_is_not_zero",
        (f"UPDATE {FACT} SET qty = 0 WHERE {NEWEST} AND abs(hashtext(sales_ck)) % 3 = 0",),
    ),
    "the newest month was booked on the month before": Corruption(
        FACT,
        "newest_month_rows",
        (f"UPDATE {FACT} SET startdate = '2026-09-01' WHERE {NEWEST}",),
        as_of_month="2026-09",
    ),
    "the history was cut off": Corruption(
        FACT, "history_is_long_enough", (f"DELETE FROM {FACT} WHERE startdate < '2026-03-01'",), observed="2026-03-01"
    ),
    "rows of another type": Corruption(
        FACT,
        "type_is_1",
        (
            f"ALTER TABLE {FACT} DROP CONSTRAINT fact_sales_monthly_type_check",
            f"UPDATE {FACT} SET type = 2 WHERE sales_sk % 500 = 0",
        ),
    ),
    "locations are NULL": Corruption(
        FACT,
        "sales_name_their_dfu",
        (f"ALTER TABLE {FACT} ALTER loc DROP NOT NULL", f"UPDATE {FACT} SET loc = NULL WHERE sales_sk % 500 = 0"),
    ),
    "items are empty texts": Corruption(
        FACT, "sales_name_their_dfu", (f"UPDATE {FACT} SET dmdunit = '' WHERE sales_sk = 5000",), observed=1
    ),
    "months are NULL": Corruption(
        FACT,
        "startdate_is_filled",
        (
            f"ALTER TABLE {FACT} ALTER startdate DROP NOT NULL",
            f"UPDATE {FACT} SET startdate = NULL WHERE sales_sk % 500 = 0",
        ),
    ),
    "a quantity is infinite": Corruption(
        FACT,
        "qty_is_finite",
        (
            f"ALTER TABLE {FACT} ALTER qty TYPE double precision",
            f"UPDATE {FACT} SET qty = '-Infinity' WHERE sales_sk = 5000",
        ),
    ),
    "dates stand for unknown ones": Corruption(
        FACT,
        "startdate_is_plausible",
        dated("0001-01-01", "0215-06-01", "1900-01-01", "1980-01-01"),
        observed="4 of 40 wrong",
        sample=" 0001-01-01",
    ),
    "a date near the last year that there is": Corruption(
        FACT, "startdate_is_plausible", dated("9998-12-01"), sample=" 9998-12-01"
    ),
    "days that only PostgreSQL knows": Corruption(
        FACT,
        "startdate_is_filled",
        dated("infinity", "-infinity", "0044-03-01 BC", "12026-10-01", "9999-12-31"),
        sample=" infinity",
        as_of_month="2026-10",
    ),
    "no date is of the calendar": Corruption(
        FACT,
        "startdate_is_filled",
        (NO_DATE_RULE, f"UPDATE {FACT} SET startdate = 'infinity'"),
        sample=" infinity",
    ),
    "dates have a time zone": Corruption(
        FACT,
        "columns_and_types",
        (NO_DATE_RULE, f"ALTER TABLE {FACT} ALTER startdate TYPE timestamptz"),
        sample="startdate date, found startdate timestamp",
    ),
    "dates are text": Corruption(
        FACT,
        "columns_and_types",
        (NO_DATE_RULE, f"ALTER TABLE {FACT} ALTER startdate TYPE text"),
        sample="startdate date, found startdate text",
    ),
    "keys are of collations that do not compare, and a quantity is NaN": Corruption(
        FACT,
        "qty_is_finite",
        (
            f'ALTER TABLE {FACT} ALTER loc TYPE text COLLATE "POSIX"',
            f'ALTER TABLE {DFU} ALTER loc TYPE text COLLATE "C", ALTER region TYPE text COLLATE "POSIX"',
            f'ALTER TABLE {ITEM} ALTER item_no TYPE text COLLATE "POSIX"',
            f"UPDATE {FACT} SET qty = 'NaN' WHERE sales_sk = 5000",
        ),
    ),
    "a key of DFUs was dropped": Corruption(
        DFU, "columns_and_types", (f"ALTER TABLE {DFU} DROP dmdgroup",), sample="dmdgroup text, not found"
    ),
    "there are no DFUs": Corruption(DFU, "holds_dfus", (f"DELETE FROM {DFU}",), observed=0),
    "items lost their leading zeros": Corruption(
        DFU, "dfus_have_an_item", (f"UPDATE {ITEM} SET item_no = ltrim(item_no, '0')",)
    ),
}
