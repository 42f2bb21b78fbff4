"""Tell the Prefect server that a month of sales is loaded, so that the DFUs are clustered as of that month."""

import argparse
import base64
import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from dfu_clustering.addresses import UNREADABLE, described
from dfu_clustering.errors import ConfigError, DataError, DfuClusteringError
from dfu_clustering.loads.events import sales_loaded_event
from scripts.program import HelpFormatter, run_program

API_URL_VARIABLE = "PREFECT_API_URL"
API_AUTH_VARIABLE = "PREFECT_API_AUTH_STRING"

_TIMEOUT_SECONDS = 15
_PAUSES_SECONDS = (1, 2, 4, 8)
_BUSY = 429
_REFUSED = (401, 403)

logger = logging.getLogger("dfu_clustering.announce")

_ENVIRONMENT = f"""environment:
  {API_URL_VARIABLE}          the Prefect server, http://host:4200/api
  {API_AUTH_VARIABLE}  user:password, where the server asks for one

exit codes: 0 announced, 1 failed (try again), 2 bad input (the message says what to do)"""


class NotAnnouncedError(DfuClusteringError):
    """The server did not take the announcement; a later try may succeed."""


def main() -> None:
    """Parse the arguments and announce."""
    arguments = argparse.ArgumentParser(description=__doc__, epilog=_ENVIRONMENT, formatter_class=HelpFormatter)
    arguments.add_argument("--month", required=True, metavar="YYYY-MM", help="newest month that the load brought")
    arguments.add_argument(
        "--load-id",
        required=True,
        metavar="NAME",
        help="the loader's name for this load: the same at every repetition, another for every load",
    )
    options = arguments.parse_args()
    event = sales_loaded_event(options.month, options.load_id, event_id=uuid4(), occurred=datetime.now(UTC))
    announce(event)
    print(f"announced load {options.load_id} of {options.month}")


def announce(event: dict[str, object], *, pauses_seconds: Sequence[float] = _PAUSES_SECONDS) -> None:
    """Send the event; where the server does not answer or is busy, try again after each of the pauses.

    Raises:
        ConfigError: The address is missing or no HTTP address, or the server asks for another password.
        DataError: The server does not know such events.
        NotAnnouncedError: The server did not take it.
    """
    request = _request(event)
    for pause in (*pauses_seconds, None):
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):  # noqa: S310  (the scheme was checked)
                return
        except OSError as error:
            _require_healing(error)
            if pause is None:
                server = described(request.full_url)
                raise NotAnnouncedError(f"{server} did not take the announcement: {error}") from error
            logger.warning("try again in %g s: %s", pause, error)
            time.sleep(pause)


def _request(event: dict[str, object]) -> urllib.request.Request:
    address = os.environ.get(API_URL_VARIABLE, "")
    if not address.startswith(("http://", "https://")) or "@" in address or described(address) == UNREADABLE:
        raise ConfigError(
            f"{API_URL_VARIABLE} names the Prefect server",
            found="another address, which is not shown, it may hold a password" if address else "nothing",
            remedy=f"set it, for example to http://127.0.0.1:4200/api; a login goes into {API_AUTH_VARIABLE}",
        )
    headers = {"Content-Type": "application/json"}
    if password := os.environ.get(API_AUTH_VARIABLE):
        headers["Authorization"] = f"Basic {base64.b64encode(password.encode()).decode()}"
    body = json.dumps([event]).encode()
    return urllib.request.Request(f"{address.rstrip('/')}/events", data=body, headers=headers, method="POST")  # noqa: S310


def _require_healing(error: OSError) -> None:
    if not isinstance(error, urllib.error.HTTPError) or error.code >= 500 or error.code == _BUSY:
        return
    if error.code in _REFUSED:
        raise ConfigError(
            f"{API_AUTH_VARIABLE} must be what the server asks for",
            found=f"HTTP {error.code}",
            remedy="set it to user:password as the server's operator gave them",
        ) from error
    raise DataError(
        f"{API_URL_VARIABLE} must be the API of a Prefect 3 server",
        found=f"HTTP {error.code} {error.reason} at {described(error.url)}",
        remedy="check the address; it ends in /api",
    ) from error


if __name__ == "__main__":
    run_program(main)
