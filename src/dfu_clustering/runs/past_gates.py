"""What the gates of earlier runs found: numbers that this month's are compared with."""

from dfu_clustering.quality.gate_reports import GateReport, Suite, Value
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.manifest import PUBLISH_LABELS
from dfu_clustering.runs.run import Run


def report_of_last_publish(run: Run, suite: Suite, warehouse: Value) -> GateReport | None:
    """Return the suite's report of the newest other run beside this one that published to the same warehouse."""
    others = [Run(path.parent) for path in run.runs.glob(f"*/{RunFile.MANIFEST}") if path.parent != run.folder]
    judged = [(report, other) for other in others if (report := other.gate_report(suite)) is not None]
    of_this = [(report, other) for report, other in judged if report.facts.get("warehouse") == warehouse]
    newest_first = sorted(of_this, key=lambda pair: _judged_at(pair[1], suite), reverse=True)
    return next((report for report, other in newest_first if _has_published(other)), None)


def _judged_at(run: RunFolder, suite: Suite) -> int:
    return run.gate_path(suite).stat().st_mtime_ns


def _has_published(run: Run) -> bool:
    published = run.find_result(PUBLISH_LABELS)
    return published is not None and not published.dry_run
