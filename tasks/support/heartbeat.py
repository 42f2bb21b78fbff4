"""The last sign of life of a run, for the automation that ends lost runs (deploy/register.py)."""

import time
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun, State
from prefect.events import emit_event
from prefect.flows import Flow

RUN_OVER = "dfu.run.over"
RUN_TAG = "dfu-clustering"  # of the runs that are watched, those of deployments (prefect.yaml)

_APART_S = 2.0  # the server works on several events at once: of two that come together the second may be first


def say_over(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Emit ``dfu.run.over``, as a hook of a flow that has ended; nothing for a run that the automation does not watch.

    It takes the way of the heartbeats and so arrives after the last of them, which the server's own word on the end of
    a run does not: a run that is over in a second is over before its first heartbeat has a connection.
    """
    if RUN_TAG not in flow_run.tags:
        return
    time.sleep(_APART_S)
    emit_event(
        RUN_OVER,
        resource={"prefect.resource.id": f"prefect.flow-run.{flow_run.id}", "prefect.resource.name": flow_run.name},
        related=[{"prefect.resource.id": f"prefect.tag.{RUN_TAG}", "prefect.resource.role": "tag"}],
    )


WATCHED: Final[dict[str, Any]] = {
    "on_completion": [say_over],
    "on_failure": [say_over],
    "on_crashed": [say_over],
}  # hooks of a flow
