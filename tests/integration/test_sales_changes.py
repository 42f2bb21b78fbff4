"""Sales that somebody corrects between the gate and the extraction: no labels are made of what nobody has judged."""

from itertools import count

import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.loads.sales_loads import SalesChangedError, read_sales_state
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.build_features import build_features
from dfu_clustering.warehouse.connect import connect_engine
from expectations import gate
from tasks.parts import build_features_in_parts
from tests.integration.gate_runs import QUICK, any_change, copied_panel, execute, fetch, run_flow

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_data_docs", "blank_pictures")]

CONFIG = load_config(**QUICK)
NUMBERS = count(1)
# rows two by two: one gets what the other loses; number, sum and newest times of the month stay as they were
SWAP = """
WITH numbered AS (
    SELECT sales_sk, row_number() OVER (ORDER BY sales_sk) AS n FROM fact_sales_monthly WHERE startdate = '2026-03-01'
)
UPDATE fact_sales_monthly AS s SET qty = qty + CASE WHEN n % 2 = 0 THEN 1 ELSE -1 END
FROM numbered AS o
WHERE o.sales_sk = s.sales_sk AND n <= 40
"""


def swap(url):
    execute(url, SWAP)


@pytest.fixture
def sales(clean_panel, monkeypatch):
    """The URL of a clean panel, for steps that need no Prefect server."""
    with copied_panel(clean_panel, f"sales_{next(NUMBERS)}") as url:
        monkeypatch.setenv("DATABASE_URL", url)
        yield url


@pytest.fixture
def run(tmp_path):
    return Run.open(tmp_path / "runs", as_of_month="2026-10", config_digest="d", run_id="x")


def test_correction_of_the_same_number_and_sum_is_refused_with_its_month(sales, run):
    engine = connect_engine(sales)
    judged = read_sales_state(engine, "2026-10")
    swap(sales)
    with pytest.raises(SalesChangedError, match=r"was changed after the gate had judged it: 1 months \(2026-03\)"):
        build_features(run, CONFIG, engine, as_of_month="2026-10", judged=judged)
    assert run.find(RunFile.MATRIX) is None
    corrected = read_sales_state(engine, "2026-10")
    assert (corrected.rows, corrected.total_qty, corrected.newest_modified_ts) == (
        judged.rows,
        judged.total_qty,
        judged.newest_modified_ts,
    )
    build_features(run, CONFIG, engine, as_of_month="2026-10", judged=corrected)
    engine.dispose()


def test_parts_are_built_of_judged_sales_only(sales, run):
    engine = connect_engine(sales)
    judged = read_sales_state(engine, "2026-10")
    engine.dispose()
    swap(sales)
    with pytest.raises(SalesChangedError):
        build_features_in_parts(run, load_config(scale={"partitions": 2}), judged)


def test_flow_judges_corrected_sales_again_and_names_their_state(panel, tmp_path, monkeypatch):
    judge = gate.judge_sources
    times: list[int] = []

    def judge_and_correct(*arguments, **options):
        reports = judge(*arguments, **options)
        times.append(len(times))
        if len(times) == 1:
            swap(panel)
        return reports

    monkeypatch.setattr(gate, "judge_sources", judge_and_correct)
    ran = run_flow(**any_change())
    assert ran.state.is_completed()
    assert len(times) == 2
    (line,) = Ledger(tmp_path / "runs").publications()
    engine = connect_engine(panel)
    assert line.fingerprint == read_sales_state(engine).fingerprint
    engine.dispose()


def test_flow_stops_where_sales_change_again_and_again(panel, tmp_path, monkeypatch):
    judge = gate.judge_sources
    times: list[int] = []

    def judge_and_correct(*arguments, **options):
        reports = judge(*arguments, **options)
        times.append(len(times))
        swap(panel)
        return reports

    monkeypatch.setattr(gate, "judge_sources", judge_and_correct)
    ran = run_flow(**any_change())
    assert ran.state.is_failed()
    assert "Run again when its load is over" in ran.state.message
    assert len(times) == 3
    assert Ledger(tmp_path / "runs").publications() == []


@pytest.mark.slow
def test_flow_by_hand_as_of_an_older_month_is_a_dry_run_that_says_so(panel, tmp_path):
    assert run_flow(**any_change()).state.is_completed()
    before = fetch(panel, "SELECT dfu_ck, cluster_assignment, modified_ts FROM dim_dfu ORDER BY 1")
    summary = run_flow(as_of_month="2026-08", **any_change()).state.result()
    assert summary.published.dry_run
    assert any("as of 2026-08 while labels of a later month are published" in told for told in summary.warnings)
    assert fetch(panel, "SELECT dfu_ck, cluster_assignment, modified_ts FROM dim_dfu ORDER BY 1") == before
    assert (
        not run_flow(as_of_month="2026-08", publish_older_month=True, **any_change()).state.result().published.dry_run
    )
    assert [line.as_of_month for line in Ledger(tmp_path / "runs").publications()] == ["2026-10", "2026-08"]
    # the load of today is to be published again
    again = run_flow(only_new_load=True, load_id="today", **any_change())
    assert again.state.result().as_of_month == "2026-10"
    assert not again.state.result().published.dry_run
