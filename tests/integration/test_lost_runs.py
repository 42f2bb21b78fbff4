"""Runs whose process died are found out and marked; runs that are over in no time are left alone."""

import subprocess
import sys
import time
from datetime import timedelta

import pytest
from prefect.client.orchestration import get_client
from prefect.events import EventTrigger
from prefect.settings import PREFECT_API_URL, temporary_settings

from deploy.register import LOST_RUN, lost_run_automation
from deploy.server import put_automation
from tests.integration.prefect_server import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

HEARTBEAT_SECONDS = 30  # Prefect allows no less
LOST_AFTER_SECONDS = 45  # minutes outside of tests
QUICK = """
from prefect import flow, tags
from tasks.support.heartbeat import RUN_TAG, say_over

@flow(name="quick", on_completion=[say_over], on_failure=[say_over])
def quick(fails):
    if fails:
        raise ValueError("bad input")

with tags(RUN_TAG):
    quick(False)
    quick(True, return_state=True)
"""
ENDLESS = """
import time
from prefect import flow, tags
from tasks.support.heartbeat import RUN_TAG, say_over

@flow(name="endless", on_completion=[say_over], on_failure=[say_over])
def endless():
    time.sleep(600)

with tags(RUN_TAG):
    endless()
"""


@pytest.fixture
def automation(prefect_server):
    """The automation, with less patience."""
    wanted = lost_run_automation()
    assert isinstance(wanted.trigger, EventTrigger)
    wanted.trigger.within = timedelta(seconds=LOST_AFTER_SECONDS)
    with temporary_settings({PREFECT_API_URL: prefect_server.api_url}), get_client(sync_client=True) as client:
        put_automation(client, wanted, dry_run=False)
        (saved,) = client.read_automations_by_name(LOST_RUN)
        yield saved
        client.delete_automation(saved.id)


def start(server, flow):
    environment = server.environment | {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS)}
    return subprocess.Popen(
        [sys.executable, "-c", flow], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def runs_of(server, flow):
    return server.post("/flow_runs/filter", {"flows": {"name": {"any_": [flow]}}})


def what_it_did(server):
    of_it = {"labels": {"prefect.resource.name": [LOST_RUN]}}
    wanted = {"event": {"prefix": ["prefect.automation."]}, "resource": of_it}
    found = server.post("/events/filter", {"filter": wanted})["events"]
    return [event["event"] for event in found if event["event"] != "prefect.automation.created"]


def test_lost_runs_are_marked_as_crashed_and_those_that_are_over_are_left_alone(prefect_server, automation):
    for _ in range(4):  # each time the first heartbeat of a process comes after the end of its run, or nearly
        assert start(prefect_server, QUICK).wait(timeout=120) == 0
    endless = start(prefect_server, ENDLESS)
    try:
        wait_until(lambda: [r for r in runs_of(prefect_server, "endless") if r["state_type"] == "RUNNING"], 60, str)
        time.sleep(LOST_AFTER_SECONDS + 15)  # the quick ones would be found out by now
    finally:
        endless.kill()
        endless.wait()
    assert what_it_did(prefect_server) == []
    assert {run["state_type"] for run in runs_of(prefect_server, "quick")} == {"COMPLETED", "FAILED"}

    def crashed():
        (run,) = runs_of(prefect_server, "endless")
        return run["state"] if run["state_type"] == "CRASHED" else None

    state = wait_until(crashed, LOST_AFTER_SECONDS + 60, prefect_server.log.read_text)
    assert "This run sent no heartbeat" in state["message"]
