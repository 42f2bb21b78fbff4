"""Reports of the gates: what they mean for a run, what they tell people, what the next run remembers."""

import os
import pickle

import pytest
from great_expectations.core import ExpectationValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metadata_types import FailureSeverity

from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import ConfigError
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.quality.gate_reports import (
    Check,
    DataQualityError,
    GatePolicy,
    GateReport,
    SuiteSummary,
    require_passed,
    worst_severity,
)
from dfu_clustering.runs.manifest import PUBLISH_LABELS
from dfu_clustering.runs.past_gates import report_of_last_publish
from dfu_clustering.runs.run import Run
from expectations.engine.results import ExpectationError, Finding, one_a_name
from tasks.support.artifacts import gate_table
from tasks.support.findings import findings_payload, let_through


def check(name="rows_are_there", severity="critical", *, passed=False, observed=3, keys=("k1",)):
    description = "There are as many rows as usual." if passed else "Too few rows."
    return Check(
        name=name,
        severity=severity,
        description=description,
        passed=passed,
        observed=observed,
        threshold=">= 5",
        sample_keys=[] if passed else list(keys),
    )


def report(*checks, suite="dim_dfu", outcome="failed", reason=None, **facts):
    return GateReport(
        suite=suite,
        as_of_month="2026-10",
        outcome=outcome,
        override_reason=reason,
        checks=list(checks),
        not_judged=["something_else"],
        facts=facts,
        duration_s=0.5,
    )


# What failures mean


@pytest.mark.parametrize(
    ("worst", "policy", "outcome"),
    [
        (None, GatePolicy(accept_warnings=False), "passed"),
        ("warning", GatePolicy(), "warned"),
        ("warning", GatePolicy(accept_warnings=False), "failed"),
        ("warning", GatePolicy(accept_warnings=False, override_reason="known"), "overridden"),
        ("critical", GatePolicy(), "failed"),
        ("critical", GatePolicy(override_reason="known"), "overridden"),
        ("critical", GatePolicy(override_reason=""), "failed"),
    ],
)
def test_failures_stop_a_run_unless_people_said_otherwise(worst, policy, outcome):
    assert policy.outcome(worst) == outcome


def test_the_worst_failure_counts():
    assert worst_severity([check(passed=True)]) is None
    assert worst_severity([check(passed=True), check(severity="warning")]) == "warning"
    assert worst_severity([check(severity="warning"), check()]) == "critical"


def test_the_error_says_suites_expectations_values_keys_and_what_to_do():
    stopping = report(check("b_fails", "warning", keys=("k2", "k1")), check("a_fails"), check(passed=True))
    going_on = report(check("c_warns", "warning"), suite="dim_item", outcome="warned")
    with pytest.raises(DataQualityError) as caught:
        require_passed([going_on, stopping])
    text = str(caught.value)
    assert text.startswith(
        "Rule broken: dim_dfu must pass the data-quality gate as of 2026-10. "
        "Found: Too few rows: observed 3, allowed >= 5 (critical a_fails); "
        "Too few rows: observed 3, allowed >= 5 (warning b_fails) (2: 'k1', 'k2'). What to do: "
    )
    assert ".." not in text
    assert "override_reason" in text
    assert "c_warns" not in text
    assert str(pickle.loads(pickle.dumps(caught.value))) == text


def test_warnings_and_overridden_failures_let_a_run_go_on():
    require_passed([report(check(), outcome="overridden", reason="known"), report(outcome="warned"), report()][:2])


# What people are told


def test_payload_carries_what_an_alert_needs():
    payload = findings_payload(report(check(), check("b_warns", "warning"), check(passed=True), reason="known"))
    assert [failed["name"] for failed in payload["failed_expectations"]] == ["rows_are_there", "b_warns"]
    assert payload["failed_expectations"][0] == {
        "name": "rows_are_there",
        "severity": "critical",
        "description": "Too few rows.",
        "observed": 3,
        "threshold": ">= 5",
        "sample_keys": ["k1"],
    }
    assert (payload["suite"], payload["as_of_month"], payload["override_reason"]) == ("dim_dfu", "2026-10", "known")
    assert {"run_link", "flow_run_id", "flow_run_name", "outcome"} <= set(payload)


