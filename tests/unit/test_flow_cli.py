"""A flow from a shell takes parameters and runs with nothing that it does not understand."""

import os
import runpy
import subprocess
import sys
from typing import Annotated

import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE, temporary_settings
from pydantic import Field

from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.months import AsOfMonth
from dfu_clustering.overrides.override import Reason
from flows.cli import run_by_hand

DEFAULTS = load_config()

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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dry_run=maybe"], "dry_run = 'maybe': Input should be a valid boolean"),
        (["k_range=[3]"], "k_range.1 must be given"),
        (["month=2026-1"], "month = '2026-1': a month must be written as YYYY-MM, such as 2026-10"),
        (["reason= "], "reason = ' ': it must not be blank"),
        ([], "run must be given"),
        (["run=x", "labeling=5"], "labeling = 5: it has settings of its own, written as '{name: value}'"),
        (["run=x", "noted=steady:0.1"], "noted = 'steady:0.1': it has settings of its own"),
        (["run=x", "labeling={zero_demand_treshold: 0.1}"], "(did you mean labeling.zero_demand_threshold?)"),
    ],
)
def test_values_that_the_flow_does_not_take_are_said_in_words_and_run_nothing(arguments, message, capsys):
    CALLS.clear()
    with pytest.raises(SystemExit) as ended:
        run_by_hand(asking, arguments)
    assert (ended.value.code, CALLS) == (2, [])
    error = capsys.readouterr().err
    assert message in error
    assert "pattern" not in error


@flow
def asking(
    run: str,
    month: AsOfMonth | None = None,
    reason: Reason = "none",
    dry_run: bool = False,
    k_range: tuple[int, int] = (3, 12),
    labeling: LabelingConfig = DEFAULTS.labeling,
    noted: Annotated[LabelingConfig, Field(description="as the flows have their sections")] = DEFAULTS.labeling,
) -> None:
    """Do something to a run."""


@pytest.mark.parametrize("text", ["0123", "000000000002", "2026-10-01", "yes", "null"])
def test_ids_names_and_reasons_stay_texts_whatever_yaml_takes_them_for(text, capsys):
    def check(_, parameters):
        raise DataError("A test must end here", found=repr(parameters["run"]), remedy="nothing")

    with pytest.raises(SystemExit):
        run_by_hand(asking, [f"run={text}"], check=check)
    assert f"Found: {text!r}." in capsys.readouterr().err


def by_hand(name, arguments, monkeypatch):
    """Run ``python -m flows.<name>`` in this process, without a Prefect server to start."""
    monkeypatch.delitem(sys.modules, f"flows.{name}", raising=False)
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    no_server = {PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False, PREFECT_API_URL: None}
    with pytest.raises(SystemExit) as ended, temporary_settings(no_server):
        runpy.run_module(f"flows.{name}", run_name="__main__")
    return ended.value.code


WHO = ("owner=Ada", "reason=known better")
WANTED = ("label=high_volume", "until_month=2027-01", *WHO)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("promote_run", ["run=nothing"], "no run 'nothing'; there is none yet"),
        ("try_settings", ["run=0123"], "no run '0123'; there is none yet"),
        ("try_settings", ["labeling=zero_demand_threshold:0.1"], "it has settings of its own"),
        ("try_settings", ["labeling={steady: 1}"], "(did you mean labeling.cv_thresholds.steady?)"),
        ("try_settings", ["time_window_months=6"], "must not be shorter than min_months_history (12)"),
        ("cluster_dfus", ["steady=1"], "did you mean labeling='{cv_thresholds: {steady: …}}'?"),
        ("cluster_dfus", [], "set DATABASE_URL=postgresql://"),
        ("cluster_dfus", ["require_approval=true"], "set PREFECT_API_URL to http://127.0.0.1:4200/api"),
        ("restore_assignments", ["run=previous"], "`previous` must stand for a run that was published"),
        ("restore_assignments", [], "A restore must name either a run or a time"),
        ("end_override", ["override=0123", *WHO], "none of id '0123'; all have ended"),
        (
            "override_labels",
            ["label=high_volum", "until_month=2027-01", *WHO],
            "(did you mean high_volume?); there are",
        ),
        ("override_labels", [*WANTED], "either by their keys or by a filter"),
        ("override_labels", [*WANTED, "filters={locc: DC10}"], "unknown columns (did you mean loc?)"),
    ],
)
def test_what_files_and_settings_tell_is_said_before_a_server_starts(
    name, arguments, message, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert by_hand(name, arguments, monkeypatch) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_misspelt_setting_of_the_configuration_file_ends_a_flow_with_its_name_alone(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("clustering: {labeling: {volume_thresholds: {hgh: 0.4}}}")
    for name in ("try_settings", "override_labels"):
        given = [] if name == "try_settings" else [*WANTED, "dfu_cks=[a]"]
        ended = subprocess.run(
            [sys.executable, "-m", f"flows.{name}", *given],
            env=os.environ | {"DFU_CLUSTERING_CONFIG": str(file)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 2
        (line,) = ended.stderr.splitlines()
        assert "unknown key labeling.volume_thresholds.hgh (did you mean labeling.volume_thresholds.high?)" in line


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
