"""The page as a file: what it holds, what it leaves out where a run lacks it, how large it may become."""

import json
import re
import runpy
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import read_json, read_table, write_json, write_table
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.manifest import LABEL_SEGMENTS
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.build_report import write_report
from tests.publish_records import line
from tests.report_runs import CONFIG, HOSTILE_KEYS, N_MONTHS, make_run, stability_of

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("blank_pictures")]

LARGEST_MB = 5
PROGRAM = Path(__file__).parents[2] / "scripts" / "build_report.py"
MILLION = 1_000_000


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Run:
    return make_run(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def run(finished, tmp_path) -> Run:
    """A copy of the run that a test may change."""
    folder = tmp_path / finished.folder.name
    shutil.copytree(finished.folder, folder)
    return Run(folder, as_of_month=finished.as_of_month)


def page_of(run):
    write_report(run, CONFIG, run.path(RunFile.REPORT))
    return run.path(RunFile.REPORT).read_text(encoding="utf-8")


def test_same_run_gives_the_same_page_byte_for_byte(run):
    assert page_of(run) == page_of(run)


def test_dfus_show_the_labels_that_they_had_in_earlier_published_months(run):
    keys = run.table(RunFile.LABELS)["dfu_ck"].tolist()
    for month, labels in (("2026-08", ["a", "b"]), ("2026-09", ["a", "a"])):
        name = f"{month}-0123456789-aaaaaaaaaaaa"
        Ledger(run.runs).append(line(name, published_at=datetime(2026, 11, 1, tzinfo=UTC)))
        known = {"dfu_ck": keys[:2], "as_of_month": month, "label": labels, "distance": 0.1, "margin": 0.1}
        write_table(pd.DataFrame(known), run.runs / name / RunFile.LABEL_HISTORY)
    (content,) = re.findall(r'id="report-data">(.*?)</script>', page_of(run), re.DOTALL)
    data = json.loads(content)
    assert (data["earlier_months"], data["earlier_labels"]) == (["2026-08", "2026-09"], ["a", "b"])
    earlier = {dfu["key"]: dfu["earlier"] for dfu in data["sample"]}
    assert [earlier[key] for key in keys[:3]] == [[0, 0], [1, 0], [None, None]]


def test_no_key_becomes_markup(run):
    page = page_of(run)
    assert page.count("<script") == page.count("</script>") == 4  # the data, two libraries, the page's own
    for key in HOSTILE_KEYS[:3]:
        assert key not in page
    assert "<b>2026-10</b>" not in page
    assert "&lt;b&gt;2026-10&lt;/b&gt;" in page
    assert "\u2028" not in page


def test_changes_findings_and_exclusions_are_those_of_the_run(run):
    page = page_of(run)
    published = read_json(run.path(RunFile.MANIFEST))["steps"]["update_assignments"]["summary"]
    kept = sum(t["dfus"] for t in published["transitions"] if t["old_label"] == t["new_label"] and t["new_label"])
    assert f"<strong>{kept:,}</strong> DFUs keep their label, <strong>16</strong> get another one" in page
    assert "5 get their first, 3 lose theirs" in page
    assert "Too few rows in the newest month" in page
    assert "DFUs that are not clustered, and their label" in page
    assert "DFUs without a label" not in page
    assert re.search(r"never_sold <small>[^<]*: no label</small></th><td class=\"number\">4</td>", page)


def test_comparison_with_the_published_run_is_shown_where_there_is_one(run):
    labels = run.result(LABEL_SEGMENTS).segments
    moved = {
        "dfu_ck": ["000010_CLUB_DC10", HOSTILE_KEYS[0]],
        "old_label": [labels[0].label] * 2,
        "new_label": [labels[1].label] * 2,
        "word": ["rising"] * 2,
        "feature": ["log_growth"] * 2,
        "before": [0.01, 0.0],
        "after": [0.5, np.nan],
    }
    write_table(pd.DataFrame(moved), run.path(RunFile.LABEL_CHANGES))
    told = stability_of(churn_share=0.042, ari=0.93, refit=False, refit_reason="fits <well>")
    write_summary(told, run.path(RunFile.STABILITY))
    page = page_of(run)
    assert "4.2%" in page
    assert "kept as published <small>fits &lt;well&gt;</small>" in page
    assert "<td>now rising</td><td>momentum</td>" in page
    assert "The DFUs that changed their label, and why" in page
    assert "000010_CLUB_DC10</th>" in page
    assert HOSTILE_KEYS[0] not in page


def test_labels_set_by_hand_are_shown_apart_with_who_why_and_the_machine_s_label(run):
    known = run.table(RunFile.LABELS)
    (agreed, label), other = known[["dfu_ck", "cluster_label"]].iloc[0], known["dfu_ck"].iloc[-1]
    facts = {"override": "0123456789ab", "owner": "Ada", "reason": "<b>a new customer</b>", "until_month": "2027-03"}
    rows = [
        {"dfu_ck": key, "machine_label": label, "label": new, **facts}
        for key, new in ((agreed, label), (other, "inactive"))
    ]
    assert 'id="overrides"' not in page_of(run)
    write_table(pd.DataFrame(rows), run.path(RunFile.OVERRIDES))
    page = page_of(run)
    assert "<strong>2</strong> DFUs have a label that a person has set, by 1 override" in page
    assert "For <strong>1</strong> of them the machine now gives the same label" in page
    assert (
        f"<td>inactive</td><td>{label}</td><td>Ada</td><td>&lt;b&gt;a new customer&lt;/b&gt;</td><td>2027-03</td>"
        in page
    )
    assert f"<td>{label}</td><td>the same</td>" in page


def test_borderline_dfus_are_those_with_the_smallest_margin(run):
    assignments = run.path(RunFile.ASSIGNMENTS)
    members = read_table(assignments, text_columns=frozenset({"dfu_ck"}))
    write_table(members.assign(margin=np.arange(len(members), dtype=float)), assignments)
    assert "Borderline: almost as near to another segment" in page_of(run)


@pytest.mark.parametrize("absent", ["clustering_features.parquet.panel.parquet", "cluster_map.csv", "data_quality"])
def test_page_does_without_what_a_run_lacks(run, absent):
    path = run.folder / absent
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    page = page_of(run)
    assert "At a glance" in page
    assert ('id="map"' in page) == (absent != "cluster_map.csv")
    assert ('id="members"' in page) == ("panel" not in absent)


def test_page_calls_the_dfu_table_as_the_named_configuration_does(run, tmp_path, monkeypatch):
    names = tmp_path / "names.yaml"
    names.write_text("clustering: {warehouse: {tables: {dfu: dim_sku}}}")
    monkeypatch.setattr(sys, "argv", ["build_report", "--run", str(run.folder), "--config", str(names)])
    runpy.run_path(str(PROGRAM), run_name="__main__")
    page = run.path(RunFile.REPORT).read_text(encoding="utf-8")
    assert "Published to dim_sku" in page
    assert "have sales, but are not in dim_sku: no label" in page


@pytest.mark.parametrize("other", [{"as_of_month": "2026-11"}, {"keys_digest": "0" * 16}, None])
def test_demand_of_another_matrix_than_the_trained_one_is_not_shown(run, other):
    metadata = run.path(RunFile.FEATURES)
    assert 'id="members"' in page_of(run)
    write_json(read_json(metadata) | other, metadata) if other else metadata.unlink()
    page = page_of(run)
    assert 'id="members"' not in page
    assert "At a glance" in page


def test_programs_without_a_run_get_a_page_that_says_what_it_does_not_know(run):
    shutil.rmtree(run.folder / "data_quality")  # programs leave no reports
    files = RunFolder(run.folder)
    write_report(files, CONFIG, files.path(RunFile.REPORT))
    page = run.path(RunFile.REPORT).read_text(encoding="utf-8")
    assert "Not published by this run" in page
    assert "This run has no reports of the data-quality gates" in page
    assert 'id="changes"' not in page


def test_missing_model_is_said_and_leaves_the_earlier_page(run):
    page_of(run)
    run.path(RunFile.METADATA).unlink()
    before = run.path(RunFile.REPORT).read_bytes()
    with pytest.raises(DataError, match=r"cluster_metadata\.json"):
        page_of(run)
    assert run.path(RunFile.REPORT).read_bytes() == before
    assert [path.name for path in run.folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
def test_page_of_a_million_dfus_stays_small(run):
    enlarge(run, MILLION)
    summary = write_report(run, CONFIG, run.path(RunFile.REPORT))
    assert summary.size_mb < LARGEST_MB
    assert summary.dfus_shown < 5000
    assert f"{MILLION:,}" in run.path(RunFile.REPORT).read_text(encoding="utf-8")


def enlarge(run, n_dfus):
    """Give a run so many DFUs: its own, again and again, under new keys."""
    members = read_table(run.path(RunFile.ASSIGNMENTS), text_columns=frozenset({"dfu_ck"}))
    rows = np.arange(n_dfus) % len(members)
    keys = pd.Series([f"ITEM{i:07d}_CUSTOMER GROUP_LOCATION{i % 97:02d}" for i in range(n_dfus)], dtype="str")
    for file in (RunFile.ASSIGNMENTS, RunFile.LABELS):
        table = read_table(run.path(file), text_columns=frozenset({"dfu_ck"}))
        write_table(table.iloc[rows].reset_index(drop=True).assign(dfu_ck=keys), run.path(file))
    panel = parquet.read_table(run.path(RunFile.PANEL)).to_pandas().drop(columns="dfu_ck").to_numpy()
    noise = np.random.default_rng(0).lognormal(0, 0.05, n_dfus)
    columns = {"dfu_ck": pa.array(keys)}
    months = np.datetime64("2026-10", "M") - np.arange(N_MONTHS - 1, -1, -1)
    columns |= {str(month): panel[rows, i] * noise for i, month in enumerate(months)}
    parquet.write_table(pa.table(columns), run.path(RunFile.PANEL), row_group_size=65_536)
    on_map = np.linspace(0, n_dfus - 1, 4000).astype(int)
    points = (
        read_table(run.path(RunFile.MAP), text_columns=frozenset({"dfu_ck"})).iloc[rows[on_map]].reset_index(drop=True)
    )
    write_table(points.assign(dfu_ck=keys.iloc[on_map].to_numpy()), run.path(RunFile.MAP))
    metadata = read_json(run.path(RunFile.METADATA))
    origin = {**metadata["features"], "n_dfus": n_dfus + 8, "clustered": n_dfus}
    write_json({**metadata, "n_dfus": n_dfus, "features": origin}, run.path(RunFile.METADATA))
