"""Alerts as code: what they say, which events they hear, and configurations that are refused with a remedy."""

import ast
from datetime import UTC, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from apprise.plugins.email.base import NotifyEmail
from prefect.events import Event, RelatedResource, Resource
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.server.events.actions import SendNotification
from prefect.server.utilities.user_templates import render_user_template_sync
from prefect.types._datetime import DateTime

from deploy.alert_channel import notification_block
from deploy.alerts import TEST_ALERT, read_alerts, switched_off
from dfu_clustering.errors import ConfigError
from dfu_clustering.publishing.outcome import PublishSummary, Transition
from dfu_clustering.quality.gate_reports import Check, GateReport
from flows.approval import APPROVAL_REQUESTED, PATIENCE_S, question_payload
from tasks.support.findings import FAILED_EVENT, WARNED_EVENT, findings_payload

ROOT = Path(__file__).parents[2]
UI_URL = "http://prefect.test"
ALERTS = {alert.name: alert for alert in read_alerts()}
RUN_ID = "0e984725-c51c-4bf4-9960-e1c80e27aba0"
SLACK = "https://hooks.slack.com/services/T00/B00/planted"
TEAMS = "https://prod-1.logic.azure.com:443/workflows/64/triggers/manual/paths/invoke?sig=planted"
E_MAIL = {
    "DFU_ALERT_CHANNEL": "email",
    "DFU_ALERT_URL": "smtp://user:planted@smtp.example.com:587",
    "DFU_ALERT_SENDER": "alerts@example.com",
    "DFU_ALERT_EMAILS": "oncall@example.com",
}


def automation(name):
    return ALERTS[name].automation(UUID(int=1), ui_url=UI_URL, enabled=True)


def rendered(name, event):
    """Subject and body as the server renders them."""
    (action,) = automation(name).actions
    # the server refuses templates that are malformed or loop too deep
    SendNotification(block_document_id=UUID(int=1), subject=action.subject, body=action.body)
    return tuple(render_user_template_sync(text, {"event": event}) for text in (action.subject, action.body))


def event(name, payload, resource=f"prefect.flow-run.{RUN_ID}", resource_name="as of 2026-10", related=()):
    return Event(
        event=name,
        occurred=DateTime(2026, 11, 3, 4, 5, 6, tzinfo=UTC),
        resource=Resource({"prefect.resource.id": resource, "prefect.resource.name": resource_name}),
        related=[RelatedResource(labels) for labels in related],
        payload=payload,
    )


def check(name, sample_keys=()):
    return Check(
        name=name,
        severity="critical",
        description="Too many rows have no qty.",
        passed=False,
        observed=0.2,
        threshold="at most 0.05",
        sample_keys=list(sample_keys),
    )


def gate_event(outcome, checks, override_reason=None):
    """The event as the gate builds it, of a run."""
    report = GateReport(
        suite="fact_sales_monthly",
        as_of_month="2026-10",
        outcome=outcome,
        override_reason=override_reason,
        checks=list(checks),
        not_judged=[],
        facts={},
        duration_s=0.1,
    )
    name = WARNED_EVENT if outcome == "warned" else FAILED_EVENT
    return event(name, findings_payload(report) | {"flow_run_id": RUN_ID})


def test_a_failed_gate_says_which_expectation_failed_by_how_much_and_where():
    failed = gate_event("failed", [check("qty_present", ["a", "b"]), check("months_known")])
    assert failed.event in ALERTS["dfu-data-quality-failed"].expect
    subject, body = rendered("dfu-data-quality-failed", failed)
    assert subject == "DFU clustering: fact_sales_monthly failed its data checks for 2026-10"
    assert body == (
        "The run stopped, and the DFU table keeps its previous labels.\n\n"
        "Failed expectations of fact_sales_monthly, as of 2026-10:\n\n"
        "- Too many rows have no qty. Observed 0.2, allowed at most 0.05 (critical qty_present). For example a, b.\n"
        "- Too many rows have no qty. Observed 0.2, allowed at most 0.05 (critical months_known).\n\n"
        f"Run: http://prefect.test/runs/flow-run/{RUN_ID}"
    )


def test_an_overridden_failure_says_so_with_the_reason():
    overridden = gate_event("overridden", [check("qty_present")], "the region was sold")
    assert overridden.event in ALERTS["dfu-data-quality-failed"].expect
    _, body = rendered("dfu-data-quality-failed", overridden)
    assert body.startswith("The run continues, because a person gave this reason: the region was sold\n")


def test_warnings_are_told_as_warnings():
    warned = gate_event("warned", [check("qty_present")])
    assert warned.event in ALERTS["dfu-data-quality-warned"].expect
    subject, body = rendered("dfu-data-quality-warned", warned)
    assert subject == "DFU clustering: warnings in fact_sales_monthly for 2026-10"
    assert body.startswith("These are warnings; the run continues.\n")


