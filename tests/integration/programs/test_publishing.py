"""The labels of a file go to the DFU table, or one message says why they do not."""

import shutil
from datetime import UTC, datetime

import pandas as pd
import pytest

from dfu_clustering.overrides.override import Override
from dfu_clustering.overrides.register import Overrides
from dfu_clustering.runs.ledger import Ledger
from tests.integration.programs.running import LABEL, MARKS, TRAIN, UPDATE, execute, labels_of
from tests.publish_records import line

pytestmark = MARKS


def test_labels_that_would_all_change_are_not_published_unless_somebody_says_why(program, warehouse, data, caplog):
    execute(warehouse, "UPDATE dim_dfu SET cluster_assignment = 'low_volume_steady_regular'")
    before = labels_of(warehouse)
    refused = "observed 1, allowed <= 0.5 (critical labels_stay_mostly_the_same)"
    code, out, error = program(UPDATE)
    assert (code, out) == (2, "")
    assert refused in error
    code, out, _ = program(UPDATE, "--dry-run")
    assert (code, "would be updated" in out, refused in caplog.text) == (0, True, True)
    assert labels_of(warehouse) == before
    assert program(UPDATE, "--dry-run", "--skip-validation")[0] == 0
    assert program(UPDATE, "--override-reason", "first labels of our own")[0] == 0
    assert labels_of(warehouse) != before


def test_labels_that_change_without_a_reason_are_not_published(program, warehouse, data, tmp_path):
    assert program(UPDATE)[0] == 0
    published = tmp_path / "published"
    shutil.copytree(tmp_path / "data" / "clustering", published)
    pd.read_csv("data/clustering_features.csv").to_parquet(published / "clustering_features.parquet")
    labels = pd.read_csv(published / "cluster_labels.csv", dtype=str)
    first, second = labels["cluster_label"].value_counts().index[:2]
    swapped = labels["cluster_label"].replace({first: second, second: first})
    labels.assign(cluster_label=swapped).to_csv(published / "cluster_labels.csv", index=False)
    assert program(TRAIN, "--published", published)[0] == 0
    assert program(LABEL, "--published", published)[0] == 0
    refused = "(critical labels_change_for_a_reason)"
    assert refused in program(UPDATE)[2]
    assert program(LABEL)[0] == 0  # labels that are compared with nothing are not judged by what lay there
    assert program(UPDATE)[0] == 0


def test_second_publish_tells_what_it_did_itself_and_keeps_the_labels_of_before_apart(program, warehouse, tmp_path):
    execute(warehouse, "UPDATE dim_dfu SET cluster_assignment = NULL")
    keys = [key for key, *_ in labels_of(warehouse)]

    def publish(label, dfus):
        rows = {"dfu_ck": keys[:dfus], "cluster_id": 0, "cluster_label": label}
        pd.DataFrame(rows).to_csv("labels.csv", index=False)
        code, out, error = program(UPDATE, "--input", "labels.csv", "--skip-validation")
        assert code == 0, error
        return out

    def kept():
        return {path: pd.read_parquet(path) for path in tmp_path.glob("publishes/*/previous_labels.parquet")}

    assert "updated 20, cleared 0" in publish("august", 20)
    assert "updated 0, cleared 0" in publish("august", 20)
    before = kept()
    assert "updated 10, cleared 10" in publish("september", 10)
    (own,) = set(kept()) - set(before)
    frame = pd.read_parquet(own)
    assert (len(frame), set(frame["cluster_assignment"])) == (20, {"august"})
    assert {path: len(frame) for path, frame in before.items()} == {path: len(kept()[path]) for path in before}
    assert sorted(map(len, before.values())) == [0, 20]


