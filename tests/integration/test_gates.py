"""The gates on good data, on data that only warn, and what people can do about them; the real flow on a real server."""

import re
import threading
import time
from contextlib import closing
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import psycopg2
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.settings import PREFECT_API_URL, temporary_settings

from dfu_clustering.config.loading import load_config
from dfu_clustering.config.warehouse_names import TEMPORARY_TABLES
from dfu_clustering.files.tables import read_json
from dfu_clustering.labels.vocabulary import LIFECYCLE_LABELS
from dfu_clustering.quality.gate_reports import GatePolicy
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.manifest import BUILD_FEATURES
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.build_features import build_features
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.train_model import train_model
from dfu_clustering.warehouse.connect import connect_engine
from expectations.engine.validation import Validator
from expectations.gate import judge_assignments, judge_features, judge_sources
from tests.integration.gate_runs import any_change, execute, fetch, rows_of_dim_dfu, run_flow

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("no_data_docs", "blank_pictures"),
]

SUITES = ["fact_sales_monthly", "dim_dfu", "dim_item", "features", "assignments"]
HALF_LOADED = "DELETE FROM fact_sales_monthly WHERE startdate = '2026-10-01' AND abs(hashtext(sales_ck)) % 2 = 0"
ALL_LABELS_CHANGE = "UPDATE dim_dfu SET cluster_assignment = 'low_volume_steady_regular'"
ONLY_WARNINGS = (
    "UPDATE dim_dfu SET abc_vol = 'Z' WHERE dfu_sk % 10 = 0",
    "UPDATE dim_dfu SET alcoh_pct = 480 WHERE dfu_sk % 10 = 1",
    "DELETE FROM dim_dfu WHERE dfu_sk % 10 = 2",
    (
        "INSERT INTO fact_sales_monthly (sales_ck, dmdunit, dmdgroup, loc, startdate, type, qty, load_ts)"
        " SELECT sales_ck || '_again', dmdunit, dmdgroup, loc, startdate, type, qty, load_ts FROM fact_sales_monthly"
        " WHERE startdate = '2026-01-01'"
    ),
)


@pytest.fixture
def mlflow_client(tracking_store):
    # named, because the client remembers the store of whichever test came before in this process
    return mlflow.MlflowClient(tracking_uri=tracking_store)


def artifacts(ran):
    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[ran.flow_run_id]))
    with get_client(sync_client=True) as client:
        return {artifact.key: str(artifact.data) for artifact in client.read_artifacts(artifact_filter=of_run)}


# Good data


def test_good_data_pass_every_suite_and_show_it_everywhere(
    published_run, data_quality_events, server_of_this_process, mlflow_client
):
    summary = published_run.summary
    assert [(suite.suite, suite.outcome) for suite in summary.data_quality] == [(suite, "passed") for suite in SUITES]
    assert sum(suite.checks for suite in summary.data_quality) > 100
    assert data_quality_events.of_run(published_run.flow_run_id) == {}

    with temporary_settings({PREFECT_API_URL: server_of_this_process.api_url}):
        shown = artifacts(published_run)
    for suite in SUITES:
        assert "passed" in shown[f"data-quality-{suite.replace('_', '-')}"]
    assert "newest_month_rows" in shown["data-quality-fact-sales-monthly"]

    docs = Path(summary.run_folder) / "data_docs"
    index = (docs / "index.html").read_text()
    for batch in ("fact_sales_monthly newest month", "dim_item rows", "features of every DFU", "labels of every DFU"):
        assert batch in index
        (page,) = docs.glob(f"validations/{batch}/**/*.html")
        assert "Succeeded" in page.read_text()
    # it can be read where the internet cannot be reached
    foreign = re.compile(r"<script|(?:src|href)=.https?:")
    assert [page for page in docs.rglob("*.html") if foreign.search(page.read_text())] == []
    assert sum(path.stat().st_size for path in docs.rglob("*") if path.is_file()) < 2e6

    recorded = mlflow_client.get_run(summary.mlflow_run_id).data
    assert recorded.metrics["data_quality.fact_sales_monthly.checks"] == summary.data_quality[0].checks
    assert recorded.metrics["data_quality.fact_sales_monthly.critical"] == 0
    files = mlflow_client.list_artifacts(summary.mlflow_run_id, "data_docs")
    assert "data_docs/index.html" in [file.path for file in files]


