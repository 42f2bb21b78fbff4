"""The gates for work without a run: the tables before features are made of them, labels before they are published.

Only the error or the log says what was found; a run of the flow also keeps reports, Data Docs and events.
"""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.publishing.staging import LABEL_COLUMNS
from dfu_clustering.quality.gate_reports import GatePolicy, GateReport, describe, require_passed
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.sales_reading import SalesReading
from expectations.gate import judge_labels, judge_sources

logger = logging.getLogger("dfu_clustering.expectations")


def require_good_sources(
    config: ClusteringConfig,
    engine: Engine,
    policy: GatePolicy,
    *,
    as_of_month: str,
    chosen: bool,
    reading: SalesReading | None = None,
) -> None:
    """Check that the three source tables are fit to be clustered; warnings are logged.

    Args:
        config: History, window, limits.
        engine: The warehouse.
        policy: What failures mean.
        as_of_month: Newest month that counts.
        chosen: Whether it was asked for.
        reading: Of the sales that are judged; None: one of its own.

    Raises:
        DataQualityError: A critical expectation fails, and no reason was given to continue.
    """
    with TemporaryDirectory() as folder:
        run = _run_without_others(folder, as_of_month)
        _require_passed(judge_sources(config, engine, run, policy, chosen=chosen, docs=False, reading=reading))


def require_good_labels(
    files: RunFolder, config: ClusteringConfig, policy: GatePolicy, *, publishing: PublishSummary, dry_run: bool
) -> None:
    """Check that labels may be published; warnings are logged.

    Args:
        files: The labels; beside them lie, where that is known, the metadata of their training and how they follow the
            published ones.
        config: Limits; the smallest cluster is that of the training.
        policy: What failures mean.
        publishing: What a dry run of publishing them says.
        dry_run: Whether nothing follows: what would stop a publish is logged then, too.

    Raises:
        DataQualityError: A critical expectation fails, and no reason was given to continue.
    """
    training = files.metadata() if files.find(RunFile.METADATA) else None
    if training:
        config = config.model_copy(update={"min_cluster_size_pct": training.config.min_cluster_size_pct})
    labels, stability = files.table(RunFile.LABELS, LABEL_COLUMNS), files.stability()
    with TemporaryDirectory() as folder:
        run = _run_without_others(folder, (training.as_of_month if training else None) or "an unknown month")
        reports = judge_labels(config, run, policy, labels=labels, publishing=publishing, stability=stability)
        _require_passed(reports, dry_run=dry_run)


def _run_without_others(folder: str, as_of_month: str) -> Run:
    # a gate compares a run with those beside it, and beside the folder itself lies all that is temporary
    return Run(Path(folder) / "run", as_of_month=as_of_month)


def _require_passed(reports: list[GateReport], *, dry_run: bool = False) -> None:
    require_passed(reports, dry_run=dry_run)
    for report in reports:
        if report.outcome == "overridden":
            logger.warning(
                "suite=%s continues in spite of failures, the reason: %s", report.suite, report.override_reason
            )
        for check in report.failures if report.outcome != "failed" else ():
            logger.warning("suite=%s %s", report.suite, describe(check))
