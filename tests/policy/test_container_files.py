"""Rules for the Dockerfile and the stack, checked with the real hadolint and the real Compose."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
COMPOSE = ("--file", "deploy/compose.yaml", "--env-file", "/dev/null")


def run(program, *arguments):
    command = [PROGRAMS / program, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def stack():
    found = run("docker-compose", *COMPOSE, "--profile", "demo", "config", "--format", "json")
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


@pytest.fixture(scope="module")
def services(stack):
    return stack["services"]


def test_hadolint_finds_nothing_in_the_dockerfile():
    found = run("hadolint", "Dockerfile")
    assert (found.returncode, found.stdout) == (0, "")


def test_image_starts_as_a_user_with_no_rights_and_hands_signals_on():
    steps = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (.+)$", steps, re.MULTILINE) == ["10001:10001"]
    # a shell between Docker and the program would keep SIGTERM to itself
    assert len(re.findall(r"^(?:ENTRYPOINT|CMD) \[", steps, re.MULTILINE)) == 2
    assert (ROOT / "deploy/entrypoint.sh").read_text().splitlines()[-1] == 'exec "$@"'


def test_stack_is_valid_with_and_without_the_demo():
    for profiles in ([], ["--profile", "demo"]):
        found = run("docker-compose", *COMPOSE, *profiles, "config", "--quiet")
        assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("given", [None, "https://dfu.example/reports/{run}"])
def test_link_to_a_report_is_that_of_its_run(services, monkeypatch, given):
    if given:
        monkeypatch.setenv("DFU_REPORT_URL", given)
        services = json.loads(run("docker-compose", *COMPOSE, "config", "--format", "json").stdout)["services"]
    assert services["worker"]["environment"]["DFU_REPORT_URL"] == (given or "http://localhost:8000/reports/{run}")


def test_containers_of_the_project_have_no_rights_that_they_do_not_need(services):
    own = {name: service for name, service in services.items() if "build" in service}
    assert set(own) >= {"prefect-server", "mlflow", "worker", "deployments", "api"}
    for name, service in own.items():
        hardened = (service["read_only"], service["cap_drop"], service["security_opt"], service["init"])
        assert hardened == (True, ["ALL"], ["no-new-privileges:true"], True), name


def test_services_are_watched_and_started_again_and_the_others_end(services):
    watched = {name for name, service in services.items() if "healthcheck" in service}
    lasting = {name for name, service in services.items() if service["restart"] == "unless-stopped"}
    assert watched == lasting
    assert set(services) - lasting == {"deployments", "demo-warehouse-load"}


def test_services_wait_for_what_they_need(services):
    waits = {name: service.get("depends_on", {}) for name, service in services.items()}
    for name in ("prefect-server", "mlflow"):
        assert waits[name]["postgres"]["condition"] == "service_healthy"
    assert waits["deployments"]["prefect-server"]["condition"] == "service_healthy"
    assert waits["worker"]["deployments"]["condition"] == "service_completed_successfully"


def test_api_reads_the_runs_and_knows_no_address_that_may_write(services):
    (runs,) = services["api"]["volumes"]
    assert (runs["target"], runs["read_only"]) == ("/var/lib/dfu-clustering", True)
    assert [secret["source"] for secret in services["api"]["secrets"]] == ["warehouse_api_url"]
    writers = {name for name, service in services.items() if "warehouse_url" in str(service.get("secrets"))}
    assert writers == {"worker", "demo-warehouse-load"}


def test_ports_are_open_on_this_host_only(services):
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_no_secret_stands_in_the_stack(stack):
    assert {Path(secret["file"]).parent.name for secret in stack["secrets"].values()} == {"secrets"}
    settings = {
        key: value for service in stack["services"].values() for key, value in service.get("environment", {}).items()
    }
    assert [key for key, value in settings.items() if re.search(r"://[^/@]*:[^/@]+@", value or "")] == []
    named = re.compile(r"PASSWORD$|AUTH_STRING$|TOKEN$|SECRET")
    assert {value for key, value in settings.items() if named.search(key)} == {None}


def test_every_setting_of_the_stack_is_explained():
    text = (ROOT / "deploy/compose.yaml").read_text()
    used = set(re.findall(r"\$\{(\w+)", text)) | set(re.findall(r"^ +(\w+): #", text, re.MULTILINE))
    explained = set(re.findall(r"^#(\w+)=", (ROOT / "deploy/.env.example").read_text(), re.MULTILINE))
    assert used == explained


def test_secrets_are_made_once_and_kept(tmp_path, stack):
    folder = tmp_path / "secrets"
    for _ in range(2):
        subprocess.run([ROOT / "deploy/secrets.sh", folder], check=True, capture_output=True, timeout=10)
        made = {path.name: path.read_text() for path in folder.iterdir()}
        folder.joinpath("warehouse_url").write_text("postgresql://u@h/d")
    assert set(made) == set(stack["secrets"])
    assert made["warehouse_url"] == "postgresql://u@h/d"
    assert made["warehouse_api_url"].startswith("postgresql://dfu_api:")
    passwords = {value for name, value in made.items() if name.endswith("_password")}
    assert {len(password) for password in passwords} == {48}
    assert len(passwords) == 3
    assert folder.stat().st_mode & 0o777 == 0o700


def test_ports_on_the_host_follow_their_variables_and_so_do_the_links(monkeypatch):
    for name, port in (("PREFECT_PORT", "14200"), ("MLFLOW_PORT", "15000"), ("API_PORT", "18000")):
        monkeypatch.setenv(name, port)
    services = json.loads(run("docker-compose", *COMPOSE, "config", "--format", "json").stdout)["services"]
    published = {port["published"] for service in services.values() for port in service.get("ports", [])}
    assert published == {"14200", "15000", "18000"}
    assert services["worker"]["environment"]["DFU_REPORT_URL"] == "http://localhost:18000/reports/{run}"
    assert services["worker"]["environment"]["PREFECT_UI_URL"] == "http://127.0.0.1:14200"
    assert "--allowed-hosts=mlflow:5000,localhost:15000,127.0.0.1:15000" in services["mlflow"]["command"]
