"""Where alerts go: the environment's DFU_ALERT_* variables as one of Prefect's notification blocks."""

import re
from collections.abc import Callable, Collection, Mapping
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from prefect.blocks.notifications import AppriseNotificationBlock, MicrosoftTeamsWebhook, SlackWebhook
from pydantic import SecretStr

from dfu_clustering.errors import ConfigError

CHANNEL_VARIABLE = "DFU_ALERT_CHANNEL"
ADDRESS_VARIABLE = "DFU_ALERT_URL"
RECIPIENTS_VARIABLE = "DFU_ALERT_EMAILS"
SENDER_VARIABLE = "DFU_ALERT_SENDER"

# Apprise, which carries Prefect's notifications, tries again every 3 s: a receiver may be away for 12 s
_RETRY = {"retry": "4", "wait": "3"}

_SLACK = re.compile(r"https://hooks\.slack\.com/services(/[A-Za-z0-9]+){3}/?")
_LOST_IN_A_PATH = re.compile("//|;|%2F", re.IGNORECASE)
_SMTP_MODES = {"smtps": "ssl", "smtp": "starttls", "smtp+plain": "insecure"}
_E_MAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+")


def notification_block(environment: Mapping[str, str]) -> AppriseNotificationBlock:
    """Return the block, not yet saved, that the environment describes; its address stays a secret.

    Args:
        environment: Usually os.environ; see docs/alerts.md for the variables.

    Raises:
        ConfigError: If the channel is missing or unknown, or its address is missing or not of that channel's form.
            The message never repeats an address.
    """
    channel = environment.get(CHANNEL_VARIABLE, "")
    if channel not in _CHANNELS:
        raise ConfigError(
            f"{CHANNEL_VARIABLE} must say where alerts go",
            found="another word" if channel else "nothing",
            remedy=f"set it to one of {', '.join(_CHANNELS)}; docs/alerts.md shows each",
        )
    return _CHANNELS[channel](environment)


def _webhook(environment: Mapping[str, str]) -> AppriseNotificationBlock:
    parts = _split(
        _address(environment, "https://host/path of the receiver"), ("http", "https"), "http:// or https://, then host"
    )
    if _LOST_IN_A_PATH.search(parts.path):
        raise _refused("an address whose path has no //, ; or %2F, which Apprise does not pass on")
    query = [(f"-{name}", value) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    # Apprise's names for what it sends, and what the receiver gets to see of it
    payload = {":title": "subject", ":message": "body", ":version": "", ":attachments": "", ":type": ""}
    schema = "jsons" if parts.scheme == "https" else "json"
    return _any_address(schema, parts, parts.path, [*query, *payload.items()])


def _slack(environment: Mapping[str, str]) -> AppriseNotificationBlock:
    address = _address(environment, "the incoming webhook's address from Slack")
    if not _SLACK.fullmatch(address):
        raise _refused("https://hooks.slack.com/services/… with three parts")
    return SlackWebhook(url=SecretStr(f"{address.rstrip('/')}?{urlencode(_RETRY)}"))


def _teams(environment: Mapping[str, str]) -> AppriseNotificationBlock:
    address = _address(environment, "the Workflows address from Teams")
    try:
        return MicrosoftTeamsWebhook(url=SecretStr(f"{address}&{urlencode(_RETRY)}"), include_image=False)
    except ValueError:
        # the cause would repeat the address
        raise _refused("https://…/workflows/…/triggers/manual/paths/invoke?…") from None


def _email(environment: Mapping[str, str]) -> AppriseNotificationBlock:
    form = "smtp://user:password@host:587"
    parts = _split(_address(environment, form), _SMTP_MODES, f"{form}, or smtps:// or smtp+plain://")
    mode = _SMTP_MODES[parts.scheme]
    message = {
        "from": _addresses(environment, SENDER_VARIABLE)[0],
        "to": ",".join(_addresses(environment, RECIPIENTS_VARIABLE)),
        "format": "text",
        "mode": mode,
    }
    return _any_address("mailto" if mode == "insecure" else "mailtos", parts, "", list(message.items()))


def _any_address(
    schema: str, parts: SplitResult, path: str, options: list[tuple[str, str]]
) -> AppriseNotificationBlock:
    """Return the one block of Prefect that takes any address of Apprise: the Slack block, for what is not Slack's.

    Prefect's Custom Webhook block is no choice: where the receiver fails, it writes the address to the server's log,
    tries again without a pause and emits no event, so that the lost alert stays unknown.
    """
    query = urlencode([*options, *_RETRY.items()], quote_via=quote)
    return SlackWebhook(url=SecretStr(f"{schema}://{parts.netloc}{path}?{query}"))


def _address(environment: Mapping[str, str], form: str) -> str:
    address = environment.get(ADDRESS_VARIABLE, "").strip()
    if not address:
        raise ConfigError(
            f"{ADDRESS_VARIABLE} must hold the address of {environment[CHANNEL_VARIABLE]} alerts",
            found="nothing",
            remedy=f"set it to {form}",
        )
    return address


def _split(address: str, schemes: Collection[str], form: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in schemes and parts.hostname and parts.port != 0
    except ValueError:  # brackets or a port that cannot be
        usable = False
    if not usable:
        raise _refused(form)
    return parts


def _addresses(environment: Mapping[str, str], variable: str) -> list[str]:
    addresses = [address.strip() for address in environment.get(variable, "").split(",") if address.strip()]
    if not addresses or not all(_E_MAIL.fullmatch(address) for address in addresses):
        raise ConfigError(
            f"{variable} must name e-mail addresses, with commas between them",
            found=f"{len(addresses)} entries, not all of the form name@domain" if addresses else "nothing",
            remedy="set it: alerts by e-mail need a sender and recipients",
        )
    return addresses


def _refused(form: str) -> ConfigError:
    return ConfigError(
        f"{ADDRESS_VARIABLE} must suit the channel",
        found="an address of another form (not shown, it may hold a secret)",
        remedy=f"use {form}; docs/alerts.md shows each channel",
    )


_CHANNELS: dict[str, Callable[[Mapping[str, str]], AppriseNotificationBlock]] = {
    "webhook": _webhook,
    "slack": _slack,
    "teams": _teams,
    "email": _email,
}
