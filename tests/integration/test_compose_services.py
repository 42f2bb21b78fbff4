"""What `docker compose up` starts, as far as it can be shown without an engine: commands, order, health, one run."""

import json
import tempfile
from pathlib import Path

import pytest

from dfu_clustering.runs.ledger import Ledger
from tests.integration.compose_site import compose_site

pytestmark = [pytest.mark.integration, pytest.mark.slow]

RUN_S = 600
RUN = ("prefect", "deployment", "run", "cluster-dfus/manual", "--watch")
READ = "from urllib.request import urlopen; print(urlopen('http://{}', timeout=30).read().decode())"
MODEL = "mlflow:5000/api/2.0/mlflow/registered-models/get?name=dfu_clustering"


@pytest.fixture(scope="module")
def stack():
    # PostgreSQL's user must reach its folder
    with tempfile.TemporaryDirectory(prefix="dfu-stack-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with compose_site(Path(folder)) as site:
            yield site


def read(service, address):
    """Return what a service reads at an address of the stack's own network."""
    done = service.run("python", "-c", READ.format(address))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_service_comes_up_in_the_declared_order_and_is_healthy(stack):
    assert set(stack.started) == set(stack.stack["services"])
    order = stack.started.index
    assert order("postgres") < order("prefect-server") < order("deployments") < order("worker")
    assert order("warehouse") < order("demo-warehouse-load") < order("api")
    assert "The demo warehouse has been loaded" in stack.services["demo-warehouse-load"].log.read_text()


def test_a_run_by_hand_is_taken_by_the_worker_and_its_labels_are_served(stack):
    worker, api = stack.services["worker"], stack.services["api"]
    done = worker.run(*RUN, timeout=RUN_S)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = Ledger(stack.folder / "volumes" / "runs" / "runs").publications()
    served = json.loads(read(api, "127.0.0.1:8000/domains/dfu/clusters"))
    assert {row["label"]: row["count"] for row in served["clusters"]} == line.labels
    # the page of the run, and its record on the stack's own MLflow
    assert line.run in read(api, f"127.0.0.1:8000/reports/{line.run}")
    (version,) = json.loads(read(worker, MODEL))["registered_model"]["latest_versions"]
    assert (version["version"], version["status"]) == ("1", "READY")
