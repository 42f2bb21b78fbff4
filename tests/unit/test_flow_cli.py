"""A flow from a shell takes parameters and runs with nothing that it does not understand."""

import runpy
import sys

import pytest
from prefect import flow

from flows.cli import run_by_hand

CALLS: list[tuple[str | None, bool, tuple[int, int]]] = []


@flow
def example(as_of_month: str | None = None, dry_run: bool = False, k_range: tuple[int, int] = (3, 12)) -> None:
    """Do something.

    Args:
        dry_run: Write nothing.
    """
    CALLS.append((as_of_month, dry_run, k_range))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--dry-run", "unrecognized arguments: --dry-run"),
        ("dry_run", "'dry_run' must be NAME=VALUE with a parameter of the flow"),
        ("dryrun=true", "did you mean dry_run=…?"),
        ("k_range=[3", "k_range must be written in YAML"),
    ],
)
def test_what_is_not_understood_runs_nothing(argument, message, capsys):
    CALLS.clear()
    with pytest.raises(SystemExit) as ended:
        run_by_hand(example, [argument])
    assert (ended.value.code, CALLS) == (2, [])
    assert message in capsys.readouterr().err


def test_help_lists_the_parameters_and_runs_nothing(capsys):
    CALLS.clear()
    with pytest.raises(SystemExit) as ended:
        run_by_hand(example, ["--help"])
    assert (ended.value.code, CALLS) == (0, [])
    assert "dry_run: Write nothing." in capsys.readouterr().out


@pytest.mark.parametrize("name", ["cluster_dfus", "backfill_history", "restore_assignments", "measure_forecast_value"])
def test_every_flow_refuses_options_it_does_not_know(name, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, f"flows.{name}", raising=False)  # as in a process that has only just begun
    monkeypatch.setattr(sys, "argv", [name, "--no-such-option"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"flows.{name}", run_name="__main__")
    assert ended.value.code == 2
    assert "unrecognized arguments: --no-such-option" in capsys.readouterr().err
