"""A checkout in a folder whose name holds blanks and other signs: make leaves nothing beside it and finds all in it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
STAND_IN = '#!/bin/sh\nprintf "%s\\n" "${0##*/}" "$@" >>"$RECORD"\nprintf "home %s\\n" "$PREFECT_HOME" >>"$RECORD"\n'


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose programs write down what they were given, and what make needs to think it installed."""
    folder = tmp_path / "my  checkout (2) it's"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "prefect", "mlflow"):
        program = folder / ".venv" / "bin" / name
        program.write_text(STAND_IN)
        program.chmod(0o755)
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("secrets", "__pycache__"))
    for group in ("demo", "dev"):
        (folder / ".venv" / f".installed-{group}").touch()
    return folder


def make(folder, *targets, **environment):
    record = folder.parent / "record"
    record.unlink(missing_ok=True)
    foreign = ("PREFECT_", "MLFLOW_", "DFU_", "MAKE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    done = subprocess.run(
        ["make", *targets], cwd=folder, env=kept | {"RECORD": str(record)} | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return record.read_text().splitlines()


@pytest.mark.parametrize("target", ["demo", "test", "test-slow", "prefect-ui", "alerts-test"])
def test_prefect_has_its_home_in_the_checkout_and_nothing_lies_beside_it(checkout, target):
    before = {path.name for path in checkout.iterdir()}
    home = checkout / "var" / "prefect"
    assert f"home {home}" in make(checkout, target)
    assert home.is_dir()
    assert {path.name for path in checkout.iterdir()} == before | {"var"}
    assert {path.name for path in checkout.parent.iterdir()} == {checkout.name, "record"}


def test_mlflow_is_given_its_store_as_one_argument(checkout):
    assert f"sqlite:///{checkout}/var/mlflow/mlflow.db" in make(checkout, "mlflow-ui")
    elsewhere = checkout.parent / "an other var"
    assert f"sqlite:///{elsewhere}/mlflow/mlflow.db" in make(checkout, "mlflow-ui", DFU_CLUSTERING_VAR=str(elsewhere))
    assert "http://127.0.0.1:5000" in make(checkout, "mlflow-ui", MLFLOW_TRACKING_URI="http://127.0.0.1:5000")


def test_a_panel_is_given_as_one_argument(checkout):
    assert "my sales (1).parquet" in make(checkout, "demo", "SALES=my sales (1).parquet")


def test_secrets_are_made_in_a_folder_that_is_closed_also_where_it_stood_open(checkout):
    folder = checkout / "deploy" / "my secrets"
    folder.mkdir(mode=0o755)
    program = checkout / "deploy" / "secrets.sh"
    first = subprocess.run([program, folder], capture_output=True, text=True, check=True)
    assert f"closed {folder}, which others could open" in first.stdout
    assert folder.stat().st_mode & 0o777 == 0o700
    kept = {path.name: path.read_text() for path in folder.iterdir()}
    assert len(kept) == 5
    second = subprocess.run([program, folder], capture_output=True, text=True, check=True)
    assert second.stdout == ""
    assert {path.name: path.read_text() for path in folder.iterdir()} == kept
    new = subprocess.run([program, checkout / "new one"], capture_output=True, text=True, check=True)
    assert "closed" not in new.stdout
    assert (checkout / "new one").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("variables", "arguments"),
    [
        ({"RUN": "2026-10-c0ffee"}, ["--run", "2026-10-c0ffee"]),
        ({"BEFORE": "2026-10-05T08:00", "DRY_RUN": "1"}, ["--before", "2026-10-05T08:00", "--dry-run"]),
    ],
)
def test_make_hands_on_which_labels_are_to_be_restored_and_nothing_of_its_own(checkout, variables, arguments):
    given = [f"{name}={value}" for name, value in variables.items()]
    recorded = make(checkout, "restore", *given)
    assert recorded[: recorded.index(f"home {checkout}/var/prefect")] == [
        "python",
        "scripts/restore_assignments.py",
        *arguments,
    ]
