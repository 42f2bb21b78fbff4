"""The three gates of a run: before anything is computed, before clusters are made, before labels are published."""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy import Engine

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.warehouse_names import ROLES, Role, WarehouseNames
from dfu_clustering.errors import DataError, WarehouseError
from dfu_clustering.loads.sales_loads import SalesOverview, facts_by_day
from dfu_clustering.months import parse_month
from dfu_clustering.overrides.register import Overrides
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.publishing.staging import LABEL_COLUMNS
from dfu_clustering.quality.gate_reports import GatePolicy, GateReport, Suite, Value, worst_severity
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.manifest import BUILD_FEATURES, LABEL_SEGMENTS
from dfu_clustering.runs.past_gates import report_of_last_publish
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import StabilitySummary
from dfu_clustering.steps.publish_labels import preview_publish
from dfu_clustering.warehouse.catalog import FoundTable, find_table
from dfu_clustering.warehouse.connect import names_of, private_connection
from dfu_clustering.warehouse.identity import database_identity
from dfu_clustering.warehouse.snapshot import Snapshot, sales_span, stay_in_snapshot
from expectations.engine.checks import Batch, Moment
from expectations.engine.results import one_a_name
from expectations.engine.validation import Judgement, Validator, left_out
from expectations.suites import assignments, dim_dfu, dim_item, fact_sales_monthly, features
from expectations.suites.attributes import attribute_columns
from expectations.suites.columns import columns_batches, target_batch
from expectations.suites.feature_profile import profile_features
from expectations.suites.texts import texts_batch
from expectations.suites.views import create_views
from expectations.suites.words import in_words_of

logger = logging.getLogger(__name__)

_SOURCES: dict[Suite, ModuleType] = {
    "fact_sales_monthly": fact_sales_monthly,
    "dim_dfu": dim_dfu,
    "dim_item": dim_item,
}
_NEVER = np.datetime64("9000-01", "M")  # later than any month, so that a profile holds all there is
_FACTS = ("sales_rows", "dfus", "warehouse")


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
    sales: SalesOverview | None = None,
) -> list[GateReport]:
    """Judge the three source tables as of the run's month, where they are: no table is read into this process.

    All is judged in one snapshot.

    Args:
        config: History, window, limits.
        engine: The warehouse; temporary tables are made on a connection of the gate's own.
        run: Gets reports and Data Docs.
        policy: Suites to skip, and what failures mean.
        chosen: Whether the month was asked for; else it is the newest, which must not be a stale one.
        docs: Whether to render the Data Docs.
        sales: What is known of them already, and the snapshot to judge; None: a new one.

    Raises:
        SnapshotGoneError: That snapshot is not open any more.
    """
    wanted: list[Suite] = [suite for suite in _SOURCES if suite not in policy.skip_suites]
    if not wanted:
        return []
    names = names_of(engine)
    with private_connection(engine) as connection:
        moment, warehouse = _moment(connection, names, run, chosen=chosen)
        stay_in_snapshot(connection, sales.snapshot if sales else None)
        validator = Validator(run, connection)
        found = {role: find_table(connection, names, role) for role in ROLES}
        columns = {suite: validator.judge(_of_the_columns(suite, found, names), {}) for suite in wanted}
        readable = all(judgement.complete for judgement in columns.values())
        if readable:
            create_views(connection, names, found)
            for suite in wanted:
                role = _SOURCES[suite].ROLE
                columns[suite] += validator.judge([texts_batch(connection, names, role, found[role].name)], {})
            readable = all(judgement.complete for judgement in columns.values())
        if readable and "fact_sales_monthly" in wanted:
            days = sales.days if sales else None
            moment = replace(moment, sales_days=days or facts_by_day(Snapshot(engine, connection)))
        reports = []
        for suite in wanted:
            started = time.perf_counter()
            batches = in_words_of(names, _SOURCES[suite].batches(config, moment), _SOURCES[suite].ROLE)
            parameters = _SOURCES[suite].profile(connection, config, moment) if readable else {}
            rest = validator.judge(batches, parameters) if readable else left_out(*batches)
            facts = {"warehouse": warehouse, **{name: parameters[name] for name in _FACTS if name in parameters}}
            reports.append(_report(run, suite, columns[suite] + rest, policy, facts, started))
    if docs:  # which needs no database: loaders wait for the locks of the gate's transaction
        validator.write_docs()
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
    return [_report(run, features.SUITE, judgement, policy, {}, started)]


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
    return [_report(run, assignments.SUITE, judgement, policy, {}, started)]


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
    return [_report(run, assignments.SUITE, judgement, policy, {}, started)]


def _stability(run: Run) -> StabilitySummary | None:
    labels = run.find_result(LABEL_SEGMENTS)
    return labels.stability if labels else None


def _of_the_columns(suite: Suite, found: Mapping[Role, FoundTable], names: WarehouseNames) -> list[Batch]:
    source = _SOURCES[suite]
    table = found[source.ROLE]
    keys = names.columns_of(source.ROLE).values() if source.ROLE != "dfu" else ()  # of DFUs the target tells it
    columns = columns_batches(table.told_of_loose(keys), source.columns(names), attribute_columns(names, source.ROLE))
    return [*columns, target_batch(table, names)] if source.ROLE == "dfu" else columns


def _moment(connection: Connection, names: WarehouseNames, run: Run, *, chosen: bool) -> tuple[Moment, Value]:
    warehouse = database_identity(connection, names)
    before = report_of_last_publish(run, "dim_dfu", warehouse) if warehouse else None
    dfus = before.facts.get("dfus") if before else None
    as_of = parse_month(run.known_month) if run.known_month else _NEVER
    return Moment(as_of, chosen=chosen, dfus_before=dfus if isinstance(dfus, int) else None), warehouse


def _counted(run: Run) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for report in run.gate_reports():
        facts |= report.facts
    return facts


def _report(
    run: Run, suite: Suite, judgement: Judgement, policy: GatePolicy, facts: Mapping[str, Value], started: float
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
        duration_s=round(time.perf_counter() - started, 3),
    )
    run.write_gate_report(report)
    failed = ",".join(check.name for check in report.failures) or "none"
    logger.info(
        "gate suite=%s outcome=%s checks=%d failed=%s duration_s=%.2f",
        *(suite, outcome, len(report.checks), failed, report.duration_s),
    )
    return report
