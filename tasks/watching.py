"""The sensor's looks at the sales table: what it remembers, and the event for a load that was not announced."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from prefect import task
from prefect.client.orchestration import get_client

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import read_summary, write_summary
from dfu_clustering.loads.events import sales_loaded_event
from dfu_clustering.loads.publication import find_state
from dfu_clustering.loads.sales_loads import SalesState, read_sales_state
from dfu_clustering.loads.sensor import Verdict, Watch, look
from dfu_clustering.runs.ledger import Ledger
from tasks.support.connection import warehouse_engine
from tasks.support.finished_runs import delete_finished_runs
from tasks.support.retries import RETRY
from tasks.support.waiting import end_waiting_runs

_TIMEOUT_S = 240  # the sensor's next look comes after five minutes
_MEMORY = "watched.json"
_QUIET_LOOKS_KEPT = 3
NOTHING_NEW = "NothingNew"  # the state of a look that found nothing to announce


@task(name="look-at-sales", timeout_seconds=_TIMEOUT_S, **RETRY)
def read_state(config: ClusteringConfig) -> SalesState | None:
    """Return what the sales table shows up to its newest month; None where it holds no sales yet."""
    try:
        return read_sales_state(warehouse_engine(config.warehouse))
    except DataError:
        return None


def judge(state: SalesState, *, runs: Path, settle: timedelta, repeat: timedelta) -> Verdict:
    """Look at the table's state, remember it, and return what to do about it."""
    now = datetime.now(UTC)
    watch = look(_recall(runs), state, now)
    _remember(watch, runs)
    published = find_state(Ledger(runs).publications(), state) is not None
    return watch.judge(now, published=published, settle=settle, repeat=repeat)


def announce(state: SalesState, *, runs: Path) -> None:
    """Send the event that a loader would have sent, and remember that it is sent."""
    now = datetime.now(UTC)
    event = sales_loaded_event(state.as_of_month, state.load_id, event_id=uuid4(), occurred=now)
    # not emit_event: that hands the event to a thread and says nothing where it is lost
    with get_client(sync_client=True) as client:
        client.request("POST", "/events", json=[event])
    _remember(look(_recall(runs), state, now).model_copy(update={"announced": now}), runs)


def end_late_looks() -> None:
    """End the looks that are overdue because no worker was there: one look now sees all that they would see."""
    now = datetime.now(UTC)
    end_waiting_runs(
        lambda flow_run: flow_run.expected_start_time is not None and flow_run.expected_start_time < now,
        message="replaced by a later look",
        name=NOTHING_NEW,
    )


def delete_quiet_looks() -> None:
    """Delete earlier looks that found nothing but for the newest few; those that announced or failed stay."""
    delete_finished_runs(NOTHING_NEW, keep=_QUIET_LOOKS_KEPT)


def _recall(runs: Path) -> Watch | None:
    path = runs / _MEMORY
    return read_summary(Watch, path) if path.exists() else None


def _remember(watch: Watch, runs: Path) -> None:
    write_summary(watch, runs / _MEMORY)