def test_a_run_that_waits_for_approval_is_told_with_what_would_change_and_the_link():
    flows = [("low", "low", 460), ("low", "high", 20), (None, "high", 11), ("low", None, 9)]
    transitions = tuple(Transition(old_label=old, new_label=new, dfus=dfus) for old, new, dfus in flows)
    changes = PublishSummary(transitions=transitions, not_found=0, not_found_keys=(), dry_run=True)
    asked = event(APPROVAL_REQUESTED, question_payload("2026-10", RUN_ID, changes, patience_s=PATIENCE_S))
    assert asked.event in ALERTS["dfu-approval-requested"].expect
    subject, body = rendered("dfu-approval-requested", asked)
    assert subject == "DFU clustering: labels as of 2026-10 wait for your answer"
    assert "31 labels would change, 9 would\nbe cleared and 460 would stay" in body
    assert "after 72 hours" in body
    assert body.endswith(f"Run: http://prefect.test/runs/flow-run/{RUN_ID}")


def test_a_hundred_failed_expectations_and_a_thousand_keys_stay_one_readable_message():
    keys = [str(number) for number in range(1000)]
    failed = gate_event("failed", [check(f"rule_{number}", keys) for number in range(100)])
    _, body = rendered("dfu-data-quality-failed", failed)
    assert "rule_19" in body
    assert "rule_20" not in body
    assert "For example 0, 1, 2, 3, 4.\n" in body


def test_no_value_is_a_mention_a_link_or_a_line_of_its_own_in_a_chat():
    hostile = ["<!channel>", "<@U1|x> @here", "[approve](javascript:x)\nRun: https://evil.example", "<b>&"]
    asked = gate_event("overridden", [check("<!everyone|x>", hostile)], "why <https://evil.example|not>")
    _, body = rendered("dfu-data-quality-failed", asked)
    assert "For example ‹!channel›, ‹＠U1|x› ＠here, [approve] (javascript:x) Run: https://evil.example, ‹b›&." in body
    assert "because a person gave this reason: why ‹https://evil.example|not›" in body
    assert [line for line in body.splitlines() if line.startswith("Run: ")] == [body.splitlines()[-1]]
    message = {"name": "Failed", "message": "as <!here> said: found 3, allowed >= 4"}
    _, body = rendered("dfu-run-failed", event("prefect.flow-run.Failed", {"validated_state": message}))
    assert body.startswith("as ‹!here› said: found 3, allowed ≥ 4\n")
    # each alert, in subject and body: nothing is left out because somebody forgot it
    for name in ALERTS:
        (action,) = automation(name).actions
        assert all(part.endswith("{% endfilter %}") for part in (action.subject, action.body))


def test_an_event_with_an_empty_payload_still_becomes_a_message():
    subject, body = rendered("dfu-data-quality-failed", event(FAILED_EVENT, {}))
    assert subject.startswith("DFU clustering:")
    assert "Failed expectations" in body


def test_a_failed_run_is_told_with_name_state_message_time_and_link():
    flow = {
        "prefect.resource.id": "prefect.flow.1",
        "prefect.resource.role": "flow",
        "prefect.resource.name": "cluster-dfus",
    }
    payload = {"validated_state": {"name": "Crashed", "type": "CRASHED", "message": "the process died"}}
    subject, body = rendered("dfu-run-failed", event("prefect.flow-run.Crashed", payload, related=[flow]))
    assert subject == "DFU clustering: run as of 2026-10 Crashed"
    assert body == (
        "the process died\n\nFlow: cluster-dfus\n\nState: Crashed, 2026-11-03 04:05:06 UTC\n\n"
        f"Run: http://prefect.test/runs/flow-run/{RUN_ID}"
    )


def test_the_alert_about_automations_never_answers_its_own_failure():
    trigger = automation("dfu-automation-failed").trigger
    for name, heard in [("dfu-automation-failed", False), ("dfu-run-failed", True), ("on-sales-load", True)]:
        failed = event("prefect.automation.action.failed", {}, resource="prefect.automation.1", resource_name=name)
        assert trigger.match.includes([failed.resource]) is heard


@pytest.mark.parametrize(
    ("name", "environment", "seconds"),
    [
        ("dfu-nothing-published", {}, 40 * 86400),
        ("dfu-nothing-published", {"DFU_ALERT_SILENT_DAYS": "10"}, 10 * 86400),
        ("dfu-run-outlasts", {}, 3 * 3600),
        ("dfu-run-outlasts", {"DFU_ALERT_LONG_RUN_HOURS": "0.5"}, 1800),
    ],
)
def test_what_does_not_happen_is_waited_for_as_long_as_the_setting_says(name, environment, seconds):
    made = ALERTS[name].automation(UUID(int=1), ui_url=UI_URL, enabled=True, environment=environment)
    assert isinstance(made.trigger, EventTrigger)
    assert (made.trigger.posture, made.trigger.within) == (Posture.Proactive, timedelta(seconds=seconds))


@pytest.mark.parametrize("said", ["soon", "0", "-1", "1e12", "nan"])
def test_a_time_that_cannot_be_waited_is_refused(said):
    with pytest.raises(ConfigError, match="DFU_ALERT_SILENT_DAYS must be a number of days"):
        ALERTS["dfu-nothing-published"].automation(
            UUID(int=1), ui_url=UI_URL, enabled=True, environment={"DFU_ALERT_SILENT_DAYS": said}
        )


