"""Alerts end to end: a real Prefect server, a really failing run, and a receiver that listens on loopback."""

import io
import json
import socketserver
import subprocess
import sys
import threading
import time
from contextlib import closing, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from deploy import alerts
from deploy.alert_channel import notification_block
from dfu_clustering.demo.loading import create_tables
from flows.cluster_dfus import cluster_dfus
from tests.integration.http_receiver import HttpReceiver
from tests.integration.prefect_server import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ALERTS = (
    "dfu-data-quality-failed",
    "dfu-data-quality-warned",
    "dfu-approval-requested",
    "dfu-run-failed",
    "dfu-watch-failed",
    "dfu-nothing-published",
    "dfu-run-outlasts",
    "dfu-automation-failed",
    "dfu-alert-test",
)
PATIENCE = {"DFU_ALERT_SILENT_DAYS": str(12 / 86400), "DFU_ALERT_LONG_RUN_HOURS": str(12 / 3600)}
ARRIVES_WITHIN_SECONDS = 10
# what a gate sends where only two fifths of the newest month have been loaded (tests/unit takes the gate's own)
GATE_PAYLOAD = {
    "suite": "fact_sales_monthly",
    "as_of_month": "2026-10",
    "outcome": "failed",
    "override_reason": None,
    "failed_expectations": [
        {
            "name": "newest_month_rows",
            "severity": "critical",
            "description": "Too few rows in the as-of month beside earlier months.",
            "observed": 0.41,
            "threshold": "at least 0.8",
            "sample_keys": ["2026-10"],
        },
        {
            "name": "sales_have_a_dfu",
            "severity": "warning",
            "description": "Too many sales have a DFU that is not in dim_dfu.",
            "observed": 0.07,
            "threshold": "at most 0.01",
            "sample_keys": ["100_RETAIL_4711", "101_RETAIL_4711"],
        },
    ],
    "flow_run_id": "0192-gate",
    "run_link": "flow run as of 2026-10",
}


class AlertReceiver(HttpReceiver):
    """Takes the alerts, but first refuses a few test alerts."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.test_alerts_to_refuse = 0
        super().__init__(self._status)

    def _status(self, request):
        message = request.json()
        if self.test_alerts_to_refuse > 0 and "[TEST]" in message["subject"]:
            self.test_alerts_to_refuse -= 1
            return 503
        self.messages.append((request.at, request.path, message))
        return 204

    def wait_for(self, subject, timeout_seconds=ARRIVES_WITHIN_SECONDS + 5):
        """Return when (seconds since 1970) the first message with this in its subject arrived, and its body."""

        def found():
            return [(at, sent["body"]) for at, _, sent in self.messages if subject in sent["subject"]]

        return wait_until(found, timeout_seconds, lambda: f"no message about {subject!r} in {self.messages}")[0]


class Mailbox:
    """An SMTP server that takes one message after another and keeps sender, recipients and text of the last."""

    def __init__(self) -> None:
        self.sender = None
        self.recipients: list[str] = []
        self.text = ""
        mailbox = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(b"220 mailbox\r\n")
                while line := self.rfile.readline().decode().strip():
                    verb, _, argument = line.partition(" ")
                    self.wfile.write(self.answer(verb.upper(), argument))

            def answer(self, verb, argument):
                if verb == "MAIL":
                    mailbox.sender = argument.partition("<")[2].partition(">")[0]
                elif verb == "RCPT":
                    mailbox.recipients.append(argument.partition("<")[2].partition(">")[0])
                elif verb == "DATA":
                    self.wfile.write(b"354 go on\r\n")
                    while (line := self.rfile.readline().decode()) != ".\r\n":
                        mailbox.text += line
                return b"250 done\r\n"

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def receiver():
    receiver = AlertReceiver()
    yield receiver
    receiver.close()


@pytest.fixture
def mailbox():
    mailbox = Mailbox()
    yield mailbox
    mailbox.close()


@pytest.fixture(scope="module")
def alerts_environment(prefect_server, receiver):
    """The environment of the alerts' program; the server is rid of its automations afterwards."""
    address = f"{receiver.url}/hook/?token=planted-secret"
    yield prefect_server.environment | {"DFU_ALERT_CHANNEL": "webhook", "DFU_ALERT_URL": address} | PATIENCE
    for automation in automations(prefect_server):
        prefect_server.delete(f"/automations/{automation['id']}")


