"""Runs of the real flow on panels of a test's own, and what they emitted."""

import asyncio
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.events.clients import PrefectEventSubscriber
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.events.schemas.events import Event

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import EmbeddedServer, create_database
from flows.cluster_dfus import cluster_dfus
from tests.integration.prefect_server import wait_until

TEMPLATE = "gates_clean"
EVENT_SECONDS = 10
# what a run on good data costs is not what these tests look at
QUICK: dict[str, Any] = {"k_range": (3, 4), "gap_references": 2, "n_init": 5}


def any_change() -> dict[str, Any]:
    """Return the parameter with which a run may replace the clean panel's labels, which no clusters have made."""
    limits = load_config().data_quality.model_dump()
    anything = {"warning": 1.0, "critical": 1.0}
    return {"data_quality": limits | {"changed_share": anything, "vanished_label_share": anything}}


def load_clean_panel(server: EmbeddedServer) -> None:
    """Load a small demo panel, with labels as if they had been published, that copy_panel() copies."""
    create_database(server.url(), TEMPLATE)
    load_panel(server.url(TEMPLATE), generate_panel(500, 36, 7))
    execute(server.url(TEMPLATE), "UPDATE dim_dfu SET cluster_assignment = 'medium_volume', modified_ts = load_ts")


@contextmanager
def copied_panel(server: EmbeddedServer, name: str):
    """Lend the URL of a copy of the clean panel."""
    with closing(psycopg2.connect(server.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
            yield server.url(name)
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def execute(url: str, *statements: str) -> None:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def fetch(url: str, query: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def rows_of_dim_dfu(url: str) -> list[tuple[Any, ...]]:
    """Return every row, with the transaction that wrote it: the same again means that nothing was written."""
    return fetch(url, "SELECT xmin::text, ctid::text, d::text FROM dim_dfu AS d ORDER BY dfu_sk")


class DataQualityEvents:
    """The events that the server passes on, heard from its event stream as an alert would hear them."""

    def __init__(self, api_url: str) -> None:
        self.heard: list[Event] = []
        self._listening = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._subscriber = PrefectEventSubscriber(
            api_url=api_url, filter=EventFilter(event=EventNameFilter(prefix=["dfu.data_quality."]))
        )
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._listening.wait(30)

    def of_run(self, flow_run_id: object) -> dict[str, Event]:
        """Return the events of a flow run by suite, as far as they have come."""
        return {
            event.payload["suite"]: event for event in self.heard if event.payload["flow_run_id"] == str(flow_run_id)
        }

    def wait_for(self, flow_run_id: object, suite: str) -> Event:
        return wait_until(lambda: self.of_run(flow_run_id).get(suite), EVENT_SECONDS, lambda: f"no event of {suite}")

    def close(self) -> None:
        assert self._task is not None
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)

    def _run(self) -> None:
        self._task = self._loop.create_task(self._listen())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            return

    async def _listen(self) -> None:
        async with self._subscriber as stream:
            self._listening.set()
            async for event in stream:
                self.heard.append(event)


@dataclass
class Ran:
    """A finished run of the flow."""

    state: Any
    flow_run_id: Any = field(init=False)

    def __post_init__(self) -> None:
        self.flow_run_id = self.state.state_details.flow_run_id

    def tasks(self) -> dict[str, int]:
        """Return how often each task was tried."""
        of_run = FlowRunFilter(id=FlowRunFilterId(any_=[self.flow_run_id]))
        with get_client(sync_client=True) as client:
            return {run.name.rpartition("-")[0]: run.run_count for run in client.read_task_runs(flow_run_filter=of_run)}


def run_flow(**parameters: Any) -> Ran:
    """Run the flow in this process, on the database that DATABASE_URL names."""
    return Ran(cluster_dfus(**(QUICK | parameters), return_state=True))
