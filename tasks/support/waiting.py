"""Runs that wait in the queue and would only find out that there is nothing left to do."""

from collections.abc import Callable
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Completed


def end_waiting_runs(concerned: Callable[[FlowRun], bool], *, message: str, name: str = "Completed") -> None:
    """End the waiting runs of this run's deployment that are concerned: each would cost a process of its own.

    Args:
        concerned: Which of them.
        message: Of the state in which they end.
        name: Of that state.
    """
    deployment_id = runtime.deployment.id
    if deployment_id is None:
        return
    waiting = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[UUID(deployment_id)]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
    )
    with get_client(sync_client=True) as client:
        for flow_run in client.read_flow_runs(flow_run_filter=waiting):
            if concerned(flow_run):
                client.set_flow_run_state(flow_run.id, Completed(name=name, message=message))
