"""The program that lists DFUs: files for spreadsheets with what a run's folder knows."""

import csv
import shutil

import pandas as pd
import pytest

from api.lists import COLUMNS
from dfu_clustering.files.tables import write_table
from dfu_clustering.runs.folder import RunFile
from tests.report_runs import make_run

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("blank_pictures")]


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
    shown = ("dfu_ck", "label", "machine_label", "set_by")
    assert tuple(found[name] for name in shown) == (key, "inactive", machine, "Ada")


def test_a_list_begins_with_item_group_and_location_as_the_api_s_and_is_filtered_and_ordered_by_its_columns(
    program, listed_run, tmp_path
):
    asked = ("--filter", "loc==DC13", "--filter", "dmdgroup=club", "--sort=-mean_demand", "--output", "some.csv")
    code, _, error = program("list_dfus", "--run", listed_run.folder, *asked)
    assert code == 0, error
    rows = listed(tmp_path / "some.csv")
    common = COLUMNS[: COLUMNS.index("as_of_month") + 1]
    assert tuple(rows[0])[: len(common)] == common
    assert {(row["dmdgroup"], row["loc"]) for row in rows} == {("CLUB", "DC13")}
    assert all(row["dmdunit"] == row["dfu_ck"][:6] for row in rows)
    means = [float(row["mean_demand"]) for row in rows]
    assert means == sorted(means, reverse=True)
    assert len(set(means)) > 1
    code, _, error = program("list_dfus", "--run", listed_run.folder, "--sort", "mean_demnd")
    assert (code, "'mean_demnd' (did you mean mean_demand?)" in error) == (2, True)


def test_a_list_of_an_earlier_version_has_no_columns_of_the_key(program, listed_run, tmp_path):
    files = shutil.copytree(listed_run.folder, tmp_path / listed_run.name)
    (files / RunFile.DFUS).unlink()
    assert program("list_dfus", "--run", files, "--output", "some.csv")[0] == 0
    assert tuple(listed(tmp_path / "some.csv")[0])[:4] == ("dfu_ck", "label", "machine_label", "set_by")


def test_a_list_has_the_dfus_to_which_only_a_person_gives_a_label(program, listed_run, tmp_path):
    files = shutil.copytree(listed_run.folder, tmp_path / listed_run.name)
    facts = {"override": "0123", "owner": "Ada", "reason": "a new customer", "until_month": "2027-03"}
    row = {"dfu_ck": "0 not labelled", "machine_label": None, "label": "inactive", **facts}
    write_table(pd.DataFrame([row]), files / RunFile.OVERRIDES)
    assert program("list_dfus", "--run", files, "--output", "some.csv")[0] == 0
    found = [row for row in listed(tmp_path / "some.csv") if row["dfu_ck"] == "0 not labelled"]
    assert [(row["label"], row["machine_label"], row["mean_demand"]) for row in found] == [("inactive", "", "")]
