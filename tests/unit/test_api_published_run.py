"""What the service reads of a published run: its members, what its publish changed, and what putting it back did."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from api.members import Members
from api.problem_details import NotFoundError
from api.published_run import PublishedRun
from dfu_clustering.config.loading import load_config
from dfu_clustering.files.tables import write_json, write_table
from dfu_clustering.loads.publication import Publication
from dfu_clustering.publishing.outcome import PublishSummary, Transition
from dfu_clustering.runs.archive import EarlierRun
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.manifest import PUBLISH_LABELS
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import NotedPublish
from dfu_clustering.steps.restore_labels import summarize_restore
from dfu_clustering.tracking.reader import RecordedRuns

RUN = "2026-09-d-aaaaaaaaaaaa"
DONE = datetime(2026, 11, 5, 12, tzinfo=UTC)


def publish_summary(dfus):
    transitions = (Transition(old_label=None, new_label="low", dfus=dfus),)
    return PublishSummary(transitions=transitions, not_found=0, not_found_keys=(), dry_run=False)


def publication(*, restored):
    return Publication(
        as_of_month="2026-09",
        load_id=None,
        fingerprint="f",
        config_digest="d",
        run=RUN,
        labels={"low": 3},
        published_at=DONE,
        restored=restored,
    )


def write_restore(runs, name, *, of, dfus, published_at):
    folder = runs / ".restores" / name
    summarize_restore(
        Run(folder, as_of_month="2026-09"),
        EarlierRun(
            runs / of,
            as_of_month="2026-09",
            fetched=runs / "fetched" / of,
            recorded=RecordedRuns(load_config().tracking, runs),
        ),
        publish_summary(dfus),
        replaced=NotedPublish(newest=None),
        alias="moved",
        published_at=published_at,
    )


def test_changes_are_those_of_the_publish(tmp_path):
    Run(tmp_path / RUN, as_of_month="2026-09").once(PUBLISH_LABELS, lambda: publish_summary(3))
    assert PublishedRun(tmp_path, publication(restored=False)).changes.updated == 3


def test_changes_after_a_restore_are_those_of_putting_the_labels_back(tmp_path):
    Run(tmp_path / RUN, as_of_month="2026-09").once(PUBLISH_LABELS, lambda: publish_summary(3))
    write_restore(tmp_path, "earlier", of=RUN, dfus=4, published_at=DONE - timedelta(days=30))
    restored = PublishedRun(tmp_path, publication(restored=True))
    with pytest.raises(NotFoundError, match="were restored"):
        _ = restored.changes
    write_restore(tmp_path, "this", of=RUN, dfus=5, published_at=DONE)
    write_restore(tmp_path, "later", of=RUN, dfus=6, published_at=DONE + timedelta(microseconds=1))
    write_restore(tmp_path, "another run's", of="2026-08-d-bbbbbbbbbbbb", dfus=7, published_at=DONE)
    assert restored.changes.updated == 5


def test_labels_that_a_publish_or_a_restore_replaced_are_those_kept_with_it(tmp_path):
    run, restored = (PublishedRun(tmp_path, publication(restored=restored)) for restored in (False, True))
    for one, message in ((run, "is not kept"), (restored, "the restore of .* is not known")):
        with pytest.raises(NotFoundError, match=message):
            _ = one.label_changes
    replaced = pd.DataFrame({"dfu_ck": ["a", "b"], "cluster_assignment": ["low_volume", None]})
    write_table(replaced, tmp_path / RUN / "previous_labels.parquet")
    why = {"dfu_ck": ["a"], "old_label": ["low_volume"], "new_label": ["high"], "word": ["low volume"]}
    numbers = {"feature": ["mean_demand"], "threshold": [4.0], "before": [3.0], "after": [5.0]}
    write_table(pd.DataFrame(why | numbers), tmp_path / RUN / "label_changes.parquet")
    first, second = run.label_changes.to_dict("records")
    assert (first["dfu_ck"], first["label_before"], first["change"], first["value"]) == (
        "a",
        "low_volume",
        "no longer low volume",
        "mean demand",
    )
    assert (first["before"], first["after"], first["threshold"]) == (3.0, 5.0, 4.0)
    assert (second["dfu_ck"], pd.isna(second["label_before"]), pd.isna(second["change"])) == ("b", True, True)
    by_hand = {"dfu_ck": ["b"], "machine_label": ["low_volume"], "label": ["inactive"]}
    write_table(pd.DataFrame(by_hand), tmp_path / RUN / "overrides.csv")
    assert [row["change"] for row in run.label_changes.to_dict("records")] == ["no longer low volume", "set by hand"]
    only, other = run.change("b"), run.change("a")
    assert only is not None
    assert other is not None
    assert (only.label_before, only.change, only.before) == (None, "set by hand", None)
    assert (other.change, other.value, other.threshold) == ("no longer low volume", "mean demand", 4.0)
    assert run.change("c") is None
    write_restore(tmp_path, "this", of=RUN, dfus=1, published_at=DONE)
    write_table(replaced.iloc[:1], tmp_path / ".restores" / "this" / "previous_labels.parquet")
    (row,) = restored.label_changes.to_dict("records")
    assert (row["dfu_ck"], row["label_before"], pd.isna(row["change"])) == ("a", "low_volume", True)


def test_label_as_of_a_month_is_null_for_a_dfu_that_had_none(tmp_path):
    run = PublishedRun(tmp_path, publication(restored=False))
    assert run.known_label("a") is None
    known = {"dfu_ck": ["a", "b"], "as_of_month": "2026-09", "label": "low", "distance": 0.5, "margin": [0.25, np.nan]}
    write_table(pd.DataFrame(known), tmp_path / RUN / "dfu_label_history.parquet")
    assert run.known_label("a") == {"label": "low", "distance": 0.5, "margin": 0.25}
    assert run.known_label("b") == {"label": "low", "distance": 0.5, "margin": None}
    assert run.known_label("c") == {"label": None, "distance": None, "margin": None}


def test_members_are_read_once_by_however_many_threads_want_them(tmp_path, monkeypatch):
    write_table(ASSIGNMENTS, tmp_path / RUN / "cluster_assignments.csv")
    run, reads, read = PublishedRun(tmp_path, publication(restored=False)), [], Run.table
    all_want_them = threading.Barrier(4)

    def slowly(self, file, columns=None):
        reads.append(file)
        time.sleep(0.05)  # long enough for the others to come
        return read(self, file, columns)

    monkeypatch.setattr(Run, "table", slowly)

    def want(_):
        all_want_them.wait(30)
        return run.members

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(want, range(4)))) == 1
    assert len(reads) == 1


ASSIGNMENTS = pd.DataFrame(
    {
        "dfu_ck": ["a", "b", "c", "d"],
        "cluster_id": [0, 0, 0, 1],
        "distance": [0.5, 0.1, 0.9, 0.2],
        "mean_demand": [1.0, 2.0, 3.0, 4.0],
        "margin": [0.05, 2.0, 0.3, 1.0],
    }
)


def test_borderline_members_have_the_least_margin():
    members = Members(ASSIGNMENTS)
    typical, borderline = members.typical_and_borderline(0, 1)
    assert [one.dfu_ck for one in typical] == ["b"]
    assert [(one.dfu_ck, one.margin) for one in borderline] == [("a", 0.05)]
    typical, borderline = members.typical_and_borderline(0, 2)
    assert [one.dfu_ck for one in typical] == ["b", "a"]
    assert [one.dfu_ck for one in borderline] == ["c"]


def test_member_is_found_by_its_key_and_others_are_not():
    members = Members(ASSIGNMENTS)
    found = members.get("d")
    assert found is not None
    assert (found.dfu_ck, found.mean_demand) == ("d", 4.0)
    assert members.get("e") is None
    assert members.get("") is None


def test_keys_that_look_like_numbers_stay_texts(tmp_path):
    files = RunFolder(tmp_path)
    write_table(ASSIGNMENTS.assign(dfu_ck=["001", "1", "1.0", "1e3"]), files.path(RunFile.ASSIGNMENTS))
    members = Members(files.table(RunFile.ASSIGNMENTS))
    found = [members.get(key) for key in ("001", "1", "1.0", "1e3")]
    assert [member and member.distance for member in found] == [0.5, 0.1, 0.9, 0.2]


def test_segments_are_read_also_where_another_version_knew_other_thresholds(tmp_path):
    folder = tmp_path / RUN
    segment = {
        "cluster_id": 0, "label": "low_volume", "base": "low_volume", "traits": [], "reason": "low volume", "size": 3,
        "share": 1.0, "volume_share": 1.0, "profile": {"mean_demand": 2.5},
    }  # fmt: skip
    write_json({"labeling": {"of_another_version": 1}, "segments": [segment]}, folder / "cluster_profiles.json")
    run = PublishedRun(tmp_path, publication(restored=False))
    assert [one.label for one in run.segments] == ["low_volume"]


def test_label_of_a_dfu_has_its_number_class_and_reason(tmp_path):
    labels = {"dfu_ck": ["001", "1"], "cluster_id": [63, 9], "cluster_label": ["high_volume_steady", "inactive"]}
    told = {"abc_class": ["A", "C"], "reason": ["steady: CV 0.21 <= 0.3; high volume: 320 >= 254", "inactive: …"]}
    write_table(pd.DataFrame(labels | told), tmp_path / RUN / "cluster_labels.csv")
    run = PublishedRun(tmp_path, publication(restored=False))
    assert run.label("001") == (63, "high_volume_steady", "A", "steady: CV 0.21 <= 0.3; high volume: 320 >= 254")
    assert run.label("1") == (9, "inactive", "C", "inactive: …")
    assert run.label("2") is None


def test_label_that_an_earlier_version_wrote_has_its_number_only(tmp_path):
    labels = {"dfu_ck": ["a"], "cluster_id": [3], "cluster_label": ["low_volume"]}
    write_table(pd.DataFrame(labels), tmp_path / RUN / "cluster_labels.csv")
    assert PublishedRun(tmp_path, publication(restored=False)).label("a") == (3, "low_volume", None, None)
