"""Last step: the run's summary, and its record in MLflow."""

import logging
import math
import resource
import sys
from pathlib import Path

from dfu_clustering.comparison.settings import dotted
from dfu_clustering.config.clustering import ClusteringConfig, RunSettings
from dfu_clustering.config.operations import TrackingConfig
from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import read_first_rows
from dfu_clustering.quality.gate_reports import SuiteSummary, refusals
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.manifest import (
    BUILD_FEATURES,
    BUILD_REPORT,
    FIND_PUBLISHED,
    LABEL_SEGMENTS,
    PUBLISH_LABELS,
    READ_SALES_STATE,
    RECORD_PUBLICATION,
    RECORD_RUN,
    REQUIRE_APPROVAL,
    TRAIN_MODEL,
    once,
)
from dfu_clustering.runs.overtaken import older_month_problem
from dfu_clustering.runs.run import Run, code_version, var_folder
from dfu_clustering.runs.summaries import RunSummary
from dfu_clustering.tracking.store import TrackingUnavailableError, has_store
from dfu_clustering.tracking.writer import SIGNATURE_ROWS, ReadSales, RunRecord, record_file
from dfu_clustering.tracking.writer import record_run as record_in_mlflow

logger = logging.getLogger(__name__)

NO_REPORT = "this run has no report.html; scripts/build_report.py makes one from its folder"


@once(RECORD_RUN, finished_if=lambda summary: summary.mlflow_run_id is not None)
def record_run(run: Run, config: ClusteringConfig) -> RunSummary:
    """Write the run to MLflow and its summary.json; where MLflow is down the run continues and the summary says so.

    The labels are already published: a file that cannot be read or copied costs the record, not the run. One
    that MLflow has taken is not recorded again.

    Raises:
        DataError: A step before this one has not finished.
    """
    summary = _summary(run, config)
    write_summary(summary, run.path(RunFile.SUMMARY))
    try:
        record = _record(run, config, summary)
        mlflow_run_id = record_in_mlflow(record, config=config.tracking, default_folder=var_folder() / "mlflow")
    except (TrackingUnavailableError, OSError) as error:
        logger.warning("the run is not in MLflow: %s", error)
        return summary
    recorded = summary.model_copy(update={"mlflow_run_id": mlflow_run_id})
    write_summary(recorded, run.path(RunFile.SUMMARY))
    return recorded


def record_early(run: Run, file: Path, tracking: TrackingConfig) -> None:
    """Take a file of a run that is still under way to its MLflow run, within seconds; otherwise log it and continue.

    A local store that does not exist yet is not created here, which takes longer: it would lie beside the run's folder.
    """
    default_folder = var_folder() / "mlflow"
    if not has_store(default_folder):
        return
    try:
        record_file(run.name, file, config=tracking, default_folder=default_folder)
    except (TrackingUnavailableError, OSError) as error:
        logger.warning("%s is only in the run's folder, not in MLflow: %s", file.name, error)


def _summary(run: Run, config: RunSettings) -> RunSummary:
    features, training, labels = run.result(BUILD_FEATURES), run.result(TRAIN_MODEL), run.result(LABEL_SEGMENTS)
    report = run.find_result(BUILD_REPORT)
    choice = run.find_result(FIND_PUBLISHED)
    not_continued = [choice.problem] if choice and choice.problem else []
    gates, published = run.gate_reports(), run.result(PUBLISH_LABELS)
    older = older_month_problem(run) if published.dry_run else None
    return RunSummary(
        as_of_month=features.as_of_month,
        n_dfus=features.n_dfus,
        clustered=features.clustered,
        excluded=features.excluded,
        k=training.k,
        k_selection=training.k_selection,
        figures=training.figures,
        warnings=[
            *training.warnings,
            *not_continued,
            *([older] if older else []),
            *refusals(gates),
            *([] if report else [NO_REPORT]),
        ],
        data_quality=[SuiteSummary.of(report) for report in gates],
        clusters=labels.segments,
        lifecycle=labels.lifecycle,
        published=published,
        stability=labels.stability,
        durations_s=run.durations_s(),
        peak_memory_mb=_peak_memory_mb(),
        config_digest=config.digest(),
        code_version=code_version(),
        seed=config.seed,
        report=report,
        approval=run.find_result(REQUIRE_APPROVAL),
        mlflow_run_id=None,
        run_folder=str(run.folder),
    )


def _record(run: Run, config: ClusteringConfig, summary: RunSummary) -> RunRecord:
    return RunRecord(
        name=run.name,
        params={key: str(value) for key, value in dotted(config.of_the_run().model_dump(mode="json"))},
        metrics=_metrics(run, summary),
        tags={
            "as_of_month": summary.as_of_month,
            "config_digest": summary.config_digest,
            "code_version": summary.code_version,
            "seed": str(summary.seed),
            "dry_run": str(summary.published.dry_run).lower(),
            **{
                f"data_quality.override_reason.{suite.suite}": suite.override_reason
                for suite in summary.data_quality
                if suite.override_reason
            },
        },
        artifacts=run.folder,
        model=run.path(RunFile.MODEL),
        matrix=read_first_rows(run.path(RunFile.MATRIX), SIGNATURE_ROWS),
        champion=not summary.published.dry_run,
        sales=_read_sales(run, config.warehouse.tables.sales),
    )


def _read_sales(run: Run, table: str) -> ReadSales | None:
    state, line = run.find_result(READ_SALES_STATE), run.find_result(RECORD_PUBLICATION)
    if state is None:
        return None
    load_id = (line.load_id if line else None) or state.load_id
    return ReadSales(table, state.fingerprint, state.rows, state.as_of_month, load_id)


def _metrics(run: Run, summary: RunSummary) -> dict[str, float]:
    training = run.result(TRAIN_MODEL)
    numbers: dict[str, float | None] = {
        "k": training.k,
        "gap": training.gap,
        **{name: value for name, value in dict(training.figures).items() if not isinstance(value, tuple)},
        "n_dfus": summary.n_dfus,
        "clustered": summary.clustered,
        "peak_memory_mb": summary.peak_memory_mb,
    }
    numbers |= {f"excluded.{reason}": count for reason, count in summary.excluded.items()}
    numbers |= {f"size.{segment.label}": segment.size for segment in summary.clusters}
    numbers |= {f"published.{key}": getattr(summary.published, key) for key in ("updated", "unchanged", "cleared")}
    for suite in summary.data_quality:
        counts = {"checks": suite.checks, "critical": suite.critical, "warnings": suite.warnings}
        numbers |= {f"data_quality.{suite.suite}.{name}": count for name, count in counts.items()}
    if summary.stability:
        stability = summary.stability
        named = ("churn_share", "churn_share_unchanged_history", "ari", "far_share", "held_share", "lifecycle_changes")
        numbers |= {f"stability.{name}": getattr(stability, name) for name in named}
        numbers |= {f"stability.psi.{column}": psi for column, psi in stability.psi.items()}
        numbers["stability.refit"] = float(stability.refit)
    numbers |= {f"duration_s.{step}": seconds for step, seconds in summary.durations_s.items()}
    return {name: float(value) for name, value in numbers.items() if value is not None and math.isfinite(value)}


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bytes_per_unit = 1 if sys.platform == "darwin" else 1024
    return round(peak * bytes_per_unit / 1e6, 1)