def test_the_address_of_the_warehouse_is_in_no_file_of_the_gates(panel, tmp_path, no_data_docs, monkeypatch):
    monkeypatch.setattr(Validator, "write_docs", no_data_docs)  # here they are rendered
    engine = connect_engine(panel)
    run = Run.open(tmp_path, as_of_month="2026-10", config_digest="d", run_id="x")
    judge_sources(load_config(), engine, run, GatePolicy(), chosen=False)
    engine.dispose()
    address = panel.partition("?host=")[2]
    texts = [path.read_text(errors="replace") for path in run.folder.rglob("*") if path.is_file()]
    assert len(texts) > 20
    assert not any(address in text or "postgres@" in text for text in texts)


def make_labels(config, engine, run):
    build_features(run, config, engine)
    train_model(run, config)
    label_segments(run, config)


def test_a_past_month_is_judged_as_it_was_then(panel, tmp_path):
    # the newest month is broken, the month before is not
    execute(panel, HALF_LOADED)
    engine = connect_engine(panel)
    for month, outcome in (("2026-10", "failed"), ("2026-09", "passed")):
        run = Run.open(tmp_path, as_of_month=month, config_digest="d", run_id="x")
        assert judge_sources(load_config(), engine, run, GatePolicy(), chosen=True, docs=False)[0].outcome == outcome
    engine.dispose()


def test_somebodys_tables_of_our_temporary_names_change_no_finding(panel, tmp_path):
    def found(name):
        engine = connect_engine(panel)
        run = Run.open(tmp_path, as_of_month="2026-10", config_digest="d", run_id=name)
        reports = judge_sources(load_config(), engine, run, GatePolicy(), chosen=False, docs=False)
        engine.dispose()
        return [(check.name, check.passed, check.observed) for report in reports for check in report.checks]

    before = found("before")
    names = [name for name in sorted(TEMPORARY_TABLES) if name.endswith(("_months", "_facts"))]
    assert len(names) == 2
    (database,) = fetch(panel, "SELECT current_database()")[0]
    execute(
        panel,
        *(f"CREATE TABLE public.{name} (month date, rows bigint, share float8)" for name in names),
        f"ALTER DATABASE {database} SET search_path = public, pg_temp",
    )
    assert found("after") == before
    assert all(fetch(panel, f"SELECT count(*) FROM public.{name}") == [(0,)] for name in names)


def test_a_role_that_may_only_read_the_three_tables_is_enough(panel, tmp_path):
    execute(
        panel,
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader LOGIN",
        "GRANT SELECT ON fact_sales_monthly, dim_dfu, dim_item TO reader",
    )
    run = Run.open(tmp_path, as_of_month="2026-10", config_digest="d", run_id="x")
    engine = connect_engine(panel.replace("postgres@", "reader@"))
    reports = judge_sources(load_config(), engine, run, GatePolicy(), chosen=False, docs=False)
    assert [report.outcome for report in reports] == ["passed"] * 3

    execute(panel, "REVOKE SELECT ON dim_item FROM reader")
    reports = judge_sources(load_config(), engine, run, GatePolicy(), chosen=False, docs=False)
    engine.dispose()
    execute(panel, "DROP OWNED BY reader", "DROP ROLE reader")
    assert [report.outcome for report in reports] == ["passed", "passed", "failed"]
    assert reports[2].failures[0].observed == "14 missing"
    assert "holds_sales" in reports[0].not_judged  # nothing is read where columns are missing


