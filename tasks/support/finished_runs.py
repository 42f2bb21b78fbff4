"""Finished runs that found nothing: they fill the list of runs in Prefect, in which people look for the others."""

from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.client.schemas.sorting import FlowRunSort


def delete_finished_runs(state_name: str, *, keep: int) -> int:
    """Delete the runs of this run's deployment that ended in a state of this name, but for the newest few.

    Returns:
        How many were deleted; a page of the server's at most, the rest at the next time.
    """
    deployment_id = runtime.deployment.id
    if deployment_id is None:
        return 0
    quiet = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[UUID(deployment_id)]),
        state=FlowRunFilterState(name=FlowRunFilterStateName(any_=[state_name])),
    )
    with get_client(sync_client=True) as client:
        old = client.read_flow_runs(flow_run_filter=quiet, sort=FlowRunSort.EXPECTED_START_TIME_DESC, offset=keep)
        for flow_run in old:
            client.delete_flow_run(flow_run.id)
    return len(old)
