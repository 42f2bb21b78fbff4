"""Rules that the repository itself keeps."""

import importlib
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
REGISTRY = re.compile(r"https?://[\w.-]*(pypi|pythonhosted|debian|npmjs)[\w.-]*", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w.])/(work|root|home|Users)/")
SECRET = re.compile(r"(AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|xox[bap]-[0-9])")
LONGEST_MODULE_LINES = 330


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout")
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def test_lines_of_files_end_at_the_newline_only():
    # splitlines() also ends a line at U+2028, U+2029 and U+0085, which names and keys may hold
    rooms = ("src", "expectations", "tasks", "flows", "scripts", "api", "deploy")
    programs = tracked(*(f"{room}/*.py" for room in rooms))
    assert [path.name for path in programs if ".splitlines(" in path.read_text(encoding="utf-8")] == []


def texts() -> list[tuple[str, str]]:
    own = Path(__file__)
    files = [path for path in tracked() if path != own and path.suffix not in (".png", ".parquet")]
    return [(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in files]


@pytest.mark.parametrize("forbidden", [REGISTRY, MACHINE_PATH, SECRET], ids=["registry", "machine path", "secret"])
def test_no_tracked_file_holds(forbidden):
    assert [name for name, text in texts() if forbidden.search(text)] == []


def test_every_pin_is_exact_and_names_no_index():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 100
    assert [pin for pin in pins if not re.fullmatch(r"[\w.\[\]-]+==[\w.+!-]+( ;.*)?", pin)] == []


def test_every_declared_package_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    declared = {
        re.split(r"[<>=\[ ]", name)[0].lower() for group in [project["dependencies"], *extras] for name in group
    }
    pinned = {line.split("==")[0].lower() for line in (ROOT / "requirements.lock").read_text().splitlines()}
    assert declared - pinned == {"dfu-clustering"}


def test_the_changelog_begins_with_the_version_that_runs_record():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest, *_ = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest == version


def test_modules_hold_one_idea():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked("src/*.py", "tasks/*.py", "flows/*.py", "expectations/*.py", "scripts/*.py", "deploy/*.py")
        if (lines := len(path.read_text().splitlines())) > LONGEST_MODULE_LINES
    }
    assert long == {}


def test_makefile_reads_nothing_outside_the_checkout():
    assert re.findall(r".*\.\./.*", (ROOT / "Makefile").read_text()) == []


def test_targets_that_the_readme_names_exist():
    named = set(re.findall(r"make ([a-z][a-z-]+)", (ROOT / "README.md").read_text()))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    targets |= set(re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split())
    prose = {"and", "in"}
    assert {"demo", "test"} <= named
    assert named - targets - prose == set()


def test_modules_that_the_picture_of_the_rooms_names_exist():
    page = (ROOT / "docs" / "architecture.md").read_text()
    rooms = page.partition("Inside the library")[2].split("```")[1]
    named = set(re.findall(r"\b([a-z]+_[a-z_]+|panel|features|clusters|labels|profiles|traits|plots)\b", rooms))
    modules = tracked("src/dfu_clustering/*.py")
    existing = {path.stem for path in modules} | {path.parent.name for path in modules}
    assert named - existing == set()


def test_every_watched_flow_says_when_it_is_over():
    from tasks.support.heartbeat import say_over

    deployed = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    names = {deployment["entrypoint"].rpartition(":")[2] for deployment in deployed}
    found = [getattr(importlib.import_module(f"flows.{name}"), name) for name in sorted(names)]
    flows = {flow.name: flow for flow in found}
    assert set(flows) >= {"cluster-dfus", "override-labels", "restore-assignments", "watch-sales-load"}
    for flow in flows.values():
        hooks = (flow.on_completion_hooks, flow.on_failure_hooks, flow.on_crashed_hooks)
        assert [say_over in of_state for of_state in hooks] == [True] * 3, flow.name


def test_a_worker_of_the_tests_keeps_those_of_a_file(request):
    # or the fixtures of a file are made once a worker; pytest-xdist hands the group on in the test's id
    grouped = request.config.getoption("loadgroup", default=False)
    assert request.node.nodeid.endswith(f"@{Path(__file__).name}") == grouped
