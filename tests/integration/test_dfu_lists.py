"""The program that lists DFUs: files for spreadsheets with what a run's folder knows."""

import csv

import pandas as pd
import pytest

from dfu_clustering.files.tables import write_table
from dfu_clustering.runs.folder import RunFile
from tests.integration.programs.running import run_program
from tests.report_runs import make_run

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("blank_pictures")]


@pytest.fixture
def program(tmp_path, monkeypatch, capsys):
    """Runs a program in an empty folder; returns its exit code, output and error text."""
    monkeypatch.chdir(tmp_path)

    def run(name, *arguments):
        code = run_program(name, *arguments)
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


@pytest.fixture(scope="module")
def listed_run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("listed"), n_dfus=120)


def listed(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_list_of_a_segment_is_named_by_label_and_month_and_holds_what_the_run_says(program, listed_run, tmp_path):
    labels = listed_run.table(RunFile.LABELS).set_index("dfu_ck")
    label = labels["cluster_label"].value_counts().index[0]
    code, out, _ = program("list_dfus", "--run", listed_run.folder, "--label", label)
    rows = listed(tmp_path / f"{label}_2026-10.csv")
    assert (code, out) == (0, f"{label}_2026-10.csv: {len(rows)} of 120 DFUs\n")
    of_label = labels[labels["cluster_label"] == label]
    assert {row["dfu_ck"]: row["reason"] for row in rows} == of_label["reason"].to_dict()
    known = listed_run.table(RunFile.FORECASTABILITY).set_index("dfu_ck")["naive_wape"]
    assert all(float(row["naive_wape"]) == known[row["dfu_ck"]] for row in rows)


def test_filters_of_a_list_are_those_of_the_api_and_mistakes_are_refused(program, listed_run, tmp_path):
    columns = ("--filter", "dfu_ck=dc0", "--filter", "abc_class==A", "--output", "some.csv")
    code, _, _ = program("list_dfus", "--run", listed_run.folder, *columns)
    rows = listed(tmp_path / "some.csv")
    assert code == 0
    assert rows
    assert all("DC0" in row["dfu_ck"] and row["abc_class"] == "A" for row in rows)
    code, _, err = program("list_dfus", "--run", listed_run.folder, "--filter", "colour=red")
    assert (code, "A filter must name a column of the list" in err) == (2, True)


def test_a_list_of_changes_says_what_changed_each_label(program, listed_run, tmp_path):
    keys = listed_run.table(RunFile.LABELS)["dfu_ck"].tolist()[:2]
    names = ["dfu_ck", "old_label", "new_label", "word", "feature", "threshold", "before", "after"]
    moved = [[keys[0], "low_volume", "x", "low volume", "mean_demand", 4.4, 4.0, 5.0]]
    write_table(pd.DataFrame(moved, columns=names), listed_run.path(RunFile.LABEL_CHANGES))
    previous = pd.DataFrame({"dfu_ck": keys, "cluster_assignment": ["low_volume", None]})
    write_table(previous, listed_run.path(RunFile.PREVIOUS_LABELS))
    assert program("list_dfus", "--run", listed_run.folder, "--changed")[0] == 0
    first, second = sorted(
        listed(tmp_path / "label-changes_2026-10.csv"), key=lambda row: row["label_before"], reverse=True
    )
    why = ("label_before", "change", "value", "before", "after", "threshold")
    assert [first[name] for name in why] == ["low_volume", "no longer low volume", "mean demand", "4.0", "5.0", "4.4"]
    assert [second[name] for name in why] == [""] * 6
    assert (first["dfu_ck"], second["dfu_ck"]) == tuple(keys)
    assert first["label"]
    assert first["reason"]


def test_a_list_says_beside_a_label_set_by_hand_what_the_machine_s_is(program, listed_run, tmp_path, monkeypatch):
    known = listed_run.table(RunFile.LABELS)
    key, machine = known[["dfu_ck", "cluster_label"]].iloc[0]
    facts = {"override": "0123", "owner": "Ada", "reason": "a new customer", "until_month": "2027-03"}
    row = {"dfu_ck": key, "machine_label": machine, "label": "inactive", **facts}
    write_table(pd.DataFrame([row]), listed_run.path(RunFile.OVERRIDES))
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(listed_run.runs.parent))
    (listed_run.runs.parent / "runs").symlink_to(listed_run.runs)
    code, _, error = program("list_dfus", "--run", listed_run.name, "--label", "inactive", "--output", "by-hand.csv")
    assert code == 0, error
    (found,) = listed(tmp_path / "by-hand.csv")
    assert (found["dfu_ck"], found["label"], found["machine_label"]) == (key, "inactive", machine)
