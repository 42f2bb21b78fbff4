"""What `make deploy` puts on a Prefect server: each thing once, the schedule in its time zone, the form with bounds."""

import subprocess
import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from deploy.register import LOST_RUN, docker_template, settings_of
from dfu_clustering.errors import ConfigError
from tests.integration.deployed_site import ROOT
from tests.integration.prefect_server import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

QUEUES = {  # of each deployment, with its limit
    "backfill-history": ("history", 1),
    "end-override": ("clustering", 1),
    "manual": ("clustering", 1),
    "measure-forecast-value": ("history", 1),
    "monthly": ("clustering", 1),
    "on-sales-load": ("clustering", 1),
    "override-labels": ("clustering", 1),
    "promote-run": ("clustering", 1),
    "restore-assignments": ("clustering", 1),
    "try-settings": ("clustering", 1),
    "watch-sales-load": ("watching", 1),
}
SCHEDULED = {"measure-forecast-value", "monthly", "watch-sales-load"}
SCHEDULER_SECONDS = 60


def deployments(site):
    found = site.server.post("/deployments/filter", {})
    return {deployment["name"]: deployment for deployment in found if deployment["name"] in QUEUES}


def everything(site):
    """Return the ids of all that a registration may make."""
    kinds = ("deployments", "work_pools", "work_queues", "automations")
    names = {kind: sorted(found["name"] for found in site.server.post(f"/{kind}/filter", {})) for kind in kinds}
    schedules = {name: len(deployment["schedules"]) for name, deployment in deployments(site).items()}
    ids = {name: deployment["id"] for name, deployment in deployments(site).items()}
    return names, schedules, ids


def test_registering_twice_leaves_no_duplicates(site):
    before = everything(site)
    site.register()
    assert everything(site) == before
    names, schedules, _ = before
    assert set(names["deployments"]) >= set(QUEUES)
    assert schedules == {name: int(name in SCHEDULED) for name in QUEUES}
    for automation in (LOST_RUN, "dfu-sales-loaded"):
        assert names["automations"].count(automation) == 1


def test_all_runs_of_the_clustering_wait_in_one_queue_that_gives_out_one_at_a_time(site):
    limits = {
        queue["id"]: (queue["name"], queue["concurrency_limit"])
        for queue in site.server.post("/work_queues/filter", {})
    }
    found = {name: limits[deployment["work_queue_id"]] for name, deployment in deployments(site).items()}
    assert found == QUEUES


def test_monthly_runs_appear_at_six_in_berlin_in_summer_and_in_winter(site):
    wanted = {"deployments": {"name": {"any_": ["monthly"]}}, "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}

    def a_year():
        runs = site.server.post("/flow_runs/filter", wanted)
        return runs if len(runs) >= 13 else None

    runs = wait_until(a_year, SCHEDULER_SECONDS, site.server.log.read_text)
    starts = [datetime.fromisoformat(run["expected_start_time"]) for run in runs]
    assert {start.utcoffset() for start in starts} == {timedelta(0)}
    # 06:00 is 05:00 UTC in winter and 04:00 UTC in summer
    assert {start.hour for start in starts} == {4, 5}
    local = [start.astimezone(ZoneInfo("Europe/Berlin")) for start in starts]
    assert {(start.day, start.hour, start.minute) for start in local} == {(5, 6, 0)}
    assert all(run["parameters"] == {"only_new_load": True} for run in runs)


def test_form_of_a_manual_run_has_descriptions_and_bounds(site):
    schema = deployments(site)["manual"]["parameter_openapi_schema"]
    fields = schema["properties"]
    for name in ("as_of_month", "dry_run", "load_id", "only_new_load", "k_range", "seed"):
        assert fields[name]["description"], name
    assert fields["gap_references"]["minimum"] == 2
    assert fields["gap_references"]["maximum"] == 500
    assert "pattern" in str(fields["as_of_month"])
    assert deployments(site)["manual"]["enforce_parameter_schema"]
    assert fields["only_new_load"]["default"] is False


def test_docker_pool_runs_this_image_with_the_address_from_a_secret(site):
    known = site.get("/collections/views/aggregate-worker-metadata")["prefect-docker"]["docker"]
    environment = {
        "DFU_IMAGE": "registry.example/dfu:1",
        "DFU_DOCKER_NETWORKS": "a b",
        "MLFLOW_TRACKING_URI": "http://m",
    }
    template = docker_template(known["default_base_job_configuration"], environment)
    defaults = {name: field.get("default") for name, field in template["variables"]["properties"].items()}
    assert defaults["image"] == "registry.example/dfu:1"
    assert defaults["networks"] == ["a", "b"]
    assert defaults["env"] == {
        "MLFLOW_TRACKING_URI": "http://m",
        "DFU_CLUSTERING_VAR": "/var/lib/dfu-clustering",
        "DATABASE_URL": "{{ prefect.blocks.secret.dfu-database-url }}",
    }


def test_every_setting_has_a_default_and_an_empty_variable_is_none():
    assert settings_of({"DFU_WORK_POOL": ""}) == {
        "DFU_WORK_POOL_TYPE": "process",
        "DFU_WORK_POOL": "dfu-process",
        "DFU_PROJECT_FOLDER": str(ROOT),
        "DFU_SCHEDULE_CRON": "0 6 5 * *",
        "DFU_SCHEDULE_TIMEZONE": "Europe/Berlin",
        "DFU_WATCH_CRON": "*/5 * * * *",
        "DFU_VALUE_CRON": "0 20 10 1,4,7,10 *",
    }
    docker = settings_of({"DFU_WORK_POOL_TYPE": "docker"})
    assert (docker["DFU_WORK_POOL"], docker["DFU_PROJECT_FOLDER"]) == ("dfu-docker", "/app")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DFU_WORK_POOL_TYPE", "kubernetes"),
        ("DFU_SCHEDULE_CRON", "every month"),
        ("DFU_SCHEDULE_TIMEZONE", "Mars/Olympus"),
        ("DFU_WATCH_CRON", "* * *"),
        ("DFU_VALUE_CRON", "each quarter"),
    ],
)
def test_settings_that_cannot_be_are_refused(variable, value):
    with pytest.raises(ConfigError, match=value.replace("*", r"\*")):
        settings_of({variable: value})


def test_registering_without_a_server_says_what_to_set(site):
    environment = site.environment | {"PREFECT_API_URL": ""}
    command = [sys.executable, "-m", "deploy.register"]
    shown = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert shown.returncode == 2
    assert "PREFECT_API_URL" in shown.stderr
