"""What the dates of sales must be like: there at all, of the calendar, not apart from the rest, not of the future."""

import great_expectations.expectations as gxe

from expectations.engine.checks import bounded, declare, parameter

# keys of what breaks an expectation
SALES = (
    "SELECT concat_ws('_', dmdunit, dmdgroup, loc) || coalesce(' ' || startdate, '') FROM pg_temp.judged_sales WHERE "
)
UNTIL = f"{SALES}startdate <= %(last_day)s AND "

OF_THE_DATES = (
    declare(
        gxe.ExpectColumnValuesToNotBeNull,
        "startdate_is_filled",
        "critical",
        "Every sale has a month, from year 1 to 9998.",
        "Sales have no month, or one that is not from year 1 to 9998.",
        column="month",
        keys=(
            "SELECT concat_ws('_', dmdunit, dmdgroup, loc) || coalesce(' ' || written_date::text, '')"
            " FROM pg_temp.judged_sales WHERE startdate IS NULL"
        ),
    ),
    declare(
        gxe.ExpectColumnValuesToNotBeInSet,
        "startdate_is_plausible",
        "critical",
        "No sale lies apart from the rest of the history, with no sale for years in between.",
        "Sales lie years before the rest of the history: a date such as January 1900 stands for an unknown one.",
        column="month",
        value_set=parameter("stray_months"),
        keys=f"{SALES}date_trunc('month', startdate)::date = ANY(%(stray_months)s::date[]) ORDER BY startdate, 1",
    ),
    bounded(
        "startdate_not_after_load",
        "critical",
        "No sale was loaded more than a day before its month began.",
        "A sale was loaded long before its month began (days).",
        "loaded_early_days",
        high=1,
        keys=f"{UNTIL}load_ts < startdate - interval '1 day'",
    ),
)
