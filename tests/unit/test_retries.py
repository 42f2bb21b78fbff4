"""Which failures of a task are tried again."""

import psycopg2
import pytest
from prefect import task
from prefect.client.schemas.objects import TaskRun
from prefect.states import Failed
from sqlalchemy.exc import OperationalError

from dfu_clustering.errors import ConfigError, DataError
from dfu_clustering.publishing.outcome import ConcurrentChangeError
from dfu_clustering.tracking.store import TrackingUnavailableError
from tasks.support.retries import RETRY, may_succeed

REFUSED = psycopg2.OperationalError("connection refused")


@task
def a_task():
    """Never run: the condition is handed its task."""


ITS_RUN = TaskRun(task_key="a-task", dynamic_key="0")


def wrapped(cause):
    error = OperationalError("select 1", {}, cause)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        REFUSED,
        psycopg2.InterfaceError("connection already closed"),
        psycopg2.errors.DeadlockDetected("deadlock"),
        wrapped(psycopg2.OperationalError("server closed the connection unexpectedly")),
        ConnectionResetError(),
        TrackingUnavailableError("MLflow did not answer"),
        ConcurrentChangeError("dim_dfu changed"),
    ],
)
def test_what_may_succeed_is_tried_again(error):
    assert may_succeed(a_task, ITS_RUN, Failed(data=error))


@pytest.mark.parametrize(
    "error",
    [
        DataError("rule", found="found", remedy="remedy"),
        ConfigError("rule", found="found", remedy="remedy"),
        psycopg2.OperationalError('password authentication failed for user "x"'),
        psycopg2.OperationalError('database "x" does not exist'),
        psycopg2.errors.UndefinedTable("relation does not exist"),
        ValueError("a bug"),
        TimeoutError("a task's own time limit"),
    ],
)
def test_what_will_not_heal_is_not(error):
    assert not may_succeed(a_task, ITS_RUN, Failed(data=error))


def test_delays_grow_exponentially_with_jitter():
    delays = RETRY["retry_delay_seconds"](RETRY["retries"])
    assert delays == [5, 10, 20, 40]
    assert RETRY["retry_jitter_factor"] == 0.5
