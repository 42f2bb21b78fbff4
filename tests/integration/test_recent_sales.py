"""What is read of the newest months, beside the same facts worked out by SQL where the rows lie."""

import pytest

from dfu_clustering.steps.sales_reading import SalesReading
from dfu_clustering.warehouse.connect import connect_engine
from tests.integration.gate_runs import copied_panel, execute, fetch

pytestmark = pytest.mark.integration

BY_SQL = """
WITH months AS (
    SELECT dmdunit, dmdgroup, loc, d.region, d.dfu_ck IS NULL AS orphan, count(*) AS rows, sum(qty) AS qty,
        (extract(year FROM age(date '2026-10-01', startdate)) * 12
            + extract(month FROM age(date '2026-10-01', startdate)))::integer AS ago
    FROM fact_sales_monthly AS s LEFT JOIN dim_dfu AS d USING (dmdunit, dmdgroup, loc)
    WHERE type = 1 AND startdate <= '2026-10-01'
    GROUP BY 1, 2, 3, 4, 5, startdate
),
recent AS (SELECT * FROM months WHERE ago IN (0, 1, 2, 3, 4, 5, 6, 12)),
known AS (
    SELECT dmdunit, dmdgroup, loc, min(region) AS region,
        sum(rows) AS rows, count(*) AS months,
        coalesce(sum(rows) FILTER (WHERE ago = 0), 0) AS newest_rows,
        coalesce(sum(rows) FILTER (WHERE ago BETWEEN 1 AND 3), 0) / 3.0 AS usual_rows,
        coalesce(sum(rows) FILTER (WHERE ago = 12), 0) AS year_ago_rows,
        sum(qty) FILTER (WHERE ago = 0) AS newest, sum(qty) FILTER (WHERE ago = 1) AS previous,
        sum(qty) FILTER (WHERE ago = 2) AS before, sum(qty) FILTER (WHERE ago = 12) AS year_ago,
        avg(qty) FILTER (WHERE ago BETWEEN 1 AND 6 AND qty > 0) AS usual,
        count(*) FILTER (WHERE ago BETWEEN 1 AND 6 AND qty > 0) AS usual_months
    FROM recent WHERE NOT orphan GROUP BY 1, 2, 3
),
silent AS (
    SELECT kind, name, sum(usual_rows) / sum(sum(usual_rows)) OVER (PARTITION BY kind) AS share,
        sum(newest_rows) AS newest_rows, sum(usual_rows) AS usual_rows, sum(year_ago_rows) AS year_ago_rows
    FROM known
    CROSS JOIN LATERAL (VALUES ('location', loc), ('customer group', dmdgroup), ('region', region)) AS g (kind, name)
    WHERE name IS NOT NULL GROUP BY 1, 2
)
SELECT
    1 - sum(months) / sum(rows),
    (1 - count(*) FILTER (WHERE newest_rows > 0) / sum(newest_rows))
        - (1 - sum(months - least(newest_rows, 1)) / sum(rows - newest_rows)),
    (SELECT greatest(
        coalesce(sum(rows) FILTER (WHERE orphan), 0) / sum(rows),
        coalesce(sum(rows) FILTER (WHERE orphan AND ago = 0), 0) / sum(rows) FILTER (WHERE ago = 0)) FROM recent),
    avg((abs(ln(newest / usual)) > ln(5.0) AND abs(ln(newest / year_ago)) > ln(5.0))::integer)
        FILTER (WHERE usual_months >= 4 AND newest > 0 AND year_ago > 0),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY ln(newest / previous))
        FILTER (WHERE newest > 0 AND previous > 0 AND year_ago > 0),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY ln(newest / year_ago))
        FILTER (WHERE newest > 0 AND previous > 0 AND year_ago > 0),
    count(*) FILTER (WHERE usual_months >= 4 AND newest > 100 * usual),
    avg((newest = previous)::integer) FILTER (WHERE newest > 0 AND previous > 0)
        - avg((previous = before)::integer) FILTER (WHERE previous > 0 AND before > 0),
    (SELECT coalesce(max(share), 0) FROM (
        SELECT sum(share) AS share FROM silent
        WHERE usual_rows >= 20 AND newest_rows < 0.2 * usual_rows AND year_ago_rows >= 0.2 * usual_rows GROUP BY kind
    ) AS of_kind)
FROM known
"""
NAMES = (
    *("duplicate_share", "duplicate_share_rise", "orphan_share", "off_level_share", "typical_change"),
    *("typical_change_of_year", "absurd_dfus", "copied_share_rise", "vanished_share"),
)
NEWEST = "startdate = '2026-10-01'"
AGAIN = (
    "INSERT INTO fact_sales_monthly (sales_ck, dmdunit, dmdgroup, loc, startdate, type, qty, load_ts)"
    " SELECT sales_ck || '_again', dmdunit, dmdgroup, loc, startdate, type, qty, load_ts FROM fact_sales_monthly"
    " WHERE hashtext(sales_ck) % 3 = 0"
)
DISTURBED = (
    AGAIN,
    "DELETE FROM dim_dfu WHERE dfu_sk % 11 = 0",
    f"UPDATE fact_sales_monthly SET qty = qty * 7 WHERE {NEWEST} AND hashtext(dmdunit) % 4 = 0",
    f"UPDATE fact_sales_monthly SET qty = qty * 900 WHERE {NEWEST} AND hashtext(dmdunit) % 29 = 0",
    f"DELETE FROM fact_sales_monthly WHERE {NEWEST} AND loc = (SELECT min(loc) FROM dim_dfu)",
)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("statements", [(), DISTURBED], ids=["clean", "disturbed"])
def test_facts_of_what_is_read_are_those_that_sql_finds_in_the_tables(clean_panel, statements, parts):
    with copied_panel(clean_panel, f"recent_{parts}_{len(statements)}") as url:
        execute(url, *statements)
        (by_sql,) = fetch(url, BY_SQL)
        engine = connect_engine(url)
        recent = SalesReading(None, "2026-10", parts=parts).recent(engine)
        engine.dispose()
    facts = recent.facts
    assert {name: facts[name] for name in NAMES} == pytest.approx(
        {name: float(value) for name, value in zip(NAMES, by_sql, strict=True)}
    )
    if statements:
        assert all(facts[name] for name in NAMES if name != "copied_share_rise")
        assert len(recent.unknown_dfus) == 5
    if parts > 1:
        assert len(recent.demand) == 13  # no more is read where the whole may not fit into memory