def test_nothing_published_is_said_without_any_event():
    _, body = rendered("dfu-nothing-published", None)
    assert "40 days by\ndefault" in body


def test_a_long_run_is_said_with_its_name_and_link():
    subject, body = rendered("dfu-run-outlasts", event("prefect.flow-run.Running", {}))
    assert subject == "DFU clustering: run as of 2026-10 takes longer than usual"
    assert body.endswith(f"Run: http://prefect.test/runs/flow-run/{RUN_ID}")


def test_every_flow_of_the_project_is_watched():
    alerts = ("dfu-run-failed", "dfu-watch-failed")
    watched = [name for alert in alerts for name in ALERTS[alert].match_related["prefect.resource.name"]]
    assert sorted(watched) == sorted(flow_names()), "name every flow once in deploy/alerts.yaml"


def flow_names():
    names = set()
    for file in (ROOT / "flows").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "flow":
                names |= {ast.literal_eval(keyword.value) for keyword in node.keywords if keyword.arg == "name"}
    return names


@pytest.mark.parametrize(
    ("environment", "asks_for"),
    [
        ({}, "set it to one of webhook, slack, teams, email"),
        ({"DFU_ALERT_CHANNEL": "pigeon"}, "set it to one of webhook, slack, teams, email"),
        ({"DFU_ALERT_CHANNEL": "webhook"}, "set it to https://host/path"),
        ({"DFU_ALERT_CHANNEL": "webhook", "DFU_ALERT_URL": "ftp://planted"}, "use http:// or https://"),
        ({"DFU_ALERT_CHANNEL": "webhook", "DFU_ALERT_URL": "https://planted:port/x"}, "use http:// or https://"),
        ({"DFU_ALERT_CHANNEL": "webhook", "DFU_ALERT_URL": "https://host/planted%2fx"}, "no //, ; or %2F"),
        ({"DFU_ALERT_CHANNEL": "slack", "DFU_ALERT_URL": "https://planted.example.com/x"}, "hooks.slack.com"),
        ({"DFU_ALERT_CHANNEL": "slack", "DFU_ALERT_URL": TEAMS}, "hooks.slack.com"),
        ({"DFU_ALERT_CHANNEL": "teams", "DFU_ALERT_URL": SLACK}, "/triggers/manual/paths/invoke"),
        (E_MAIL | {"DFU_ALERT_URL": "https://planted.example.com"}, "use smtp://user:password@host:587"),
        (E_MAIL | {"DFU_ALERT_EMAILS": ""}, "a sender and recipients"),
        (E_MAIL | {"DFU_ALERT_EMAILS": "oncall@example.com,planted"}, "a sender and recipients"),
        (E_MAIL | {"DFU_ALERT_SENDER": "planted"}, "a sender and recipients"),
    ],
)
def test_a_channel_that_cannot_work_is_refused_with_a_remedy_and_without_the_address(environment, asks_for):
    with pytest.raises(ConfigError) as refusal:
        notification_block(environment)
    assert asks_for in str(refusal.value)
    assert "planted" not in str(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


@pytest.mark.parametrize(
    ("environment", "block_type"),
    [
        ({"DFU_ALERT_CHANNEL": "webhook", "DFU_ALERT_URL": "https://u:planted@host/x?t=planted"}, "slack-webhook"),
        ({"DFU_ALERT_CHANNEL": "slack", "DFU_ALERT_URL": SLACK}, "slack-webhook"),
        ({"DFU_ALERT_CHANNEL": "teams", "DFU_ALERT_URL": TEAMS}, "ms-teams-webhook"),
        (E_MAIL, "slack-webhook"),
    ],
)
def test_each_channel_is_a_block_with_one_receiver_that_hides_its_address(environment, block_type):
    block = notification_block(environment)
    assert block.get_block_type_slug() == block_type
    assert "planted" not in repr(block) + str(block.model_dump())
    (service,) = block._apprise_client
    assert (service.retry, service.wait) == (4, 3.0)


def test_the_e_mail_channel_logs_in_and_encrypts_as_its_address_says():
    (service,) = notification_block(E_MAIL)._apprise_client
    assert isinstance(service, NotifyEmail)
    assert (service.smtp_host, service.port, service.user, service.password) == (
        "smtp.example.com",
        587,
        "user",
        "planted",
    )
    assert service.secure_mode == "starttls"
    (service,) = notification_block(E_MAIL | {"DFU_ALERT_URL": "smtps://mail.example.com"})._apprise_client
    assert isinstance(service, NotifyEmail)
    assert (service.port, service.secure_mode) == (465, "ssl")


def test_alerts_can_be_switched_off_by_name_only():
    alerts = read_alerts()
    assert switched_off({}, alerts) == set()
    assert switched_off({"DFU_ALERT_OFF": "dfu-run-failed, dfu-alert-test"}, alerts) == {"dfu-run-failed", TEST_ALERT}
    with pytest.raises(ConfigError, match=r"dfu-run-faild.*use names of dfu-data-quality-failed"):
        switched_off({"DFU_ALERT_OFF": "dfu-run-faild"}, alerts)