def start_alerts(environment, *arguments):
    """Start the program in a process of its own."""
    command = [sys.executable, "-m", "deploy.alerts", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_alerts(environment, *arguments):
    """Run the program in this process, which has loaded Prefect already; return its exit code and what it said."""
    said, complained, code = io.StringIO(), io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patch,
        temporary_settings({PREFECT_API_URL: environment["PREFECT_API_URL"]}),
        redirect_stdout(said),
        redirect_stderr(complained),
    ):
        for name in environment:
            if name.startswith("DFU_ALERT_"):
                patch.setenv(name, environment[name])
        patch.setattr(sys, "argv", ["deploy.alerts", *arguments])
        try:
            alerts.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return subprocess.CompletedProcess(arguments, code, said.getvalue(), complained.getvalue())


@pytest.fixture(scope="module")
def applied(alerts_environment):
    """What the program said when it applied the alerts twice in a row."""
    return [run_alerts(alerts_environment, "apply") for _ in range(2)]


@pytest.fixture(scope="module")
def undeliverable(applied, alerts_environment, receiver):
    """A test alert that the receiver refuses the five times that it is tried; it takes 12 s, others come through."""
    receiver.test_alerts_to_refuse = 5
    return start_alerts(alerts_environment, "test")


def automations(server):
    return server.post("/automations/filter", {"automations": {"name": {"any_": list(ALERTS)}}})


def alert_blocks(server):
    documents = server.post("/block_documents/filter", {})
    return [document["block_type"]["slug"] for document in documents if document["name"] == "dfu-alerts"]


def emit(server, event, payload, resource="prefect.flow-run.0192-gate", related=()):
    happened = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": event,
        "resource": {"prefect.resource.id": resource, "prefect.resource.name": resource},
        "related": related,
        "payload": payload,
    }
    server.post("/events", [happened])


def emit_failure(server, flow, run):
    """The event of a failed run, as the server itself emits it."""
    labels = {"prefect.resource.id": "prefect.flow.1", "prefect.resource.role": "flow", "prefect.resource.name": flow}
    state = {"validated_state": {"type": "FAILED", "name": "Failed", "message": "no connection"}}
    emit(server, "prefect.flow-run.Failed", state, resource=run, related=[labels])


def emit_state(server, state, run):
    labels = {"prefect.resource.id": "prefect.flow.1", "prefect.resource.role": "flow"}
    labels["prefect.resource.name"] = "cluster-dfus"
    emit(server, f"prefect.flow-run.{state}", {}, resource=f"prefect.flow-run.{run}", related=[labels])


def test_what_does_not_happen_in_time_reaches_a_person(applied, prefect_server, receiver):
    emit_state(prefect_server, "Running", "too-long")
    emit_state(prefect_server, "Running", "in-time")
    emit_state(prefect_server, "Completed", "in-time")
    _, body = receiver.wait_for("run prefect.flow-run.too-long takes longer than usual", 90)
    assert body.endswith("/runs/flow-run/too-long")
    receiver.wait_for("nothing was published for a long time", 90)
    assert not any("in-time" in sent["subject"] for _, _, sent in receiver.messages)


def test_applying_twice_leaves_one_of_each(applied, prefect_server):
    first, second = applied
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout.splitlines()[:-1] == [f"{name}: created" for name in ALERTS]
    assert second.stdout.splitlines()[:-1] == [f"{name}: unchanged" for name in ALERTS]
    assert sorted(automation["name"] for automation in automations(prefect_server)) == sorted(ALERTS)
    assert alert_blocks(prefect_server) == ["slack-webhook"]


