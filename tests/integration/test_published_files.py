"""What a run takes from the published one: its files wherever they are, read once, tried before they are relied on."""

import json
import pickle
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import read_json, read_table, sha256, write_json, write_table
from dfu_clustering.loads.publication import Publication
from dfu_clustering.outputs.segment_looks import read_looks
from dfu_clustering.preprocessing.shape import SHAPE_SOURCES
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.steps.find_published import find_published
from dfu_clustering.steps.train_model import train_model
from dfu_clustering.tracking.store import TrackingUnavailableError
from tests.report_runs import CONFIG, make_run

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("blank_pictures")]


@pytest.fixture(scope="module")
def published_run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("published") / "runs")


@pytest.fixture
def run(published_run, tmp_path):
    """A copy of the run, which the ledger says is published."""
    runs = tmp_path / "runs"
    shutil.copytree(published_run.folder, runs / published_run.folder.name)
    Ledger(runs).append(
        Publication(
            as_of_month=published_run.as_of_month,
            load_id=None,
            fingerprint="f",
            config_digest=CONFIG.digest(),
            run=published_run.folder.name,
            labels={},
            published_at=datetime(2026, 11, 5, tzinfo=UTC),
            model_sha256=sha256(published_run.path(RunFile.MODEL)),
        )
    )
    following = type(published_run).open(
        runs, as_of_month="2026-11", config_digest=CONFIG.digest(), run_id="ba9876543210"
    )
    following.folder.mkdir()
    for file in published_run.folder.glob("clustering_features*"):
        shutil.copy(file, following.folder)
    return following


def published_folder(run):
    return published_files(run).folder


def published_files(run):
    folder = next(folder for folder in run.folder.parent.iterdir() if folder.name.startswith("2026-10"))
    return RunFolder(folder)


def find(run, **how):
    return find_published(run, CONFIG.tracking, Ledger(run.runs).publications(), **how)


def test_run_whose_files_are_whole_is_continued(run):
    assert find(run).run == published_folder(run).name


def test_outage_of_mlflow_is_no_reason_for_new_labels(run, monkeypatch):
    shutil.rmtree(published_folder(run))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(TrackingUnavailableError):
        find(run)


def test_run_that_is_in_neither_place_stops_the_next_unless_a_reason_is_given(run, monkeypatch):
    name = published_folder(run).name
    shutil.rmtree(published_folder(run))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(DataError, match=f"cluster_model.json neither in .*{name}"):
        find(run)
    choice = find(run, override_reason="the disk is lost")
    assert choice.run is None
    assert choice.problem is not None
    assert f"labels are made from scratch and do not continue those of {name}" in choice.problem
    assert "Reason given: the disk is lost" in choice.problem


