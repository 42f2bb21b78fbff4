"""The Prefect server that the programs of this folder change: its address, its errors, what is put on it twice."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.automations import Automation
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import get_current_settings

from dfu_clustering.addresses import described
from dfu_clustering.errors import ConfigError, DfuClusteringError, InputError


@contextmanager
def server_program(what: str) -> Iterator[str]:
    """Lend the server's address without a login; exit with 2 where the configuration is wrong, 1 where the server is.

    Args:
        what: Lives on a server, for the message where there is none.
    """
    address = get_current_settings().api.url
    try:
        if not address:
            raise ConfigError(
                f"PREFECT_API_URL must name the Prefect server, on which {what} live",
                found="nothing",
                remedy="set PREFECT_API_URL, for example to http://127.0.0.1:4200/api",
            )
        yield described(address)
    except InputError as error:
        _fail(str(error), 2)
    except DfuClusteringError as error:
        _fail(str(error), 1)
    except subprocess.CalledProcessError as error:
        _fail(f"prefect deploy failed with exit code {error.returncode}; the lines above say why", 1)
    except (httpx.TransportError, PrefectHTTPStatusError) as error:
        _fail(f"The Prefect server at {described(address or '')} failed or does not answer: {error}", 1)


def put_automation(client: SyncPrefectClient, wanted: Automation, *, dry_run: bool = False) -> str:
    """Create or update an automation by its name, delete others of that name, and return which of both was needed."""
    found = client.read_automations_by_name(wanted.name)
    if found and not found[1:] and found[0].model_dump(exclude={"id"}) == wanted.model_dump(exclude={"id"}):
        return "unchanged"
    if not dry_run:
        if found:
            wanted.model_copy(update={"id": found[0].id}).update()
        else:
            wanted.create()
        for duplicate in found[1:]:
            client.delete_automation(duplicate.id)
    return "updated" if found else "created"


def _fail(message: str, code: int) -> None:
    sys.stderr.write(f"error: {message}\n")
    raise SystemExit(code)