def test_a_failing_run_reaches_a_person_within_ten_seconds(
    undeliverable, prefect_server, server_of_this_process, receiver, postgres_url, tmp_path, monkeypatch
):
    with closing(psycopg2.connect(postgres_url)) as connection, connection:
        create_tables(connection)  # empty: there is nothing to cluster
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path))
    with temporary_settings({PREFECT_API_URL: server_of_this_process.api_url}):
        state: Any = cluster_dfus(return_state=True)
    assert state.is_failed()
    newest = {"flows": {"name": {"any_": ["cluster-dfus"]}}, "sort": "START_TIME_DESC", "limit": 1}
    (run,) = prefect_server.post("/flow_runs/filter", newest)
    arrived, body = receiver.wait_for(f"run {run['name']} Failed")
    seconds = arrived - datetime.fromisoformat(run["state"]["timestamp"]).timestamp()
    assert 0 < seconds < ARRIVES_WITHIN_SECONDS
    said, _, _ = run["state"]["message"].partition(" Found:")
    assert "must pass the data-quality gate" in said
    assert said in body
    assert "fact_sales_monthly" in body
    assert "Flow: cluster-dfus" in body
    link = f"http://127.0.0.1:{prefect_server.port}/runs/flow-run/{run['id']}"
    assert link in body
    # the gate that stopped the run said why
    _, body = receiver.wait_for("fact_sales_monthly failed its data checks", timeout_seconds=1)
    assert link in body


def test_a_failed_gate_sends_the_facts_of_every_suite(applied, prefect_server, receiver):
    emit(prefect_server, "dfu.data_quality.failed", GATE_PAYLOAD)
    emit(prefect_server, "dfu.data_quality.failed", GATE_PAYLOAD | {"suite": "dim_item"})
    _, body = receiver.wait_for("fact_sales_monthly failed its data checks for 2026-10")
    assert "the DFU table keeps its previous labels" in body
    assert (
        "- Too few rows in the as-of month beside earlier months. Observed 0.41, allowed at least 0.8 (critical" in body
    )
    assert "(warning sales_have_a_dfu). For example 100_RETAIL_4711, 101_" in body
    assert f"http://127.0.0.1:{prefect_server.port}/runs/flow-run/0192-gate" in body
    receiver.wait_for("dim_item failed its data checks for 2026-10")


def test_warnings_are_told_as_warnings(applied, prefect_server, receiver):
    emit(prefect_server, "dfu.data_quality.warned", GATE_PAYLOAD | {"outcome": "warned"})
    _, body = receiver.wait_for("warnings in fact_sales_monthly for 2026-10")
    assert "the run continues" in body
    assert "sales_have_a_dfu" in body


def test_a_sensor_that_fails_every_few_minutes_is_told_once(applied, prefect_server, receiver):
    emit_failure(prefect_server, "watch-sales-load", "prefect.flow-run.look-1")
    receiver.wait_for("look-1 Failed")
    emit_failure(prefect_server, "watch-sales-load", "prefect.flow-run.look-2")
    emit_failure(prefect_server, "cluster-dfus", "prefect.flow-run.month-1")
    receiver.wait_for("month-1 Failed")
    emit_failure(prefect_server, "cluster-dfus", "prefect.flow-run.month-2")
    receiver.wait_for("month-2 Failed")
    assert not [sent for _, _, sent in receiver.messages if "look-2" in sent["subject"]]


def test_a_run_that_an_automation_could_not_start_is_reported(applied, prefect_server, receiver):
    flow = prefect_server.post("/flows/", {"name": "started-by-event"})
    deployment = prefect_server.post("/deployments/", {"name": "on-event", "flow_id": flow["id"]})
    month = {"__prefect_kind": "json", "value": {"__prefect_kind": "jinja", "template": "{{ event.payload.month }}"}}
    automation = {
        "name": "needs the key month",
        "trigger": {"type": "event", "posture": "Reactive", "expect": ["test.loaded"], "threshold": 1, "within": 0},
        "actions": [{"type": "run-deployment", "deployment_id": deployment["id"], "parameters": {"month": month}}],
    }
    created = prefect_server.post("/automations/", automation)
    time.sleep(1)  # the server listens for a new automation a moment after it has answered
    emit(prefect_server, "test.loaded", {"another_key": 1})
    _, body = receiver.wait_for("automation needs the key month failed")
    assert "its action run-deployment was not done" in body
    assert f"/automations/automation/{created['id']}" in body
    prefect_server.delete(f"/automations/{created['id']}")


