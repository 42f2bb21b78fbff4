"""Everything that runs by itself, on the server at PREFECT_API_URL: work pool, queues, deployments, lost runs."""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect.automations import Automation
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker
from pydantic import SecretStr, ValidationError

from deploy.server import put_automation, server_program
from dfu_clustering.errors import ConfigError
from dfu_clustering.runs.run import VAR_VARIABLE
from dfu_clustering.warehouse.connect import DATABASE_URL_VARIABLE
from tasks.support.heartbeat import RUN_OVER, RUN_TAG

_ROOT = Path(__file__).parents[1]
_IN_THE_IMAGE = "/app"

POOL_TYPES = ("process", "docker")
QUEUES = {"clustering": 1, "watching": 1, "history": 1}  # runs at a time, given out oldest first

DATABASE_BLOCK = "dfu-database-url"
_VOLUME = "/var/lib/dfu-clustering"
_PASSED_TO_CONTAINERS = ("MLFLOW_TRACKING_URI", "DFU_CLUSTERING_CONFIG")

LOST_RUN = "dfu-run-lost"
# several heartbeats (prefect.yaml asks for one in 30 s): a run that holds the interpreter's lock is not lost
LOST_AFTER = timedelta(minutes=5)


def settings_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what prefect.yaml leaves open: the environment's DFU_ variables, each with a default.

    Raises:
        ConfigError: The kind of work pool is unknown, or a schedule is no cron expression in a known time zone.
    """
    kind = environment.get("DFU_WORK_POOL_TYPE") or "process"
    if kind not in POOL_TYPES:
        raise ConfigError(
            "DFU_WORK_POOL_TYPE must be a kind of work pool", found=repr(kind), remedy=f"use {' or '.join(POOL_TYPES)}"
        )
    defaults = {
        "DFU_WORK_POOL_TYPE": kind,
        "DFU_WORK_POOL": f"dfu-{kind}",
        "DFU_PROJECT_FOLDER": str(_ROOT) if kind == "process" else _IN_THE_IMAGE,
        "DFU_SCHEDULE_CRON": "0 6 5 * *",
        "DFU_SCHEDULE_TIMEZONE": "Europe/Berlin",
        "DFU_WATCH_CRON": "*/5 * * * *",
        "DFU_VALUE_CRON": "0 20 10 1,4,7,10 *",
    }
    settings = {name: environment.get(name) or default for name, default in defaults.items()}
    _require_schedule(settings["DFU_SCHEDULE_CRON"], settings["DFU_SCHEDULE_TIMEZONE"])
    _require_schedule(settings["DFU_WATCH_CRON"], "UTC")
    _require_schedule(settings["DFU_VALUE_CRON"], settings["DFU_SCHEDULE_TIMEZONE"])
    return settings


def register(settings: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Make the server's work pool, queues, deployments and automation what the repository says.

    Raises:
        ConfigError: A work pool of that name is of another kind.
        subprocess.CalledProcessError: `prefect deploy` failed; it has said why.
    """
    pool, kind = settings["DFU_WORK_POOL"], settings["DFU_WORK_POOL_TYPE"]
    with get_client(sync_client=True) as client:
        _put_pool(client, pool, kind, environment)
        for name, limit in QUEUES.items():
            _put_queue(client, pool, name, limit)
        put_automation(client, lost_run_automation())
    _deploy_all({**environment, **settings})
    worker = "make worker" if kind == "process" else f"prefect worker start --pool {pool} --type docker"
    sys.stdout.write(f"The deployments of prefect.yaml are on the server. Their runs are taken by a worker: {worker}\n")


