"""Sales that somebody corrects while they are judged and read: no labels are made of what nobody has judged."""

import time
from itertools import count
from pathlib import Path

import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.loads.sales_loads import read_sales_state
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.steps.build_features import build_features
from dfu_clustering.steps.sales_reading import SalesReading
from dfu_clustering.warehouse.connect import connect_engine
from expectations import gate
from tests.integration.gate_runs import QUICK, any_change, copied_panel, execute, fetch, run_flow
from tests.integration.prefect_server import wait_until

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
def sales_url(clean_panel, monkeypatch):
    """The URL of a clean panel, for steps that need no Prefect server."""
    with copied_panel(clean_panel, f"sales_{next(NUMBERS)}") as url:
        monkeypatch.setenv("DATABASE_URL", url)
        yield url


@pytest.fixture
def before_the_reading(monkeypatch):
    """Lets something happen between the gate of the tables and the reading of the sales; the list of these times."""
    read = SalesReading._read
    times: list[int] = []

    def let(happen):
        def let_and_read(*arguments, **options):
            times.append(len(times) + 1)
            happen(times[-1])
            return read(*arguments, **options)

        monkeypatch.setattr(SalesReading, "_read", let_and_read)
        return times

    return let


def end_the_shared_snapshot(url):
    """End the session that holds it, as a restart of the server does."""
    (ended,) = fetch(
        url,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE '%export_snapshot%'",
    )
    assert ended == (1,)


def matrix_of(url, folder):
    """The feature matrix of the sales that are there now."""
    engine = connect_engine(url)
    files = RunFolder(folder)
    build_features(files, CONFIG, engine, as_of_month="2026-10")
    engine.dispose()
    return files.path(RunFile.MATRIX).read_bytes()


def state_of(url):
    engine = connect_engine(url)
    state = read_sales_state(engine)
    engine.dispose()
    return state


def matrix_of_run(ran):
    return RunFolder(Path(ran.state.result().run_folder)).path(RunFile.MATRIX).read_bytes()


@pytest.mark.parametrize("exchanged", [(10, -10), (50000, 5), (10, "NULL")], ids=["sign", "magnitude", "none"])
def test_two_dfus_that_exchange_their_quantities_are_another_state(sales_url, exchanged):
    def sell(first, second):
        two = "SELECT sales_sk FROM fact_sales_monthly WHERE startdate = '2026-03-01' ORDER BY sales_sk LIMIT 2"
        case = f"CASE WHEN sales_sk = (SELECT min(sales_sk) FROM ({two}) AS t) THEN {first} ELSE {second} END"
        execute(sales_url, f"UPDATE fact_sales_monthly SET qty = {case} WHERE sales_sk IN ({two})")

    sell(*exchanged)
    before = state_of(sales_url)
    sell(*reversed(exchanged))
    after = state_of(sales_url)
    assert (after.rows, after.total_qty) == (before.rows, before.total_qty)
    assert {month for month in before.months if after.months[month] != before.months[month]} == {"2026-03"}


def test_correction_of_the_same_number_and_sum_changes_the_state_of_its_month_alone(sales_url):
    before = state_of(sales_url)
    swap(sales_url)
    after = state_of(sales_url)
    assert (after.rows, after.total_qty, after.newest_modified_ts) == (
        before.rows,
        before.total_qty,
        before.newest_modified_ts,
    )
    assert after.fingerprint != before.fingerprint
    assert {month for month in before.months if after.months[month] != before.months[month]} == {"2026-03"}


def test_load_that_commits_during_the_gate_is_in_no_label_and_is_a_new_load(panel, tmp_path, before_the_reading):
    before, matrix = state_of(panel), matrix_of(panel, tmp_path / "before")
    times = before_the_reading(lambda _: swap(panel))
    ran = run_flow(**any_change())
    assert times == [1]
    assert matrix_of_run(ran) == matrix
    (line,) = Ledger(tmp_path / "runs").publications()
    assert line.fingerprint == before.fingerprint != state_of(panel).fingerprint
    ran = run_flow(only_new_load=True, load_id="corrected", **any_change())
    assert times == [1, 2]
    assert matrix_of_run(ran) != matrix


def test_sales_are_judged_again_where_their_snapshot_was_lost(panel, tmp_path, before_the_reading):
    def lose_it(time):
        if time == 1:
            swap(panel)
            end_the_shared_snapshot(panel)

    times = before_the_reading(lose_it)
    ran = run_flow(**any_change())
    assert times == [1, 2]
    assert matrix_of_run(ran) == matrix_of(panel, tmp_path / "after")
    (line,) = Ledger(tmp_path / "runs").publications()
    assert line.fingerprint == state_of(panel).fingerprint


def test_flow_that_loses_its_snapshot_again_and_again_stops(panel, tmp_path, before_the_reading):
    times = before_the_reading(lambda _: end_the_shared_snapshot(panel))
    ran = run_flow(**any_change())
    assert ran.state.is_failed()
    assert "is gone" in ran.state.message
    assert times == [1, 2, 3]
    assert Ledger(tmp_path / "runs").publications() == []


def test_table_that_is_emptied_and_loaded_again_during_the_gate_is_judged_again(panel, tmp_path, before_the_reading):
    # TRUNCATE is beyond snapshots: in one that is older the table is empty
    loaded = (
        "CREATE TEMPORARY TABLE kept AS SELECT * FROM fact_sales_monthly",
        "TRUNCATE fact_sales_monthly",
        "INSERT INTO fact_sales_monthly OVERRIDING SYSTEM VALUE SELECT * FROM kept",
        SWAP,
    )
    times = before_the_reading(lambda time: execute(panel, *loaded) if time == 1 else None)
    ran = run_flow(**any_change())
    assert times == [1, 2]
    assert matrix_of_run(ran) == matrix_of(panel, tmp_path / "after")
    (line,) = Ledger(tmp_path / "runs").publications()
    assert line.fingerprint == state_of(panel).fingerprint


def test_snapshot_that_is_lost_once_the_sales_are_read_costs_nothing(panel, tmp_path, monkeypatch):
    before, matrix = state_of(panel), matrix_of(panel, tmp_path / "before")
    judge = gate.judge_sources

    def judge_and_lose(*arguments, **options):
        reports = judge(*arguments, **options)
        swap(panel)
        end_the_shared_snapshot(panel)
        return reports

    monkeypatch.setattr(gate, "judge_sources", judge_and_lose)
    ran = run_flow(**any_change())
    assert ran.state.is_completed(), ran.state.message
    assert matrix_of_run(ran) == matrix
    assert [line.fingerprint for line in Ledger(tmp_path / "runs").publications()] == [before.fingerprint]


def test_a_run_reads_the_sales_twice(panel):
    def passes():
        query = "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'fact_sales_monthly'"
        return fetch(panel, query)[0][0]

    before = passes()
    assert run_flow(**any_change()).state.is_completed()
    # what every day holds, and the rows themselves
    wait_until(lambda: passes() - before >= 2, 20, lambda: f"{passes() - before} passes")
    time.sleep(2)  # a third one would be counted by now
    assert passes() - before == 2


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
