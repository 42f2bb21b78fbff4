"""Alerts as code: the automations of alerts.yaml, and the block they send through, on the server at PREFECT_API_URL."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from uuid import UUID

import yaml
from prefect.automations import Automation
from prefect.blocks.notifications import AppriseNotificationBlock, MicrosoftTeamsWebhook, SlackWebhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events import Event, Resource
from prefect.events.actions import SendNotification
from prefect.events.filters import EventFilter, EventNameFilter, EventRelatedFilter
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from pydantic import BaseModel, ConfigDict

from deploy.alert_channel import CHANNEL_VARIABLE, notification_block
from deploy.server import put_automation, server_program
from dfu_clustering.errors import ConfigError, DfuClusteringError

OFF_VARIABLE = "DFU_ALERT_OFF"
BLOCK_NAME = "dfu-alerts"
TEST_ALERT = "dfu-alert-test"
TEST_EVENT = "dfu.alert.test"

_DEFINITIONS = Path(__file__).with_name("alerts.yaml")
_BLOCK_TYPES = (SlackWebhook, MicrosoftTeamsWebhook)
# A chat reads an alert as markup of its own kind: no value becomes a mention (<!channel>, <@U1>, @here), a link or HTML
# there, in whichever channel. Jinja's filters, because the Prefect server renders an alert.
_NEUTRAL = {"<=": "≤", ">=": "≥", "<": "‹", ">": "›", "@": "＠", "](": "] ("}
_DONE = "prefect.automation.action.executed"
_FAILED = "prefect.automation.action.failed"
# covers the channel's own tries and the seconds for which the server holds events back before it stores them
_TEST_TIMEOUT_SECONDS = 45
_POLL_SECONDS = 0.5
_LEAST_PATIENCE = timedelta(seconds=10)  # of the server, for an event that does not come


class NotDeliveredError(DfuClusteringError):
    """A test alert that did not arrive."""


class Patience(BaseModel):
    """How long the server waits for an event before it alerts; a variable of make alerts-apply may say it otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variable: str
    unit: Literal["days", "hours"]
    default: float

    def within(self, environment: Mapping[str, str]) -> timedelta:
        """Return the time.

        Raises:
            ConfigError: The variable holds no number, or less than the ten seconds that the server needs.
        """
        said = environment.get(self.variable) or self.default
        try:
            within = timedelta(**{self.unit: float(said)})
        except (ValueError, OverflowError):
            within = timedelta(0)
        if within < _LEAST_PATIENCE:
            raise ConfigError(
                f"{self.variable} must be a number of {self.unit}, ten seconds or more",
                found=repr(said),
                remedy=f"leave it out for {self.default:g} {self.unit}",
            )
        return within