# Warnings, and what people can do


def test_warnings_are_reported_and_the_run_goes_on(panel, data_quality_events):
    execute(panel, *ONLY_WARNINGS)
    ran = run_flow(dry_run=True, **any_change())
    by_suite = {suite.suite: suite for suite in ran.state.result().data_quality}
    warned = {check.name for suite in by_suite.values() for check in suite.failures}
    assert {"abc_vol_is_known", "alcoh_pct_is_plausible", "sales_have_a_dfu", "earlier_months_are_in_line"} <= warned
    assert sum(suite.critical for suite in by_suite.values()) == 0
    event = data_quality_events.wait_for(ran.flow_run_id, "fact_sales_monthly")
    assert (event.event, event.payload["outcome"]) == ("dfu.data_quality.warned", "warned")
    failed = {check["name"]: check for check in event.payload["failed_expectations"]}
    assert failed["earlier_months_are_in_line"]["sample_keys"] == ["2026-01-01"]
    assert failed["sales_have_a_dfu"]["severity"] == "warning"


def test_warnings_stop_the_run_where_they_are_not_accepted(panel, data_quality_events):
    execute(panel, *ONLY_WARNINGS)
    before = rows_of_dim_dfu(panel)
    ran = run_flow(accept_warnings=False)
    assert ran.state.is_failed()
    assert "observed 50 of 450 wrong, allowed at most 1% wrong (warning abc_vol_is_known)" in ran.state.message
    assert data_quality_events.wait_for(ran.flow_run_id, "dim_dfu").event == "dfu.data_quality.failed"
    assert rows_of_dim_dfu(panel) == before


def test_a_reason_lets_a_critical_failure_through_and_is_kept(panel, data_quality_events, mlflow_client):
    execute(panel, HALF_LOADED)
    reason = "Half of the customers closed for good on 30 September."
    ran = run_flow(override_reason=reason)
    summary = ran.state.result()
    assert summary.published.updated + summary.published.unchanged > 400
    by_suite = {suite["suite"]: suite for suite in read_json(Path(summary.run_folder) / "summary.json")["data_quality"]}
    assert by_suite["fact_sales_monthly"]["outcome"] == "overridden"
    assert by_suite["fact_sales_monthly"]["override_reason"] == reason
    assert by_suite["dim_item"]["override_reason"] is None  # nothing was overridden there
    event = data_quality_events.wait_for(ran.flow_run_id, "fact_sales_monthly")
    assert event.event == "dfu.data_quality.failed"
    assert (event.payload["outcome"], event.payload["override_reason"]) == ("overridden", reason)
    tags = mlflow_client.get_run(summary.mlflow_run_id).data.tags
    assert tags["data_quality.override_reason.fact_sales_monthly"] == reason

    # the next run remembers how many DFUs there were
    execute(panel, "DELETE FROM dim_dfu WHERE dfu_sk % 8 = 0")
    before = rows_of_dim_dfu(panel)
    ran = run_flow()
    assert "observed 438, allowed >= 450 (critical dfus_are_still_there)" in ran.state.message
    assert rows_of_dim_dfu(panel) == before


# Failing, and failing to ask


def test_a_failed_gate_is_never_retried_and_says_everything(panel, data_quality_events, server_of_this_process):
    execute(panel, HALF_LOADED)
    ran = run_flow()
    tried = ran.tasks()
    assert tried["validate-sources"] == 1
    assert "build-features" not in tried
    assert "fact_sales_monthly must pass the data-quality gate as of 2026-10" in ran.state.message
    assert "What to do: correct the data and run again" in ran.state.message
    payload = data_quality_events.wait_for(ran.flow_run_id, "fact_sales_monthly").payload
    failed = {check["name"]: check for check in payload["failed_expectations"]}["newest_month_rows"]
    (rows,) = fetch(panel, "SELECT count(*) FROM fact_sales_monthly WHERE startdate = '2026-10-01'")[0]
    assert failed["observed"] == rows
    assert rows < float(failed["threshold"].split()[1])  # ">= fewest and <= most"
    assert payload["as_of_month"] == "2026-10"
    address = server_of_this_process.api_url.removesuffix("/api")
    assert payload["run_link"] == f"{address}/runs/flow-run/{ran.flow_run_id}"
    shown = artifacts(ran)["data-quality-fact-sales-monthly"]
    assert shown.index("newest_month_rows") < shown.index("holds_sales")  # what failed comes first