def test_table_begins_with_the_critical_failures_and_ends_with_what_was_not_judged():
    rows = gate_table(report(check("fine_one", passed=True), check("b_warns", "warning"), check("a_fails")))
    assert [(row["expectation"], row["result"]) for row in rows] == [
        ("a_fails", "failed"),
        ("b_warns", "failed"),
        ("fine_one", "passed"),
        ("something_else", "not judged"),
    ]
    assert rows[0]["allowed"] == ">= 5"
    assert [row.get("meaning") for row in rows[:3]] == [
        "Too few rows.",
        "Too few rows.",
        "There are as many rows as usual.",
    ]


def test_summary_counts_by_severity():
    summary = SuiteSummary.of(
        report(check(), check("b_warns", "warning"), check("c_warns", "warning"), check(passed=True))
    )
    assert (summary.checks, summary.critical, summary.warnings, summary.not_judged) == (4, 1, 2, 1)


# What runs remember


def open_run(runs, run_id="this"):
    return Run.open(runs, as_of_month="2026-10", config_digest="d", run_id=run_id)


def publish(run, *, dry_run=False):
    done = PublishSummary(transitions=(), not_found=0, not_found_keys=(), dry_run=dry_run)
    run.once(PUBLISH_LABELS, lambda: done)


def test_the_last_run_that_published_to_this_warehouse_is_remembered(tmp_path):
    this = open_run(tmp_path)
    assert report_of_last_publish(this, "dim_dfu", "w1") is None
    newest_first = [("dry", "w1", True), ("elsewhere", "w2", False), ("newest", "w1", False), ("old", "w1", False)]
    for age, (run_id, warehouse, dry_run) in enumerate(newest_first):
        run = open_run(tmp_path, run_id)
        publish(run, dry_run=dry_run)
        run.write_gate_report(report(outcome="passed", warehouse=warehouse, name=run_id))
        os.utime(run.folder / "data_quality" / "dim_dfu.json", (1000 - age, 1000 - age))
    open_run(tmp_path, "unpublished").write_gate_report(report(outcome="passed", warehouse="w1", name="unpublished"))
    newest = report_of_last_publish(this, "dim_dfu", "w1")
    assert newest is not None
    assert newest.facts["name"] == "newest"
    assert report_of_last_publish(this, "dim_item", "w1") is None


def test_reports_of_a_run_come_back_as_they_were(tmp_path):
    run = open_run(tmp_path)
    assert run.gate_reports() == []
    first, second = report(suite="fact_sales_monthly", sales_rows=7), report(check(), observed="2026-10-01")
    run.write_gate_report(second)
    run.write_gate_report(first)
    assert run.gate_reports() == [first, second]  # in the order of the gates


def test_a_gate_is_not_asked_again_once_the_step_behind_it_is_done(tmp_path):
    run, asked = open_run(tmp_path), []

    def judge():
        asked.append(1)
        return []

    let_through(run, PUBLISH_LABELS, judge)
    let_through(run, PUBLISH_LABELS, judge)
    assert len(asked) == 2  # a run that is resumed asks again: the data may be others
    publish(run)
    let_through(run, PUBLISH_LABELS, judge)
    assert len(asked) == 2


# What Great Expectations answers


def finding(kind, result, *, success=False, exceptions=None, meta=None, failure="Wrong rows.", **settings):
    asked = ExpectationConfiguration(
        type=kind,
        kwargs=settings,
        meta={"name": "a_name", "failure": failure, "keys": None} if meta is None else meta,
        description="As many rows as usual.",
        severity=FailureSeverity.CRITICAL,
    )
    return Finding.of(
        ExpectationValidationResult(
            success=success, expectation_config=asked, result=result, exception_info=exceptions or {}
        )
    )