def test_program_publishes_an_older_month_only_where_somebody_says_so(program, warehouse, data, tmp_path):
    assert program(UPDATE, "--skip-validation")[0] == 0
    (line,) = Ledger(data / "clustering" / "publishes").publications()
    assert (line.as_of_month, line.labels) == (
        "2026-10",
        pd.read_csv("data/clustering/cluster_labels.csv")["cluster_label"].value_counts().to_dict(),
    )
    before = labels_of(warehouse)
    metadata = data / "clustering" / "cluster_metadata.json"
    metadata.write_text(metadata.read_text().replace('"as_of_month": "2026-10"', '"as_of_month": "2026-09"'))
    labels = pd.read_csv("data/clustering/cluster_labels.csv", dtype=str)
    labels.assign(cluster_label="high_volume_steady").to_csv("data/clustering/cluster_labels.csv", index=False)
    code, out, err = program(UPDATE, "--skip-validation")
    assert code == 2
    assert "would be updated" in out
    assert "Labels of a later month must not be replaced" in err
    assert "give --publish-older-month. Nothing was written" in err
    assert labels_of(warehouse) == before
    assert program(UPDATE, "--skip-validation", "--publish-older-month")[0] == 0
    assert {label for _, label, _ in labels_of(warehouse)} <= {"high_volume_steady", None}
    assert [line.as_of_month for line in Ledger(data / "clustering" / "publishes").publications()] == [
        "2026-10",
        "2026-09",
    ]


def test_program_looks_at_what_the_flow_has_published_too(program, warehouse, data, tmp_path, monkeypatch):
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path / "var"))
    by_flow = line("2026-11-c0ffee-aaaaaaaaaaaa", published_at=datetime(2026, 12, 5, tzinfo=UTC))
    Ledger(tmp_path / "var" / "runs").append(by_flow)
    execute(warehouse, "UPDATE dim_dfu SET cluster_assignment = 'low_volume' WHERE dfu_sk < 9")
    code, _, err = program(UPDATE, "--skip-validation")
    assert code == 2
    assert "published as of 2026-11 by run 2026-11-c0ffee-aaaaaaaaaaaa" in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.rename(columns={"cluster_label": "segment"}), "must hold the columns"),
        (lambda frame: pd.concat([frame, frame.head(2)]), "must hold every dfu_ck once"),
        (lambda frame: frame.assign(dfu_ck=frame["dfu_ck"] + "?"), "must be in dim_dfu"),
    ],
)
def test_update_refuses_a_broken_labels_file_and_writes_nothing(program, warehouse, data, change, message):
    labels = pd.read_csv("data/clustering/cluster_labels.csv", dtype={"dfu_ck": str})
    change(labels).to_csv("broken.csv", index=False)
    before = labels_of(warehouse)
    code, _, error = program(UPDATE, "--input", "broken.csv")
    assert code == 2
    assert message in error
    assert labels_of(warehouse) == before


def test_overrides_of_the_flow_are_on_top_of_the_program_s_labels_too(program, warehouse, tmp_path, monkeypatch):
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path / "var"))
    execute(warehouse, "UPDATE dim_dfu SET cluster_assignment = NULL")
    keys = [key for key, *_ in labels_of(warehouse)]
    override = Override(
        id="0123",
        label="inactive",
        reason="a new customer",
        owner="Ada",
        first_month=None,
        until_month="2099-12",
        entered_at=datetime(2026, 11, 5, tzinfo=UTC),
        dfu_cks=(keys[0], "no longer there"),
    )
    Overrides(tmp_path / "var" / "runs").append(override)
    # the labels say no month, so it is that of what was published last
    Ledger(tmp_path / "var" / "runs").append(line("2026-10-c0ffee-abc", published_at=override.entered_at))
    pd.DataFrame({"dfu_ck": keys[:3], "cluster_id": 0, "cluster_label": "low_volume"}).to_csv("labels.csv", index=False)
    code, out, error = program(UPDATE, "--input", "labels.csv", "--skip-validation")
    assert code == 0, error
    assert "overrides: 1 hold, for 2 DFUs; needed no more for 0" in out
    assert "not found in dim_dfu: 1" in out
    found = {row[0]: row[1] for row in labels_of(warehouse) if row[1]}
    assert found == {keys[0]: "inactive", keys[1]: "low_volume", keys[2]: "low_volume"}