class Unwanted:
    """A pickle that does something when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def replace_model(run, content):
    """Put something else in the place of the published model, and let the ledger name that: a hash grants no trust."""
    path = published_files(run).path(RunFile.MODEL)
    path.write_bytes(content)
    ledger = Ledger(run.folder.parent)
    newest = ledger.publications()[-1]
    ledger.append(newest.model_copy(update={"model_sha256": sha256(path)}))


def stored_model(run):
    return read_json(published_files(run).path(RunFile.MODEL))


def require_refused(run, match):
    with pytest.raises(DataError, match=match) as refusal:
        find(run)
    assert "override_reason" in refusal.value.remedy
    assert "make labels from scratch" in refusal.value.remedy


def test_model_that_is_not_the_published_one_is_refused(run):
    path = published_files(run).path(RunFile.MODEL)
    path.write_bytes(path.read_bytes().replace(b'"n_dfus"', b'"n_dfus" '))
    require_refused(run, "must be the one that the ledger names")


def test_pickle_in_the_place_of_a_model_is_refused_and_never_loaded(run, tmp_path):
    replace_model(run, pickle.dumps(Unwanted(tmp_path / "loaded")))
    require_refused(run, "text that is not JSON")
    assert not (tmp_path / "loaded").exists()


def test_run_of_a_version_that_pickled_its_model_is_refused_and_the_pickle_never_loaded(run, tmp_path):
    folder = published_folder(run)
    RunFolder(folder).path(RunFile.MODEL).unlink()
    (folder / "cluster_pipeline.pkl").write_bytes(pickle.dumps(Unwanted(tmp_path / "loaded")))
    require_refused(run, r"cluster_pipeline.pkl, a pickle of an earlier version, which is never loaded")
    assert not (tmp_path / "loaded").exists()
    assert find(run, override_reason="new version").run is None


def test_model_of_another_schema_version_is_refused_with_both_versions(run):
    replace_model(run, json.dumps(stored_model(run) | {"schema_version": 3}).encode())
    require_refused(run, "schema_version 3, while this version reads 2")


def test_dry_run_on_labels_of_the_former_scheme_goes_on_and_tells_the_publishing_run_what_it_needs(run):
    replace_model(run, json.dumps(stored_model(run) | {"schema_version": 1}).encode())
    require_refused(run, "schema_version 1, whose labels are words of whole clusters")
    choice = find(run, dry_run=True)
    assert choice.run is None
    assert choice.problem is not None
    assert "This is a dry run; a publish needs an override_reason" in choice.problem


def test_model_whose_parts_do_not_fit_together_is_refused_before_it_is_applied(run):
    model = stored_model(run)
    model["preprocessing"]["space"]["time_series"]["block"]["parts"]["levels"]["scaling"]["center"].pop()
    replace_model(run, json.dumps(model).encode())
    require_refused(run, "values that do not fit together")


def test_settings_of_another_version_in_the_metadata_keep_no_run_from_being_continued(run):
    path = RunFolder(published_folder(run)).path(RunFile.METADATA)
    metadata = read_json(path)
    del metadata["config"]["refit"], metadata["config"]["data_quality"]["coverage_drop"]
    write_json(metadata | {"config": metadata["config"] | {"of_another_version": 1}}, path)
    assert find(run).run == published_folder(run).name


def test_month_whose_earlier_publish_cannot_be_read_continues_its_own(run):
    earlier = published_folder(run)
    ledger = Ledger(run.runs)
    (line,) = ledger.publications()
    own = earlier.with_name("2026-11-0123456789-cba987654321")
    shutil.copytree(earlier, own)
    ledger.append(line.model_copy(update={"as_of_month": "2026-11", "run": own.name}))
    RunFolder(earlier).path(RunFile.MODEL).unlink()
    assert find(run).run == own.name


@pytest.mark.parametrize(
    "damage",
    [
        lambda table: table.iloc[:0],
        lambda table: pd.concat([table, table.iloc[[3]]]),
        lambda table: table.assign(cluster_label=table["cluster_label"].where(table.index != 3)),
    ],
    ids=["no row", "a DFU again", "a DFU without a label"],
)
def test_damaged_labels_are_refused(run, damage):
    path = RunFolder(published_folder(run)).path(RunFile.LABELS)
    write_table(damage(read_table(path)), path)
    require_refused(run, "hold each DFU once")


def test_labels_of_words_that_this_version_does_not_know_hold_nobody(run, tmp_path):
    path = RunFolder(published_folder(run)).path(RunFile.LABELS)
    write_table(read_table(path).assign(cluster_label="gone_label"), path)
    told = train_model(trained_beside(run, tmp_path), CONFIG, PublishedFiles(RunFolder(published_folder(run))))
    assert told.figures.true_share > 0.9


def test_run_of_another_assortment_has_nothing_to_continue_and_that_is_reported(run):
    path = published_files(run).path(RunFile.LABELS)
    table = read_table(path)
    write_table(table.assign(dfu_ck="other_" + table["dfu_ck"]), path)
    choice = find(run)
    assert choice.run is None
    assert choice.problem is not None
    assert f"this run has only 0% of its {len(table)} DFUs" in choice.problem


@dataclass(frozen=True)
class CountedFolder(RunFolder):
    """A run's folder that knows which of its files were asked for."""

    asked: list[RunFile] = field(default_factory=list)

    def require(self, file):
        self.asked.append(file)
        return super().require(file)


def trained_beside(run, folder):
    """Return where a training on the features of a run leaves its files, apart from the run."""
    return RunFolder(folder).placing(RunFile.MATRIX, run.path(RunFile.MATRIX))


def test_published_clusters_are_read_once_and_of_the_matrix_only_what_is_compared(run, tmp_path, monkeypatch):
    read: list[pd.DataFrame] = []
    folder, whole = CountedFolder(published_folder(run)), PublishedFiles.matrix

    def noted(self, columns=None):
        frame = whole(self, columns)
        assert frame is not None
        read.append(frame)
        return frame

    monkeypatch.setattr(PublishedFiles, "matrix", noted)
    train_model(trained_beside(run, tmp_path), CONFIG, PublishedFiles(folder))
    assert [folder.asked.count(file) for file in (RunFile.LABELS, RunFile.MODEL)] == [1, 1]
    assert [list(frame) for frame in read] == [["dfu_ck", *SHAPE_SOURCES]]
    moves = read_table(tmp_path / "dfu_moves.parquet")
    assert len(moves) == len(read[0])
    assert moves["move"].max() == 0.0


def test_segments_that_go_on_keep_their_look(run, tmp_path):
    published = published_files(run)
    centroids = published.table(RunFile.CENTROIDS)
    looks = {number: 7 * at for at, number in enumerate(centroids["cluster_id"])}  # other than a first run gives them
    assert read_looks(published) != looks
    write_table(centroids.assign(look=list(looks.values())), published.path(RunFile.CENTROIDS))
    train_model(trained_beside(run, tmp_path), CONFIG, PublishedFiles(published))
    assert read_looks(RunFolder(tmp_path)) == looks


def test_setting_that_never_held_back_is_not_written_as_that_of_the_space(published_run, tmp_path):
    never = load_config(k_range=(3, 5), gap_references=2, n_init=5, feature_set="all", refit="never")
    files = PublishedFiles.in_folder(published_run.folder)
    train_model(trained_beside(published_run, tmp_path), never, files)
    metadata = read_json(tmp_path / "cluster_metadata.json")
    assert (metadata["config"]["feature_set"], metadata["space_settings"]["feature_set"]) == ("all", "shape")
    (tmp_path / "cluster_labels.csv").write_bytes((published_run.folder / "cluster_labels.csv").read_bytes())
    again = tmp_path / "again"
    allowed = never.model_copy(update={"refit": "auto"})
    told = train_model(trained_beside(published_run, again), allowed, PublishedFiles.in_folder(tmp_path))
    assert told.continuity is not None
    assert told.continuity.reason == "settings changed: feature_set"