def test_a_connection_that_drops_while_data_are_judged_is_tried_again(panel):
    execute(panel, "TRUNCATE dim_item")
    # a lock makes the gate wait in the middle of a suite; there its connection is cut
    with closing(psycopg2.connect(panel)) as blocker, blocker.cursor() as cursor:
        cursor.execute("LOCK TABLE dim_item IN ACCESS EXCLUSIVE MODE")

        def cut_and_let_go():
            cut_waiting_connection(panel)
            blocker.rollback()

        cut = threading.Thread(target=cut_and_let_go)
        cut.start()
        ran = run_flow(skip_suites=("fact_sales_monthly", "dim_dfu"))
        cut.join()
    # the first try lost its connection, the second one found something, and that was not tried again
    assert ran.tasks()["validate-sources"] == 2
    assert "dim_item has no items: observed 0, allowed >= 1 (critical holds_items)" in ran.state.message


def cut_waiting_connection(url: str) -> None:
    query = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    end = time.monotonic() + 60
    while not fetch(url, query)[0][0]:
        assert time.monotonic() < end, "no connection waits"
        time.sleep(0.1)


def test_labels_that_would_all_change_are_not_published_and_a_dry_run_says_so(panel, data_quality_events):
    execute(panel, ALL_LABELS_CHANGE)
    before = rows_of_dim_dfu(panel)
    dry = run_flow(dry_run=True)
    assert dry.state.is_completed(), dry.state.message
    summary = dry.state.result()
    # a dry run works everything out and writes no label
    assert summary.published.dry_run
    assert summary.published.updated == summary.labelled
    assert "Dry run: nothing was written to dim_dfu" in Path(summary.run_folder, "report.html").read_text()
    assert rows_of_dim_dfu(panel) == before
    assert summary.data_quality[-1].outcome == "failed"
    told = "would not be published without an override_reason: Too many DFUs with a published label would get another"
    assert [told in warning for warning in summary.warnings].count(True) == 1
    shown = artifacts(dry)
    assert told in shown["cluster-dfus-summary"].replace("\\", "")
    assert "labels_stay_mostly_the_same" in shown["data-quality-assignments"]

    # with a suite skipped and limits raised bad sources let a run through to the last gate, which stops it
    execute(panel, HALF_LOADED, "UPDATE dim_item SET item_no = item_no || 'x'")
    limits = load_config().data_quality.model_dump()
    limits["newest_month_rows"] = limits["newest_month_volume"] = {"warning": 0.7, "critical": 0.8}
    ran = run_flow(data_quality=limits, skip_suites=("dim_dfu",))
    assert ran.tasks()["validate-features"] == 1
    assert ran.state.message.count("critical ") == 2
    assert "observed 1, allowed <= 0.5 (critical labels_stay_mostly_the_same)" in ran.state.message
    assert "critical labels_do_not_disappear" in ran.state.message
    assert rows_of_dim_dfu(panel) == before
    payload = data_quality_events.wait_for(ran.flow_run_id, "assignments").payload
    assert payload["failed_expectations"][0]["sample_keys"][0].startswith("low_volume_steady_regular -> ")
    assert data_quality_events.of_run(dry.flow_run_id) == {}  # it ran before, and nobody is sent an alert of it


# The run's own results, each broken in its files


