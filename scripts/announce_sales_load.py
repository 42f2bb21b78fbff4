"""Tell the Prefect server that a month of sales is loaded, so that the DFUs are clustered as of that month."""

import argparse
import logging
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

import httpx

from dfu_clustering.addresses import UNREADABLE, described
from dfu_clustering.errors import ConfigError, DataError, DfuClusteringError
from dfu_clustering.loads.events import sales_loaded_event
from dfu_clustering.standalone.program import HelpFormatter, run_program

API_URL_VARIABLE = "PREFECT_API_URL"
API_AUTH_VARIABLE = "PREFECT_API_AUTH_STRING"

_TIMEOUT_SECONDS = 15
_PAUSES_SECONDS = (1, 2, 4, 8)

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
        help="the loader's name for this load: the same when it is repeated, a new one for every load",
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
    url, auth = _server()
    for pause in (*pauses_seconds, None):
        try:
            httpx.post(url, json=[event], auth=auth, timeout=_TIMEOUT_SECONDS).raise_for_status()
        except httpx.HTTPError as error:
            _require_healing(error)
            if pause is None:
                raise NotAnnouncedError(f"{url} did not accept the announcement: {error}") from error
            logger.warning("trying again in %g s: %s", pause, error)
            time.sleep(pause)
        else:
            return


def _server() -> tuple[httpx.URL, tuple[str, str] | None]:
    """Return where events are posted, and user and password where there is one."""
    address = os.environ.get(API_URL_VARIABLE, "")
    if not address.startswith(("http://", "https://")) or "@" in address or described(address) == UNREADABLE:
        raise ConfigError(
            f"{API_URL_VARIABLE} must name the Prefect server",
            found="another address, not shown because it may hold a password" if address else "nothing",
            remedy=f"set it, for example to http://127.0.0.1:4200/api; a login belongs in {API_AUTH_VARIABLE}",
        )
    user, _, password = os.environ.get(API_AUTH_VARIABLE, "").partition(":")
    return httpx.URL(f"{address.rstrip('/')}/events"), (user, password) if user else None


def _require_healing(error: httpx.HTTPError) -> None:
    if not isinstance(error, httpx.HTTPStatusError):
        return
    status = error.response.status_code
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS:
        return
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise ConfigError(
            f"{API_AUTH_VARIABLE} must be what the server asks for",
            found=f"HTTP {status}",
            remedy="set it to user:password; the operator of the server knows them",
        ) from error
    raise DataError(
        f"{API_URL_VARIABLE} must be the API of a Prefect 3 server",
        found=f"HTTP {status} {error.response.reason_phrase} at {error.request.url}",
        remedy="check the address; it ends in /api",
    ) from error


if __name__ == "__main__":
    run_program(main)
