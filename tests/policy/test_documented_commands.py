"""Commands in README and docs work: the shell parses them; program, target, flag, service and address exist."""

import argparse
import importlib
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cyclopts import CycloptsError
from fastapi.routing import APIRoute
from prefect.cli._app import _app
from prefect.server.api.events import router as prefect_events
from pydantic import SecretStr

from api.app import create_app
from api.settings import ApiSettings
from dfu_clustering.standalone.command import _arguments as command_arguments
from flows.cli import _parameters, _parser
from tests.policy.test_repository import ROOT

PROGRAMS = Path(sys.executable).parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks/README.md", *(ROOT / "docs").rglob("*.md")]
STARTS = r"(?:[A-Z_]+=\S+ )*(?:make|python|\.venv/bin/python|dc|docker compose|prefect|pip|curl|psql|deploy/\S+\.sh) "
OPERATORS = {"|", "&&", "||", ";"}


class Parsed(BaseException):
    """The arguments are accepted; nothing else is to be done."""


def blocks(text: str) -> list[str]:
    """Return the fenced shell blocks; of a session with answers only what is typed."""
    found = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return ["\n".join(re.findall(r"^\$ (.+)$", one, re.MULTILINE)) if one.startswith("$ ") else one for one in found]


def lines(text: str) -> Iterator[str]:
    """Return the commands of a page, those in running text too, one a line; a quoted text may span lines."""
    line = ""
    for part in "\n".join(blocks(text)).splitlines():
        line += part
        try:
            shlex.split(line, comments=True)
        except ValueError:
            line = line[:-1] if line.endswith("\\") else f"{line}\n"
            continue
        yield line.strip()
        line = ""
    yield from re.findall(rf"`({STARTS}[^`]*)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE))


def commands(line: str) -> Iterator[list[str]]:
    """Return the words of each command of a line, without redirections, variables and words of the shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    command: list[str] = []
    skip = False
    for word in [*lexer, ";"]:
        if word in OPERATORS:
            if command and command[0] not in ("for", "export"):
                yield command
            command = []
        elif skip or word in ("<", ">"):
            skip = not skip
        elif command or not (re.match(r"\w+=", word) or word in ("do", "done")):
            command.append(word)


def documented() -> list[tuple[str, list[str]]]:
    found = {
        (path.name, *command)
        for path in PAGES
        for line in lines(path.read_text(encoding="utf-8"))
        for command in commands(line)
    }
    return [(page, list(command)) for page, *command in sorted(found)]


DOCUMENTED = documented()


@cache
def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make(*arguments: str) -> None:
    # an installation that is older than the list of packages is not repeated for a test
    installed = (f"--old-file=.venv/.installed-{group}" for group in ("demo", "dev", "bench"))
    run("make", "--dry-run", *installed, *arguments)


def python(*arguments: str) -> None:
    """Let a program's own parser read its arguments, in this process."""
    name, *rest = arguments[1:] if arguments[0] == "-m" else arguments
    if name.startswith("flows.") and name != "flows.demo":
        flow = getattr(importlib.import_module(name), name.removeprefix("flows."))
        parser = _parser(flow)
        assert _parameters(flow, parser.parse_args(rest).parameters, parser).keys()
        return
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser, *given, **named):
        if rest != ["--help"]:
            parse(parser, *given, **named)
        raise Parsed

    with pytest.MonkeyPatch.context() as patch, suppress(Parsed):
        patch.setattr(sys, "argv", [name, *rest])
        patch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
        patch.syspath_prepend(str(ROOT / Path(name).parent))
        if arguments[0] == "-m":
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(str(ROOT / name), run_name="__main__")


def compose(*arguments: str) -> None:
    words = [word for word in arguments if not word.isupper()]
    options = ("--file", "deploy/compose.yaml", "--env-file", "/dev/null", "--profile", "demo")
    services = run(PROGRAMS / "docker-compose", *options, "config", "--services").split()
    while words and words[0].startswith("--"):
        words = words[2:]
    if words:
        run(PROGRAMS / "docker-compose", words[0], "--help")
    named = {"exec": 1, "run": 1}.get(words[0] if words else "", len(words))
    targets = [word for word in words[1:] if re.fullmatch(r"[a-z][a-z-]+", word)][:named]
    assert [word for word in targets if word not in services] == []


