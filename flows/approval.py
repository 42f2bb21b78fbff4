"""A person's answer before labels are published: the run pauses in the Prefect UI, and continues or ends with it."""

import logging
from collections.abc import Mapping
from typing import Any

from prefect import runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.settings import get_current_settings
from prefect.states import Completed
from pydantic import Field

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.errors import ConfigError, DfuClusteringError
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.answer import Answer
from dfu_clustering.runs.manifest import BUILD_REPORT, LABEL_SEGMENTS, PREVIEW_PUBLISH, REQUIRE_APPROVAL
from dfu_clustering.runs.overtaken import OvertakenError
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.publish_labels import preview_run
from tasks import clustering
from tasks.support.artifacts import approval_markdown
from tasks.support.connection import warehouse_engine

logger = logging.getLogger(__name__)

APPROVAL_REQUESTED = "dfu.approval.requested"
NOT_PUBLISHED = "NotPublished"  # the state's name in the UI
PATIENCE_S = 3 * 24 * 3600
_POLL_S = 5


class ApprovalTimeoutError(DfuClusteringError):
    """Nobody answered; nothing was published."""


class Approval(RunInput):
    """The form that the Prefect UI shows when a person resumes the run."""

    publish: bool = Field(description="On: write these labels to the warehouse. Off: end the run and publish nothing.")
    answered_by: str = Field(min_length=1, description="Your name.")
    reason: str = Field(default="", description="Why; kept with the run.")


NOT_ASKED = Answer(publish=True, answered_by="nobody was asked", reason="no label would change")


def ask(config: ClusteringConfig, run: Run, *, patience_s: int = PATIENCE_S) -> Answer:
    """Show what would change, pause the run, and return the answer; a run that is resumed later does not ask again.

    Where no label would change, nobody is asked: the run publishes as after a yes.

    Raises:
        ApprovalTimeoutError: Nobody answered in time.
    """

    def wait() -> Answer:
        changes = preview_run(run, warehouse_engine(config.warehouse))
        asked = bool(changes.changed_labels())
        if asked:
            run.renew(PREVIEW_PUBLISH, changes, forgetting=(BUILD_REPORT,))
            _write_report(config, run)
        question = approval_markdown(run, run.result(LABEL_SEGMENTS), changes)
        _show(question)
        if not asked:
            return NOT_ASKED
        _announce(run, changes, patience_s)
        form = Approval.with_initial_data(description=question)
        try:
            given = pause_flow_run(wait_for_input=form, timeout=patience_s, poll_interval=_POLL_S)
        except FlowPauseTimeout as error:
            run.forget(PREVIEW_PUBLISH, BUILD_REPORT)  # it waits no more
            _write_report(config, run)
            raise ApprovalTimeoutError(
                f"no answer within {patience_s / 3600:g} hours, so nothing was published; a new run asks again"
            ) from error
        return Answer(publish=given.publish, answered_by=given.answered_by, reason=given.reason)

    answer = run.once(
        REQUIRE_APPROVAL,
        wait,
        finished_if=lambda given: given != NOT_ASKED,  # labels may change until a retry
        forgetting=(BUILD_REPORT,),  # which says that the run waits
    )
    logger.info("approval publish=%s answered_by=%s reason=%s", answer.publish, answer.answered_by, answer.reason)
    return answer


def require_server_to_ask_on(_: ClusteringConfig, given: Mapping[str, Any]) -> None:
    """Check that people can answer: a server that starts and ends with the run is at no address that they know.

    Raises:
        ConfigError: They cannot.
    """
    if given["require_approval"] and not given["dry_run"] and not get_current_settings().api.url:
        raise ConfigError(
            "A run that asks for an approval must have a Prefect server that people can open",
            found="no PREFECT_API_URL",
            remedy="start one with make prefect-ui, and set PREFECT_API_URL to http://127.0.0.1:4200/api",
        )


def overtaken(error: OvertakenError) -> State[None]:
    """Return the state of a run that came too late: it would put older labels over newer ones."""
    return Completed(name=NOT_PUBLISHED, message=str(error))


def refused(config: ClusteringConfig, run: Run, answer: Answer) -> State[None]:
    """Return the state of a run whose labels a person refused; its report says so."""
    _write_report(config, run)
    return Completed(name=NOT_PUBLISHED, message=f"not published: {answer.answered_by} refused{answer.because}")


def _write_report(config: ClusteringConfig, run: Run) -> None:
    """Write the page of a run that waits or was refused; without it people are asked all the same."""
    clustering.build_report(config, run, return_state=True)


def _show(question: str) -> None:
    create_markdown_artifact(
        key="cluster-dfus-approval", markdown=question, description="Which labels would change, and the question"
    )


def _announce(run: Run, changes: PublishSummary, patience_s: int) -> None:
    emit_event(
        APPROVAL_REQUESTED,
        resource={"prefect.resource.id": f"dfu.approval.{run.name}", "prefect.resource.name": run.name},
        payload=question_payload(run.as_of_month, runtime.flow_run.id, changes, patience_s=patience_s),
    )


def question_payload(
    as_of_month: str, flow_run_id: str | None, changes: PublishSummary, *, patience_s: int
) -> dict[str, Any]:
    """Return what the event says to the person who is asked."""
    return {
        "as_of_month": as_of_month,
        "flow_run_id": flow_run_id,
        "patience_hours": f"{patience_s / 3600:g}",
        **changes.model_dump(include={"updated", "cleared", "unchanged"}),
    }