class Alert(BaseModel):
    """One entry of alerts.yaml: which events fire the alert, or which must not be missing, and what it says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str
    expect: set[str]
    match: dict[str, str | list[str]] = {}
    match_related: dict[str, str | list[str]] = {}
    at_most_every_minutes: int = 0
    missing_for: Patience | None = None
    after: set[str] = set()
    for_each: set[str] = set()
    subject: str
    body: str

    def automation(
        self, block_id: UUID, *, ui_url: str, enabled: bool, environment: Mapping[str, str] = MappingProxyType({})
    ) -> Automation:
        """Return the automation that sends this alert through a block.

        Raises:
            ConfigError: The environment says no time that can be waited.
        """
        patience = self.missing_for.within(environment) if self.missing_for else None
        known = f"{{% set ui_url = {json.dumps(ui_url)} %}}"
        subject, body = neutral(self.subject), known + neutral(self.body)
        return Automation(
            name=self.name,
            description=self.description,
            enabled=enabled,
            trigger=EventTrigger(
                expect=self.expect,
                match=self.match,
                match_related=self.match_related,
                after=self.after,
                for_each=self.for_each,
                posture=Posture.Proactive if patience else Posture.Reactive,
                within=patience or timedelta(minutes=self.at_most_every_minutes),
            ),
            actions=[SendNotification(block_document_id=block_id, subject=subject, body=body)],
        )


def neutral(template: str) -> str:
    """Return a template of which all that it renders is plain text for the channel."""
    filters = " | ".join(f"replace({json.dumps(markup)}, {json.dumps(plain)})" for markup, plain in _NEUTRAL.items())
    return f"{{% filter {filters} %}}{template.rstrip()}{{% endfilter %}}"


def read_alerts() -> list[Alert]:
    """Return the alerts of alerts.yaml."""
    return [Alert.model_validate(entry) for entry in yaml.safe_load(_DEFINITIONS.read_text(encoding="utf-8"))]


def switched_off(environment: Mapping[str, str], alerts: Iterable[Alert]) -> set[str]:
    """Return the names in DFU_ALERT_OFF.

    Raises:
        ConfigError: If a name is not an alert's.
    """
    names = {name.strip() for name in environment.get(OFF_VARIABLE, "").split(",") if name.strip()}
    known = [alert.name for alert in alerts]
    if unknown := names.difference(known):
        raise ConfigError(
            f"{OFF_VARIABLE} must name alerts, with commas between them",
            found=", ".join(sorted(unknown)),
            remedy=f"use names of {', '.join(known)}",
        )
    return names


def apply(block: AppriseNotificationBlock, alerts: Iterable[Alert], off: set[str], *, dry_run: bool) -> None:
    """Make the server's automations equal to alerts: one of each name, all through one block.

    Args:
        block: The block that carries the alerts; it replaces an earlier one, of whatever kind.
        alerts: What to send.
        off: Names of alerts that are kept on the server, but switched off.
        dry_run: Only say what would change.
    """
    with get_client(sync_client=True) as client:
        if not dry_run:
            block.save(BLOCK_NAME, overwrite=True)
        block_id = _saved_block(client, type(block))
        ui_url = get_current_settings().ui_url or ""
        for alert in alerts:
            # without a saved block every automation is new anyway
            wanted = alert.automation(
                block_id or UUID(int=0), ui_url=ui_url, enabled=alert.name not in off, environment=os.environ
            )
            change = put_automation(client, wanted, dry_run=dry_run)
            _say(f"{wanted.name}: {'would be ' * dry_run}{change}{'' if wanted.enabled else ', switched off'}")
        if not dry_run:
            _delete_blocks_of_other_types(client, type(block))


def _saved_block(client: SyncPrefectClient, kind: type[AppriseNotificationBlock]) -> UUID | None:
    try:
        return client.read_block_document_by_name(BLOCK_NAME, kind.get_block_type_slug()).id
    except ObjectNotFound:
        return None


def _delete_blocks_of_other_types(client: SyncPrefectClient, kept: type[AppriseNotificationBlock]) -> None:
    for kind in _BLOCK_TYPES:
        if kind is not kept and (block_id := _saved_block(client, kind)):
            client.delete_block_document(block_id)


def send_test() -> None:
    """Send one marked test alert the whole way, event to automation to channel, and wait for the server's word on it.

    Raises:
        ConfigError: If the alerts are not on the server.
        NotDeliveredError: If the channel refused the alert, or the server did not act in time.
    """
    with get_client(sync_client=True) as client:
        if not client.read_automations_by_name(TEST_ALERT):
            raise ConfigError(
                "A test alert must have the alerts on the server",
                found="none there",
                remedy="run make alerts-apply first",
            )
        source = Resource({"prefect.resource.id": "dfu.alerts"})
        event = Event(event=TEST_EVENT, resource=source, payload={"host": platform.node()})
        client.request("POST", "/events", json=[event.model_dump(mode="json")])
        outcome = _wait_for_outcome(client, event)
    if outcome is None:
        raise NotDeliveredError(
            f"The server accepted the event, but within {_TEST_TIMEOUT_SECONDS} s it neither sent the alert nor "
            f"reported an error. "
            f"Check that the automation {TEST_ALERT} is switched on and that the server runs with its services"
        )
    if outcome.event == _FAILED:
        first_line = outcome.payload.get("notification_log", "").partition("\n")[0]
        raise NotDeliveredError(
            f"The channel did not accept the alert: {outcome.payload['reason']} {first_line}".rstrip()
        )
    _say("Delivered: the channel accepted the alert whose subject begins with [TEST]. Check that a person sees it.")


def _wait_for_outcome(client: SyncPrefectClient, event: Event) -> Event | None:
    end = time.monotonic() + _TEST_TIMEOUT_SECONDS
    while time.monotonic() < end:
        outcomes = client.read_events(
            EventFilter(
                event=EventNameFilter(name=[_DONE, _FAILED]),
                related=EventRelatedFilter(id=[f"prefect.event.{event.id}"]),
            ),
            limit=1,
        ).events
        if outcomes:
            return outcomes[0]
        time.sleep(_POLL_SECONDS)
    return None


def main() -> None:
    """Parse the arguments and do it; exit with 2 where the configuration is wrong, with 1 where the server is."""
    options = _arguments().parse_args()
    with server_program("Alerts") as address:
        if options.command == "test":
            send_test()
        else:
            alerts = read_alerts()
            block = notification_block(os.environ)
            apply(block, alerts, switched_off(os.environ, alerts), dry_run=options.dry_run)
            _say(f"{os.environ[CHANNEL_VARIABLE]} alerts on {address}")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m deploy.alerts")
    commands = parser.add_subparsers(dest="command", required=True)
    apply_command = commands.add_parser("apply", help="create or update the automations and their block")
    apply_command.add_argument("--dry-run", action="store_true", help="only say what would change")
    commands.add_parser("test", help="send one marked test alert and say whether it was delivered")
    return parser


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
