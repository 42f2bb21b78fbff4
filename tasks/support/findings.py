"""What a gate found, for people: an artifact of the run, an event for the alerts, an error that stops the run."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from prefect import runtime
from prefect.events import emit_event
from prefect.utilities.urls import url_for

from dfu_clustering.files.summary import Summary
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.quality.gate_reports import GateReport, require_passed
from dfu_clustering.runs.manifest import Step
from dfu_clustering.runs.run import Run
from tasks.support.artifacts import show_gate

logger = logging.getLogger(__name__)

S = TypeVar("S", bound=Summary)

FAILED_EVENT = "dfu.data_quality.failed"
WARNED_EVENT = "dfu.data_quality.warned"
RESOURCE_PREFIX = "dfu_clustering.data_quality"


def let_through(
    run: Run, guarded_step: Step[S], judge: Callable[[], list[GateReport]], *, dry_run: bool = False
) -> None:
    """Judge, report, and return only where the run may continue.

    Args:
        run: The run; where the guarded step has finished in it before, its gate does not judge again. A dry run has not
            finished the publish that it only compared.
        guarded_step: The step that the gate stands before.
        judge: Returns the reports.
        dry_run: Whether the guarded step will write nothing: then the run continues, and no alert is sent.

    Raises:
        DataQualityError: A suite stops the run.
    """
    done = run.find_result(guarded_step)
    if done is not None and (dry_run or not (isinstance(done, PublishSummary) and done.dry_run)):
        logger.info("gate before=%s resumed=true run=%s", guarded_step.name, run.name)
        return
    reports = judge()
    for report in reports:
        show_gate(report)
        if report.failures and not dry_run:
            emit_findings(report)
    require_passed(reports, dry_run=dry_run)


def emit_findings(report: GateReport) -> None:
    """Emit ``dfu.data_quality.failed``, or ``.warned`` where only warnings failed and they are accepted."""
    emit_event(
        event=WARNED_EVENT if report.outcome == "warned" else FAILED_EVENT,
        resource={
            "prefect.resource.id": f"{RESOURCE_PREFIX}.{report.suite}",
            "prefect.resource.name": report.suite,
        },
        payload=findings_payload(report),
    )


def findings_payload(report: GateReport) -> dict[str, Any]:
    """Return the facts that a person needs: suite, month, what failed, by how much, which keys, and where to look."""
    run_id, name = runtime.flow_run.id, runtime.flow_run.name
    return {
        "suite": report.suite,
        "as_of_month": report.as_of_month,
        "outcome": report.outcome,
        "override_reason": report.override_reason,
        "failed_expectations": [check.model_dump(exclude={"passed"}) for check in report.failures],
        "flow_run_id": run_id,
        "flow_run_name": name,
        # without an address of a server or UI there is nothing to link to
        "run_link": (url_for("flow-run", obj_id=run_id) if run_id else None) or f"flow run {name}",
    }
