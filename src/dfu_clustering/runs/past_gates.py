"""What the gates of earlier runs found: numbers that this month's are compared with."""

from dfu_clustering.quality.gate_reports import GateReport, Suite, Value
from dfu_clustering.runs.manifest import PUBLISH_LABELS
from dfu_clustering.runs.run import Run


def report_of_last_publish(run: Run, suite: Suite, warehouse: Value) -> GateReport | None:
    """Return the suite's report of the newest other run beside this one that published to the same warehouse.

    Raises:
        DataError: A newer report than that, or a manifest beside it, cannot be read.
    """
    pattern = run.gate_path(suite).relative_to(run.folder)
    paths = sorted(run.runs.glob(f"*/{pattern}"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    others = (Run(path.parents[1]) for path in paths if path.parents[1] != run.folder)
    judged = ((other.gate_report(suite), other) for other in others)
    found = (report for report, other in judged if report and _is_of(warehouse, report) and _has_published(other))
    return next(found, None)


def _is_of(warehouse: Value, report: GateReport) -> bool:
    return report.facts.get("warehouse") == warehouse


def _has_published(run: Run) -> bool:
    published = run.find_result(PUBLISH_LABELS)
    return published is not None and not published.dry_run
