"""Which failures of a task are tried again: what may succeed later, never what cannot."""

from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from dfu_clustering.publishing.outcome import ConcurrentChangeError
from dfu_clustering.tracking.store import TrackingUnavailableError
from dfu_clustering.warehouse.connect import is_transient
from dfu_clustering.warehouse.snapshot import SnapshotGoneError


def may_succeed(task: Task[Any, Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Tell whether the failure of a task run is worth another try: a dropped connection is, bad input is not."""
    error = state.data
    passing = ConcurrentChangeError | TrackingUnavailableError
    return isinstance(error, passing) or (isinstance(error, BaseException) and is_transient(error))


def may_succeed_in_snapshot(task: Task[Any, Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Tell the same of a task that reads in a shared snapshot: where that is gone, all that read in it begin again."""
    return may_succeed(task, task_run, state) and not isinstance(state.data, SnapshotGoneError)


RETRY: dict[str, Any] = {
    "retries": 4,
    "retry_delay_seconds": exponential_backoff(backoff_factor=5),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": may_succeed,
    "cache_policy": NO_CACHE,
}
RETRY_IN_SNAPSHOT = RETRY | {"retry_condition_fn": may_succeed_in_snapshot}
