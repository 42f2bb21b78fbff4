"""The settings of the service, as environment variables; docs/api.md lists them."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dfu_clustering.runs.run import var_folder

Seconds = Annotated[float, Field(gt=0, le=3600)]


def _runs_folder() -> Path:
    return var_folder() / "runs"


def _listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class ApiSettings(BaseSettings):
    """Settings of the service; each is the variable ``DFU_API_<NAME>`` unless it says otherwise.

    Attributes:
        database_url: DATABASE_URL, the warehouse; the role needs no more than SELECT on dim_dfu.
        runs: DFU_API_RUNS, else ``runs`` in DFU_CLUSTERING_VAR: the run folders and the ledger of publishes.
        pool_size: Connections to the database at most.
        pool_timeout_s: How long a request waits for one before it is refused with 503.
        connect_timeout_s: How long a new connection may take.
        statement_timeout_s: How long a statement may take.
        snapshot_timeout_s: How long the one statement may take that reads the labels of all DFUs.
        request_timeout_s: How long a request may take to arrive; a connection on which none does is ended.
        refresh_s: How old an answer may be before the service looks whether dim_dfu or the ledger has changed.
        grace_s: How long the last known numbers are shown while the database does not answer.
        rebuild_s: After how long the labels are read again, although no change of dim_dfu was counted.
        allowed_hosts: Names under which clients may ask for the service besides those of this machine and ``api``,
            comma-separated, without ports; ``*``: any.
        cors_origins: Origins whose pages may read the service, comma-separated; none by default.
        root_path: Path under which a reverse proxy shows the service, ``/segments``.
        docs: Whether /docs shows the addresses in a browser; that page loads a program from another server.
        log_level: Of the service's own log lines.
    """

    model_config = SettingsConfigDict(env_prefix="DFU_API_", frozen=True, populate_by_name=True, extra="ignore")

    database_url: Annotated[SecretStr, Field(validation_alias="DATABASE_URL", min_length=1)]
    runs: Annotated[Path, Field(default_factory=_runs_folder)]
    pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    pool_timeout_s: Seconds = 10.0
    connect_timeout_s: Annotated[int, Field(ge=1, le=60)] = 3
    statement_timeout_s: Seconds = 5.0
    snapshot_timeout_s: Seconds = 60.0
    request_timeout_s: Seconds = 10.0
    refresh_s: Seconds = 1.0
    grace_s: Seconds = 10.0
    rebuild_s: Seconds = 60.0
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = ()
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = ()
    root_path: str = ""
    docs: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
