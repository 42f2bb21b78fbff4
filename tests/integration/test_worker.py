"""A real worker that is told to stop in the middle of a run: the run waits for the next worker, which takes it up."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.integration.prefect_server import free_port, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
POOL = "test-handing-back"
FLOW = """
import time
from pathlib import Path

from prefect import flow, runtime


@flow
def waiting(folder: Path):
    with (folder / "starts").open("a") as starts:
        starts.write(f"{runtime.flow_run.run_count}\\n")
    while not (folder / "go-on").exists():
        time.sleep(0.1)
"""


@pytest.fixture
def client(prefect_server):
    """Prefect's own client, which tries again where the server is busy."""
    with temporary_settings({PREFECT_API_URL: prefect_server.api_url}), get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def flow_run(client, tmp_path):
    """A run that has been asked for, of a deployment with one place, and that ends when told to."""
    (tmp_path / "waiting.py").write_text(FLOW)
    client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    deployment_id = client.create_deployment(
        flow_id=client.create_flow_from_name("waiting"),
        name="one-place",
        work_pool_name=POOL,
        path=str(tmp_path),
        entrypoint="waiting.py:waiting",
        concurrency_limit=1,
        concurrency_options={"collision_strategy": "ENQUEUE"},
    )
    yield client.create_flow_run_from_deployment(deployment_id, parameters={"folder": str(tmp_path)})
    client.delete_work_pool(POOL)


@pytest.fixture
def start_worker(prefect_server, tmp_path):
    """Starts workers that ask for runs every second; ends those that are left."""
    settings = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_WORKER_WEBSERVER_PORT": str(free_port())}
    workers = []

    def start():
        with (tmp_path / "worker.log").open("ab") as log:
            command = [sys.executable, "-m", "deploy.worker", "--pool", POOL]
            environment = prefect_server.environment | settings
            workers.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()
        worker.wait()


def test_run_of_a_worker_that_is_stopped_is_taken_up_by_the_next(client, flow_run, start_worker, tmp_path):
    def log():
        return (tmp_path / "worker.log").read_text()

    def starts():
        path = tmp_path / "starts"
        return path.read_text().split() if path.exists() else []

    def state():
        return client.read_flow_run(flow_run.id).state.name

    stopped = start_worker()
    wait_until(starts, 60, log)
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(timeout=20) == 0, log()
    assert state() == "AwaitingRetry", log()

    (tmp_path / "go-on").touch()
    start_worker()
    wait_until(lambda: state() == "Completed", 60, log)
    assert starts() == ["1", "2"]
