"""Features of demand, re-derived from the raw sales rows by PostgreSQL alone."""

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, text

from dfu_clustering.features.histories import select_histories
from dfu_clustering.features.matrix import time_series_features
from dfu_clustering.features.panel import PanelBuilder
from dfu_clustering.warehouse.connect import connect_engine
from dfu_clustering.warehouse.snapshot import snapshot
from dfu_clustering.warehouse.statements import statement

AS_OF = np.datetime64("2024-03", "M")
WINDOW_MONTHS = 24
MIN_MONTHS = 12

# A month is the sum of its rows, nothing where there are none, and never below zero.
FEATURES_IN_SQL = """
WITH month AS (
    SELECT generate_series(date '2020-01-01', date '2024-03-01', interval '1 month')::date AS startdate
),
demand AS (
    SELECT d.dfu_ck, m.startdate, greatest(coalesce(sum(s.qty), 0), 0) AS qty
    FROM dim_dfu d CROSS JOIN month m
    LEFT JOIN fact_sales_monthly s USING (dmdunit, dmdgroup, loc, startdate)
    GROUP BY d.dfu_ck, m.startdate
),
first_sale AS (
    SELECT dfu_ck, min(startdate) AS startdate FROM demand WHERE qty > 0 GROUP BY dfu_ck
),
history AS (
    SELECT dfu_ck, demand.qty, row_number() OVER (PARTITION BY dfu_ck ORDER BY demand.startdate) AS t
    FROM demand JOIN first_sale USING (dfu_ck)
    WHERE demand.startdate >= greatest(first_sale.startdate, date '2022-04-01')
)
SELECT dfu_ck,
    count(*) AS history_months,
    avg(qty)::float8 AS mean_demand,
    sum(qty)::float8 AS total_demand,
    min(qty)::float8 AS min_demand,
    max(qty)::float8 AS max_demand,
    stddev_pop(qty)::float8 AS std_demand,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY qty) AS median_demand,
    regr_slope(qty, t) AS trend_slope,
    avg((qty = 0)::int)::float8 AS zero_demand_pct,
    count(*)::float8 / count(*) FILTER (WHERE qty > 0) AS sparsity_score,
    ((stddev_pop(qty) FILTER (WHERE qty > 0)) / (avg(qty) FILTER (WHERE qty > 0)))::float8 ^ 2 AS cv2_demand
FROM history
GROUP BY dfu_ck
HAVING count(*) >= 12 AND sum(qty) > 0
ORDER BY dfu_ck
"""


@pytest.fixture
def warehouse(postgres_url: str) -> Engine:
    """A warehouse whose rows are as untidy as real ones."""
    engine = connect_engine(postgres_url)
    dfus = pd.DataFrame({"dmdunit": [f"item_{i}" for i in range(120)], "dmdgroup": "G1", "loc": "L1"})
    dfus.insert(0, "dfu_ck", dfus["dmdunit"] + "_G1_L1")
    with engine.begin() as connection:
        connection.execute(text(statement("dfu_clustering.demo", "005_create_dim_dfu")))
        connection.execute(text(statement("dfu_clustering.demo", "002_create_fact_sales_monthly")))
        dfus.to_sql("dim_dfu", connection, if_exists="append", index=False)
        _sales_rows(dfus).to_sql("fact_sales_monthly", connection, if_exists="append", index=False)
    return engine


def _sales_rows(dfus: pd.DataFrame) -> pd.DataFrame:
    """Many months without a row, some with two, returns, NULLs, late starters, and one month after as-of."""
    rng = np.random.default_rng(7)
    months = np.arange("2020-01", "2024-05", dtype="datetime64[M]")
    grid = dfus[["dmdunit", "dmdgroup", "loc"]].merge(pd.DataFrame({"startdate": months.astype(object)}), how="cross")
    started = grid.groupby("dmdunit").cumcount() >= np.repeat(rng.integers(0, 50, len(dfus)), len(months))
    sells = np.repeat(rng.choice([0.2, 0.6, 1.0], len(dfus)), len(months))
    first = grid[started & (rng.random(len(grid)) < sells)]
    second = grid[started & (rng.random(len(grid)) < 0.1)]
    rows = pd.concat([first, second], ignore_index=True)
    qty = np.round(rng.lognormal(2, 1, len(rows)) * rng.choice([1, 1, 1, 1, -0.5], len(rows)), 4)
    qty[rng.random(len(rows)) < 0.05] = np.nan
    return rows.assign(sales_ck=rows.index.astype(str), type=1, qty=qty)


def _library_features(engine: Engine) -> pd.DataFrame:
    with snapshot(engine) as source:
        builder = PanelBuilder(source.dfus(), first_month=source.sales_span().first_month, as_of_month=AS_OF)
        for batch in source.sales(AS_OF):
            builder.add(batch)
    histories, _ = select_histories(
        builder.build(), window_months=WINDOW_MONTHS, season_window_months=48, min_months_history=MIN_MONTHS
    )
    return time_series_features(histories)


@pytest.mark.integration
def test_demand_features_equal_those_that_postgresql_derives_from_the_raw_rows(warehouse):
    found = _library_features(warehouse)
    with warehouse.connect() as connection:
        expected = pd.read_sql(text(FEATURES_IN_SQL), connection)
    assert found["dfu_ck"].tolist() == expected["dfu_ck"].tolist()
    assert set(found["history_months"]) >= {12, 24}
    assert found["zero_demand_pct"].between(0.5, 1).any()
    for name in expected.columns.drop("dfu_ck"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-9, err_msg=name)