@pytest.fixture(scope="module")
def finished_run(clean_panel, tmp_path_factory):
    """A run up to its labels, its files to be broken and mended by tests."""
    engine, config = connect_engine(clean_panel.url("gates_clean")), load_config(k_range=(3, 4), gap_references=2)
    run = Run.open(tmp_path_factory.mktemp("runs"), as_of_month="2026-10", config_digest="d", run_id="x")
    make_labels(config, engine, run)
    yield config, engine, run
    engine.dispose()


def failures(report):
    return {check.name: check for check in report.failures}


def changed(**columns):
    def change(frame):
        for name, value in columns.items():
            frame.loc[frame.index[3], name] = value
        return frame

    return change


@pytest.mark.parametrize(
    ("expectation", "change"),
    [
        ("cv_demand_is_in_range", changed(cv_demand=np.inf)),
        ("acceleration_is_in_range", changed(acceleration=-np.inf)),
        ("mean_demand_is_defined", changed(mean_demand=np.nan)),
        ("zero_demand_pct_is_in_range", changed(zero_demand_pct=12.5)),
        ("peak_month_is_in_range", changed(peak_month=0)),
        ("dfu_occurs_once", lambda frame: pd.concat([frame, frame.iloc[[3]]], ignore_index=True)),
        ("every_clustered_dfu_has_features", lambda frame: frame.iloc[:-1]),
        ("no_feature_is_dead", lambda frame: frame.assign(log_growth=0.25)),
    ],
)
def test_a_broken_feature_matrix_is_noticed(finished_run, expectation, change):
    _, _, run = finished_run
    good = pd.read_parquet(run.path(RunFile.MATRIX))
    change(good.copy()).to_parquet(run.path(RunFile.MATRIX))
    (report,) = judge_features(run, GatePolicy())
    good.to_parquet(run.path(RunFile.MATRIX))
    found = failures(report)[expectation]
    assert found.severity == ("warning" if expectation == "no_feature_is_dead" else "critical")
    if expectation.endswith(("_range", "_defined", "_once")):
        assert found.sample_keys[0] == good["dfu_ck"].iloc[3]


def test_features_of_other_rows_than_were_judged_are_noticed(finished_run, clean_panel):
    config, engine, run = finished_run
    judge_sources(config, engine, run, GatePolicy(), chosen=False, docs=False)
    summary = run.result(BUILD_FEATURES)
    assert failures(judge_features(run, GatePolicy())[0]) == {}
    report = run.folder / "data_quality" / "fact_sales_monthly.json"
    text = report.read_text()
    report.write_text(text.replace(f'"sales_rows": {summary.sales_rows}', f'"sales_rows": {summary.sales_rows - 7}'))
    found = failures(judge_features(run, GatePolicy())[0])
    report.write_text(text)
    assert list(found) == ["sales_are_those_that_were_judged"]


def without_a_clustered_dfu(labels):
    return labels.drop(labels.index[~labels["cluster_label"].isin(LIFECYCLE_LABELS)][0])


@pytest.mark.parametrize(
    ("expectation", "change"),
    [
        ("one_label_a_dfu", lambda frame: pd.concat([frame, frame.iloc[[3]]])),
        ("label_is_known", changed(cluster_label="Cluster 3")),
        ("segment_is_large_enough", changed(cluster_label="high_volume_volatile_fading", cluster_id=9)),
        ("label_names_one_cluster", changed(cluster_id=9)),
        ("every_clustered_dfu_has_a_label", without_a_clustered_dfu),
        ("only_clustered_dfus_have_a_label", changed(dfu_ck="stranger")),
    ],
)
def test_broken_labels_are_noticed(finished_run, expectation, change):
    config, engine, run = finished_run
    good = pd.read_csv(run.path(RunFile.LABELS))
    change(good.copy()).to_csv(run.path(RunFile.LABELS), index=False)
    (report,) = judge_assignments(config, engine, run, GatePolicy())
    good.to_csv(run.path(RunFile.LABELS), index=False)
    assert failures(report)[expectation].severity == "critical"
