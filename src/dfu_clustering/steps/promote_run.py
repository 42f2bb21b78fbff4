"""Promoting: the labels of a run that has published none are published, as they were computed and looked at."""

import logging
from pathlib import Path

from dfu_clustering.comparison.model import SettingDifference
from dfu_clustering.comparison.settings import differing_settings
from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import sha256
from dfu_clustering.history.known_runs import KnownRuns
from dfu_clustering.quality.gate_reports import BEFORE_LABELS, GatePolicy, GateReport, require_passed, worst_severity
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.manifest import LABEL_SEGMENTS, PUBLISH_LABELS, RECORD_RUN
from dfu_clustering.runs.run import Run

logger = logging.getLogger(__name__)


def find_run(runs: Path, wanted: str) -> Run:
    """Return the run that a person means, whose files are used.

    Raises:
        UnknownRunError: There is none.
        DataError: It is a month of a backfill, or its files are gone.
    """
    known = KnownRuns(runs).find(wanted)
    if known.kind == "backfilled_month" or known.recorded_at is None:
        month = known.kind == "backfilled_month"
        raise DataError(
            "A run must have its folder among the runs",
            found=f"{known.run}, {'a month of a backfill' if month else 'of which only the ledger knows'}",
            remedy="name a run whose folder is there; the list of runs says which are comparable",
        )
    return Run.named(runs, known.run)


def find_run_to_promote(runs: Path, wanted: str) -> Run:
    """Return a run that has labels and has published none: a dry run, or one that was refused or stopped.

    A promotion that was cut off finds its run again.

    Raises:
        DataError: There is none of that name, it has no labels, it has published, or it has not ended.
    """
    run = find_run(runs, wanted)
    done = run.find_result(PUBLISH_LABELS)
    if done is not None and not done.dry_run and run.has_finished(RECORD_RUN):
        raise DataError(
            "A run that is promoted must not have published before",
            found=f"{run.name} in the ledger",
            remedy="restore it, which publishes its labels again: restore-assignments with this run",
        )
    if done is not None and done.dry_run and run.find(RunFile.SUMMARY) is None:
        raise DataError(
            "A dry run that is promoted must have ended",
            found=f"{run.name}, which has not written its summary yet",
            remedy="wait for its end",
        )
    if not run.has_finished(LABEL_SEGMENTS):
        raise DataError(
            "A run that is promoted must have labels",
            found=f"{run.name}, which ended before it labelled its segments",
            remedy="run cluster-dfus again; with dry_run it publishes nothing, and can be promoted",
        )
    logger.info("promote run=%s labels_sha256=%s", run.name, sha256(run.require(RunFile.LABELS)))
    return run


def require_sources_passed(run: Run, policy: GatePolicy) -> None:
    """Check that the sources and features of a run have passed their gates; its labels are judged anyway.

    Raises:
        DataError: A suite was not judged.
        DataQualityError: One has failed.
    """
    reports = [report for report in run.gate_reports() if report.suite in BEFORE_LABELS]
    missing = sorted(set(BEFORE_LABELS) - {report.suite for report in reports})
    if missing and policy.override_reason is None:
        raise DataError(
            "A run that is promoted must have passed the gates",
            found=f"suites that were not judged in {run.name}",
            keys=missing,
            remedy="run it again without skip_suites, or give an override_reason",
        )
    require_passed([_by_policy(report, policy) for report in reports if report.outcome != "overridden"])


def _by_policy(report: GateReport, policy: GatePolicy) -> GateReport:
    return report.model_copy(update={"outcome": policy.outcome(worst_severity(report.checks))})


def config_of(run: Run) -> ClusteringConfig:
    """Return the settings of a run, with the limits and names of today's configuration file.

    Raises:
        DataError: The run's metadata are missing or unreadable.
    """
    settings = run.metadata().config.model_dump(exclude={"data_quality"})
    return load_config(**settings)


def settings_to_keep(run: Run) -> list[SettingDifference]:
    """Return the settings of a run (after) that differ from the configuration file's (before).

    The next load is clustered with the file's.
    """
    return differing_settings(load_config().of_the_result(), config_of(run).of_the_result())