def test_a_lost_alert_is_reported(undeliverable, receiver):
    _, complained = undeliverable.communicate(timeout=60)
    assert undeliverable.returncode == 1
    assert "error=503" in complained
    # the receiver is back by now
    _, body = receiver.wait_for("automation dfu-alert-test failed")
    assert "an alert was not delivered" in body
    assert "error=503" in body


def test_a_test_alert_says_that_it_was_delivered(undeliverable, alerts_environment, receiver):
    undeliverable.wait(timeout=60)
    delivered = run_alerts(alerts_environment, "test")
    assert (delivered.returncode, delivered.stderr) == (0, "")
    assert "Delivered" in delivered.stdout
    receiver.wait_for("[TEST]", timeout_seconds=1)


def test_the_address_arrives_unchanged_and_shows_nowhere(applied, prefect_server, receiver):
    assert {path for _, path, _ in receiver.messages} == {"/hook/?token=planted-secret"}
    documents = json.dumps(prefect_server.post("/block_documents/filter", {}))
    said = "".join(result.stdout + result.stderr for result in applied)
    assert "planted-secret" not in documents + said + prefect_server.log.read_text()


def test_another_channel_takes_the_place_of_the_first(applied, prefect_server):
    environment = prefect_server.environment | {
        "DFU_ALERT_CHANNEL": "teams",
        "DFU_ALERT_URL": "https://prod-1.logic.azure.com:443/workflows/64/triggers/manual/paths/invoke?sig=planted",
        "DFU_ALERT_OFF": "dfu-data-quality-warned",
    }
    planned = run_alerts(environment, "apply", "--dry-run")
    assert "dfu-run-failed: would be updated" in planned.stdout
    assert alert_blocks(prefect_server) == ["slack-webhook"]
    changed = run_alerts(environment, "apply")
    assert changed.returncode == 0, changed.stderr
    assert "dfu-data-quality-warned: updated, switched off" in changed.stdout
    assert alert_blocks(prefect_server) == ["ms-teams-webhook"]
    assert {automation["name"]: automation["enabled"] for automation in automations(prefect_server)} == {
        name: name != "dfu-data-quality-warned" for name in ALERTS
    }


def test_mail_goes_to_every_recipient_as_plain_text(mailbox):
    environment = {
        "DFU_ALERT_CHANNEL": "email",
        "DFU_ALERT_URL": f"smtp+plain://127.0.0.1:{mailbox.port}",
        "DFU_ALERT_SENDER": "alerts@example.com",
        "DFU_ALERT_EMAILS": "planner@example.com, oncall@example.com",
    }
    notification_block(environment).notify(subject="run failed", body="first line\nsecond line")
    assert mailbox.sender == "alerts@example.com"
    assert sorted(mailbox.recipients) == ["oncall@example.com", "planner@example.com"]
    assert "Subject: run failed" in mailbox.text
    assert "text/html" not in mailbox.text


@pytest.mark.parametrize("path", ["/", "/a/B/d%20e/", "/~x?Token=AbC%2B1&sp=%2Frun&to=me&format=x&empty="])
def test_a_webhook_is_called_at_exactly_its_address(receiver, path):
    environment = {"DFU_ALERT_CHANNEL": "webhook", "DFU_ALERT_URL": f"{receiver.url}{path}"}
    notification_block(environment).notify(subject="subject of it", body="body of it")
    _, called, sent = receiver.messages.pop()
    assert (called, sent) == (path, {"subject": "subject of it", "body": "body of it"})
