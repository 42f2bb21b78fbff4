"""Bad loads, each put into a real PostgreSQL: the right expectation stops the real flow and dim_dfu is not touched."""

import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.quality.gate_reports import GatePolicy
from dfu_clustering.runs.run import Run
from dfu_clustering.warehouse.connect import connect_engine
from expectations.gate import as_of, judge_sources
from tests.integration.corruptions import CORRUPTIONS, DFU, FACT, ITEM, MORE_CORRUPTIONS, Corruption
from tests.integration.gate_runs import copied_panel, execute, rows_of_dim_dfu, run_flow

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_data_docs", "blank_pictures")]

# to these a run comes in different ways: by suite, with a month that somebody asked for, or with none that can be read
BY_FLOW = (
    "half of the newest month is loaded",
    "the month that was announced is not there",
    "quantities are text",
    "a table is gone",
    "DFUs are there twice",
)
BY_GATE = {name: bad for name, bad in (CORRUPTIONS | MORE_CORRUPTIONS).items() if name not in BY_FLOW}
ODD_DAYS = "days that only PostgreSQL knows"
OTHERS = [name for name in BY_GATE if name != ODD_DAYS]
LIKE_THESE = [pytest.param(name, marks=pytest.mark.slow) for name in CORRUPTIONS if name not in BY_FLOW]


@pytest.mark.parametrize("name", BY_GATE)
def test_a_bad_load_does_not_pass_the_gate_of_its_table(clean_panel, tmp_path, name):
    bad = BY_GATE[name]
    (report,) = judged(clean_panel, tmp_path, name, skip_suites={FACT, DFU, ITEM} - {bad.suite})
    failures = {check.name: check for check in report.failures}
    _require_noticed(failures[bad.expectation].model_dump(), bad)


@pytest.mark.parametrize("name", [ODD_DAYS, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_every_suite_can_judge_a_bad_load_of_any_table(clean_panel, tmp_path, name):
    bad = BY_GATE[name]
    reports = judged(clean_panel, tmp_path, name)
    failures = {(str(report.suite), check.name): check for report in reports for check in report.failures}
    _require_noticed(failures[bad.suite, bad.expectation].model_dump(), bad)


def judged(clean_panel, folder, name, *, skip_suites=frozenset()):
    """The reports of the gate on a bad load."""
    bad, policy = BY_GATE[name], GatePolicy(skip_suites=tuple(skip_suites))
    with copied_panel(clean_panel, f"corrupt_{list(BY_GATE).index(name)}") as url:
        execute(url, *bad.statements)
        engine = connect_engine(url)
        run = Run.open(folder, as_of_month=as_of(engine, bad.as_of_month), config_digest="d", run_id="x")
        chosen = bad.as_of_month is not None
        reports = judge_sources(load_config(), engine, run, policy, chosen=chosen, docs=False)
        engine.dispose()
    return reports


@pytest.mark.parametrize("name", [*BY_FLOW, *LIKE_THESE])
def test_a_bad_load_stops_the_run_and_leaves_the_labels(panel, data_quality_events, name):
    bad = CORRUPTIONS[name]
    execute(panel, *bad.statements)
    before = rows_of_dim_dfu(panel)
    ran = run_flow(as_of_month=bad.as_of_month)

    assert ran.state.is_failed()
    assert f"(critical {bad.expectation})" in ran.state.message
    assert rows_of_dim_dfu(panel) == before

    event = data_quality_events.wait_for(ran.flow_run_id, bad.suite)
    assert (event.event, event.payload["outcome"]) == ("dfu.data_quality.failed", "failed")
    failed = {check["name"]: check for check in event.payload["failed_expectations"]}
    _require_noticed(failed[bad.expectation], bad)


def _require_noticed(failed: dict, bad: Corruption) -> None:
    assert failed["severity"] == "critical"
    assert failed["description"]
    assert failed["threshold"]
    assert failed["observed"] is not None
    if bad.observed is not None:
        assert failed["observed"] == bad.observed
    assert bad.sample in "".join(failed["sample_keys"][:1])