@pytest.mark.parametrize(
    ("kind", "settings", "result", "observed", "threshold"),
    [
        ("expect_column_max_to_be_between", {"max_value": 0.2}, {"observed_value": 0.123456}, 0.1235, "<= 0.2"),
        (
            "expect_column_max_to_be_between",
            {"min_value": 10.0, "max_value": 20.5},
            {"observed_value": 21.0},
            21,
            ">= 10 and <= 20.5",
        ),
        (
            "expect_column_values_to_be_between",
            {"min_value": 0.0, "mostly": 0.99},
            {"unexpected_count": 4, "element_count": 9},
            "4 of 9 wrong",
            "at most 1% wrong",
        ),
        (
            "expect_column_values_to_be_unique",
            {},
            {"unexpected_count": 4, "element_count": 9},
            "4 of 9 wrong",
            "none wrong",
        ),
        (
            "expect_column_distinct_values_to_contain_set",
            {"value_set": ["a", "b"]},
            {"observed_value": None, "missing_count": 1, "partial_missing_list": ["b"]},
            "1 missing",
            "none missing",
        ),
    ],
)
def test_an_answer_becomes_what_was_observed_and_what_is_allowed(kind, settings, result, observed, threshold):
    found = finding(kind, result, column="c", **settings).check([])
    assert (found.observed, found.threshold) == (observed, threshold)


@pytest.mark.parametrize(
    ("observed", "success", "sentence"),
    [(9, False, "Too few rows."), (15, True, "As many rows as usual."), (21, False, "Too many rows.")],
)
def test_a_failure_is_described_by_what_is_wrong(observed, success, sentence):
    answer = {"observed_value": observed}
    found = finding(
        "expect_column_max_to_be_between",
        answer,
        success=success,
        failure="Too {few|many} rows.",
        min_value=10,
        max_value=20,
    )
    assert found.check([]).description == sentence


def test_an_aggregate_of_nothing_is_no_failure():
    assert finding("expect_column_max_to_be_between", {"observed_value": None}, column="c").is_empty
    missing = {"observed_value": None, "missing_count": 1, "partial_missing_list": ["b"]}
    assert not finding("expect_column_distinct_values_to_contain_set", missing, column="c").is_empty


def test_what_was_raised_is_found_whether_told_once_or_by_metric():
    raised = {"raised_exception": True, "exception_message": "boom", "exception_traceback": ""}
    calm = {"raised_exception": False, "exception_message": None, "exception_traceback": None}
    kind = "expect_column_max_to_be_between"
    assert finding(kind, {}, exceptions=raised).exceptions == ["boom"]
    assert finding(kind, {}, exceptions={"metric 1": calm, "metric 2": raised}).exceptions == ["boom"]
    assert finding(kind, {}, exceptions=calm).exceptions == []


def test_an_answer_without_its_declaration_is_an_error():
    with pytest.raises(ExpectationError):
        Finding.of(ExpectationValidationResult(success=True, expectation_config=None, result={}))


def test_keys_are_the_rows_own_else_what_is_missing_or_wrong():
    rows = {"partial_unexpected_index_list": [{"dfu_ck": "d1", "cv": 9}], "partial_unexpected_list": [9]}
    kind = "expect_column_values_to_be_between"
    assert finding(kind, rows).listed_keys("dfu_ck") == ["d1"]
    assert finding(kind, {"partial_unexpected_list": [9]}).listed_keys(None) == [9]
    assert finding(kind, {"partial_missing_list": ["b"]}).listed_keys(None) == ["b"]


def test_of_a_graded_expectation_the_worst_failure_is_kept_else_the_tighter_limit():
    def graded(critical_passed, warning_passed):
        both = [check(passed=critical_passed), check(severity="warning", passed=warning_passed)]
        (kept,) = one_a_name(both)
        assert one_a_name(reversed(both)) == (kept,)
        return kept.severity, kept.passed

    assert graded(False, False) == ("critical", False)
    assert graded(True, False) == ("warning", False)
    assert graded(True, True) == ("warning", True)


# Limits


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"orphan_share": {"warning": 0.3}}, r"warning must not be above critical, not 0.3 and 0.2"),
        ({"orphan_share": {"critical": 1.5}}, r"data_quality.orphan_share.critical = 1.5: .*less than or equal to 1"),
        ({"newest_month_rows": {"critical": 1}}, r"newest_month_rows.critical = 1: .*less than 1"),
        ({"newest_month": {}}, r"unknown key data_quality.newest_month \(did you mean"),
        ({"domains": {"fact_sales_monthly.type": ["1"]}}, r"domains"),
    ],
)
def test_a_bad_limit_is_named(limits, message):
    with pytest.raises(ConfigError, match=message):
        load_config(data_quality=limits)


def test_limits_change_no_result():
    assert load_config(data_quality={"early_close_days": 3}).digest() == load_config().digest()