def _deploy_all(environment: Mapping[str, str]) -> None:
    # its last words name a worker that does not hand its run back when it is stopped (docs/loads.md)
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    try:
        subprocess.run(  # noqa: S603  (our own words)
            command, cwd=_ROOT, env=environment, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except subprocess.CalledProcessError as error:
        sys.stderr.write(error.stdout)
        raise


def lost_run_automation() -> Automation:
    """Return the automation that ends a run whose worker died; it would keep its place in the queue for good."""
    heartbeat = "prefect.flow-run.heartbeat"
    return Automation(
        name=LOST_RUN,
        description="A run that has sent no heartbeat for minutes is marked as crashed, so that the next can start",
        trigger=EventTrigger(
            after={heartbeat},
            expect={"prefect.flow-run.*", RUN_OVER},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{RUN_TAG}"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=LOST_AFTER,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name=None,
                force=False,
                message="This run sent no heartbeat for minutes. Retry resumes it after its last finished step.",
            )
        ],
    )


def docker_template(template: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return a docker pool's job template whose defaults are this project's image and what a run in it needs."""
    result = deepcopy(template)
    passed = {name: environment[name] for name in _PASSED_TO_CONTAINERS if environment.get(name)}
    defaults = {
        "env": {
            **passed,
            VAR_VARIABLE: _VOLUME,
            DATABASE_URL_VARIABLE: f"{{{{ prefect.blocks.secret.{DATABASE_BLOCK} }}}}",
        },
        "image": environment.get("DFU_IMAGE") or "dfu-clustering",
        "image_pull_policy": "IfNotPresent",
        "networks": (environment.get("DFU_DOCKER_NETWORKS") or "").split(),
        "volumes": (environment.get("DFU_DOCKER_VOLUMES") or f"dfu-clustering:{_VOLUME}").split(),
        "auto_remove": True,
    }
    for name, value in defaults.items():
        result["variables"]["properties"][name]["default"] = value
    return result


def _put_pool(client: SyncPrefectClient, name: str, kind: str, environment: Mapping[str, str]) -> None:
    template = _job_template(client, kind, environment)
    try:
        found = client.read_work_pool(name)
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=name, type=kind, base_job_template=template))
        return
    if found.type != kind:
        raise ConfigError(
            "A work pool must keep its kind",
            found=f"{name} is of the kind {found.type}, not {kind}",
            remedy="set DFU_WORK_POOL to another name, or DFU_WORK_POOL_TYPE to this kind",
        )
    if kind == "docker":
        client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))


def _job_template(client: SyncPrefectClient, kind: str, environment: Mapping[str, str]) -> dict[str, Any]:
    if kind == "process":
        return ProcessWorker.get_default_base_job_template()
    _put_secret(environment)
    known = client.read_worker_metadata()["prefect-docker"]["docker"]["default_base_job_configuration"]
    return docker_template(known, environment)


def _put_secret(environment: Mapping[str, str]) -> None:
    url = environment.get(DATABASE_URL_VARIABLE)
    if not url:
        raise ConfigError(
            f"{DATABASE_URL_VARIABLE} must be set: containers get it from a secret on the Prefect server",
            found="it is not set",
            remedy=f"set {DATABASE_URL_VARIABLE} to the address under which containers reach the warehouse",
        )
    Secret(value=SecretStr(url)).save(DATABASE_BLOCK, overwrite=True)


def _put_queue(client: SyncPrefectClient, pool: str, name: str, limit: int) -> None:
    try:
        found = client.read_work_queue_by_name(name, work_pool_name=pool)
    except ObjectNotFound:
        client.create_work_queue(name, work_pool_name=pool, concurrency_limit=limit)
        return
    if found.concurrency_limit != limit:
        client.update_work_queue(found.id, concurrency_limit=limit)


def _require_schedule(cron: str, timezone: str) -> None:
    try:
        CronSchedule(cron=cron, timezone=timezone)
    except ValidationError as error:
        raise ConfigError(
            "A schedule must be a cron expression in a time zone",
            found=f"{cron!r} in {timezone!r}",
            remedy="use five fields such as '0 6 5 * *' and a name such as Europe/Berlin",
        ) from error


def main() -> None:
    """Register; exit with 2 where the configuration is wrong, with 1 where the server is."""
    argparse.ArgumentParser(description=__doc__, prog="python -m deploy.register").parse_args()
    with server_program("Deployments"):
        register(settings_of(os.environ), os.environ)


if __name__ == "__main__":
    main()
