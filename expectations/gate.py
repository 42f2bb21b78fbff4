"""The three gates of a run: before anything is computed, before clusters are made, before labels are published."""

import logging
import time
from collections.abc import Mapping
from typing import Any

import pandas as pd
from sqlalchemy import Engine

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.errors import DataError, WarehouseError
from dfu_clustering.loads.sales_loads import shared_sales
from dfu_clustering.months import parse_month
from dfu_clustering.overrides.register import Overrides
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.publishing.staging import LABEL_COLUMNS
from dfu_clustering.quality.gate_reports import GatePolicy, GateReport, Suite, Value, worst_severity
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.manifest import BUILD_FEATURES, LABEL_SEGMENTS
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import StabilitySummary
from dfu_clustering.steps.publish_labels import preview_publish
from dfu_clustering.steps.sales_reading import SalesReading
from dfu_clustering.warehouse.snapshot import sales_span
from expectations.engine.results import one_a_name
from expectations.engine.validation import Judgement, Validator
from expectations.source_gate import SOURCES, SourceGate
from expectations.suites import assignments, features
from expectations.suites.feature_profile import profile_features

logger = logging.getLogger(__name__)


def as_of(engine: Engine, wanted: str | None) -> str | None:
    """Return the as-of month of a run: the wanted one, by default the newest with sales; None where there are none.

    A table from which no month can be read, or whose newest month is older than the wanted one, is no error here: the
    source gate says what is wrong with it.

    Raises:
        DataError: The wanted month is older than all sales, or is no month.
    """
    try:
        span = sales_span(engine)
    except (DataError, WarehouseError):
        return str(parse_month(wanted)) if wanted else None
    month = parse_month(wanted) if wanted else None
    return str(month if month is not None and month > span.last_month else span.as_of(month))


def judge_sources(
    config: ClusteringConfig,
    engine: Engine,
    run: Run,
    policy: GatePolicy,
    *,
    chosen: bool,
    docs: bool = True,
    reading: SalesReading | None = None,
) -> list[GateReport]:
    """Judge the three source tables as of the run's month, all in one snapshot.

    First the tables are judged where they are, then the sales are read and judged DFU by DFU.

    Args:
        config: History, window, limits.
        engine: The warehouse; temporary tables are made on a connection of the gate's own.
        run: Gets reports and Data Docs.
        policy: Suites to skip, and what failures mean.
        chosen: Whether the month was asked for; else it is the newest, which must not be a stale one.
        docs: Whether to render the Data Docs.
        reading: Of the sales, and the snapshot to judge; None: a new one.

    Raises:
        SnapshotGoneError: That snapshot is not open any more.
        DataError, WarehouseError: The sales cannot be read, and no critical expectation says why.
    """
    wanted: list[Suite] = [suite for suite in SOURCES if suite not in policy.skip_suites]
    if not wanted:
        return []
    if reading is None:
        with shared_sales(engine, run.known_month) as sales:
            reading = SalesReading(sales, run.known_month, parts=config.scale.partitions)
            return judge_sources(config, engine, run, policy, chosen=chosen, docs=docs, reading=reading)
    gate = SourceGate(config, engine, run, reading, wanted, chosen=chosen)
    validator = gate.judge()
    reports = [
        _report(run, suite, found.judgement, policy, found.facts, found.duration_s)
        for suite, found in gate.tables.items()
    ]
    if docs:
        validator.write_docs()
    gate.require_readable()
    return reports


def judge_features(run: Run, policy: GatePolicy) -> list[GateReport]:
    """Judge the feature matrix against METHOD's ranges and against what the source gate counted."""
    if features.SUITE in policy.skip_suites:
        return []
    started = time.perf_counter()
    bounds = {name: features.bounds(name) for name in features.RANGES}
    profile = profile_features(run.path(RunFile.MATRIX), bounds)
    batches = features.batches(profile, run.table(RunFile.EXCLUDED), run.result(BUILD_FEATURES))
    validator = Validator(run)
    judgement = validator.judge(batches, _counted(run))
    validator.write_docs()
    return [_report(run, features.SUITE, judgement, policy, {}, time.perf_counter() - started)]


def judge_assignments(config: ClusteringConfig, engine: Engine, run: Run, policy: GatePolicy) -> list[GateReport]:
    """Judge the labels by themselves, and against what is published; nothing is written to the warehouse."""
    if assignments.SUITE in policy.skip_suites:
        return []
    started = time.perf_counter()
    labels = run.table(RunFile.LABELS, LABEL_COLUMNS)
    clustered = run.table(RunFile.MATRIX, ["dfu_ck"])["dfu_ck"]
    validator = Validator(run)
    figures = run.result(LABEL_SEGMENTS).figures
    batches = assignments.label_batches(config, labels, clustered, figures.within_margin_share)
    judgement = validator.judge(batches, {})
    if judgement.complete:
        publishing = preview_publish(run, engine, Overrides(run.runs).holding_in(run.as_of_month))
        judgement += validator.judge([assignments.publishing_batch(config, publishing, _stability(run))], {})
    validator.write_docs()
    return [_report(run, assignments.SUITE, judgement, policy, {}, time.perf_counter() - started)]


def judge_labels(
    config: ClusteringConfig,
    run: Run,
    policy: GatePolicy,
    *,
    labels: pd.DataFrame,
    publishing: PublishSummary,
    stability: StabilitySummary | None,
) -> list[GateReport]:
    """Judge labels of which no features are known, and what publishing them would change."""
    if assignments.SUITE in policy.skip_suites:
        return []
    started = time.perf_counter()
    batches = assignments.label_batches(config, labels, labels["dfu_ck"])
    judgement = Validator(run).judge([*batches, assignments.publishing_batch(config, publishing, stability)], {})
    return [_report(run, assignments.SUITE, judgement, policy, {}, time.perf_counter() - started)]


def _stability(run: Run) -> StabilitySummary | None:
    labels = run.find_result(LABEL_SEGMENTS)
    return labels.stability if labels else None


def _counted(run: Run) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for report in run.gate_reports():
        facts |= report.facts
    return facts


def _report(
    run: Run, suite: Suite, judgement: Judgement, policy: GatePolicy, facts: Mapping[str, Value], duration_s: float
) -> GateReport:
    outcome = policy.outcome(worst_severity(judgement.checks))
    report = GateReport(
        suite=suite,
        as_of_month=run.as_of_month,
        outcome=outcome,
        override_reason=policy.override_reason if outcome == "overridden" else None,
        checks=list(one_a_name(judgement.checks)),
        not_judged=list(judgement.not_judged),
        facts=dict(facts),
        duration_s=round(duration_s, 3),
    )
    run.write_gate_report(report)
    failed = ",".join(check.name for check in report.failures) or "none"
    logger.info(
        "gate suite=%s outcome=%s checks=%d failed=%s duration_s=%.2f",
        *(suite, outcome, len(report.checks), failed, report.duration_s),
    )
    return report
