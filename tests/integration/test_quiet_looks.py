"""Looks of the sensor that found nothing do not fill the list of runs: on a real Prefect server."""

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Failed

from flows.watch_sales_load import watch_sales_load
from tasks import watching

pytestmark = pytest.mark.integration


@pytest.fixture
def deployment_id(prefect_server, monkeypatch):
    """A deployment of the sensor, as whose run the test acts."""
    with temporary_settings({PREFECT_API_URL: prefect_server.api_url}), get_client(sync_client=True) as client:
        flow_id = client.create_flow_from_name(watch_sales_load.name)
        found = client.create_deployment(flow_id, name="quiet looks")
        monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", str(found))
        yield found


def look(deployment_id, state):
    with get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(deployment_id)
        client.set_flow_run_state(run.id, state, force=True)
        return run.id


def looks_of(deployment_id):
    of_it = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment_id]))
    with get_client(sync_client=True) as client:
        return {run.id for run in client.read_flow_runs(flow_run_filter=of_it)}


def test_quiet_looks_but_the_newest_few_are_deleted_and_the_others_stay(deployment_id):
    quiet = [look(deployment_id, Completed(name=watching.NOTHING_NEW)) for _ in range(6)]
    others = [look(deployment_id, Completed(name="Announced")), look(deployment_id, Failed(message="no database"))]
    watching.delete_quiet_looks()
    assert looks_of(deployment_id) == {*quiet[-3:], *others}
    watching.delete_quiet_looks()
    assert looks_of(deployment_id) == {*quiet[-3:], *others}