def curl(*arguments: str) -> None:
    settings = ApiSettings(database_url=SecretStr("postgresql://nobody@nowhere/none"), runs=ROOT / "var")
    addresses = [urlsplit(word.replace("$api", "http://127.0.0.1:8000/domains/dfu")) for word in arguments]
    for address in (one for one in addresses if one.netloc):
        if address.port == 8000:
            paths = [*create_app(settings).openapi()["paths"], "/domains/dfu"]
        else:
            paths = [f"/api{route.path}" for route in prefect_events.routes if isinstance(route, APIRoute)]
        patterns = [re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) for path in paths]
        assert any(re.fullmatch(pattern, address.path) for pattern in patterns), address.path


def pip(*arguments: str) -> None:
    (extra,) = re.findall(r"\[(.+)\]", arguments[-1])
    assert extra in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def prefect(*arguments: str) -> None:
    _app.parse_args(
        ["worker", "start", "--pool", "any"] if arguments == ("worker", "start") else arguments, exit_on_error=False
    )


def dask(command: str, *_options: str) -> None:
    assert command in {found.name for found in entry_points(group="dask_cli")}


def psql(*arguments: str) -> None:
    assert [name for name in arguments if name.startswith("deploy/") and not (ROOT / name).is_file()] == []


def segments(*arguments: str) -> None:
    command_arguments().parse_args(arguments)


def elsewhere(*arguments: str) -> None:
    """Check nothing: the program is one of the reader's machine, and the command names nothing of ours."""


CHECKS: dict[str, Callable[..., object]] = {
    "make": make,
    "python": python,
    ".venv/bin/python": python,
    "dc": compose,
    "docker": lambda _compose, *words: compose(*words),
    "curl": curl,
    "pip": pip,
    "psql": psql,
    "prefect": prefect,
    "dask": dask,
    "deploy/secrets.sh": lambda *_: run("bash", "-n", "deploy/secrets.sh"),  # test_container_files.py runs it
    ".venv/bin/dfu-clustering": segments,
    "cat": elsewhere,
    "git": elsewhere,
    "cp": elsewhere,
    "printf": elsewhere,
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_shell_can_parse_the_blocks_of(page):
    for block in blocks(page.read_text(encoding="utf-8")):
        subprocess.run(["bash", "-n", "-c", block], check=True, timeout=10)


def test_commands_of_all_kinds_are_found():
    assert {"make", "python", ".venv/bin/python", "dc", "curl", "prefect", "psql"} <= {c[0] for _, c in DOCUMENTED}
    assert len(DOCUMENTED) > 70


@pytest.mark.parametrize(("page", "command"), DOCUMENTED, ids=[f"{page}-{' '.join(c)[:60]}" for page, c in DOCUMENTED])
def test_documented_command_exists(page, command):
    assert command[0] in CHECKS, f"say in this test how {command[0]} is checked"
    CHECKS[command[0]](*command[1:])


@pytest.mark.parametrize(
    "command",
    [
        ("make", "no-such-target"),
        ("python", "scripts/build_report.py", "--no-such-flag"),
        ("python", "-m", "flows.cluster_dfus", "no_such_parameter=1"),
        ("dc", "logs", "no-such-service"),
        ("dc", "no-such-command", "worker"),
        ("curl", "http://127.0.0.1:8000/no/such/address"),
        ("prefect", "worker", "no-such-command"),
        ("dask", "no-such-command"),
    ],
)
def test_command_that_does_not_exist_is_noticed(command, capsys):
    with pytest.raises((AssertionError, SystemExit, CycloptsError)):
        CHECKS[command[0]](*command[1:])


def test_help_of_make_lists_its_targets():
    assert {"demo", "test", "up"} <= {line.split()[0] for line in run("make").splitlines()}
