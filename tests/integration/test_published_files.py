"""What a run takes from the published one: its files wherever they are, read once, tried before they are relied on."""

import pickle
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from report_runs import CONFIG, make_run

from dfu_clustering.config import load_config
from dfu_clustering.ledger import Ledger
from dfu_clustering.loads import Publication
from dfu_clustering.mlflow_store import TrackingUnavailableError
from dfu_clustering.preprocessing import SHAPE_SOURCES
from dfu_clustering.steps import ModelFiles, PublishedFiles, find_published, train_model
from dfu_clustering.tables import read_json, read_table, sha256

pytestmark = pytest.mark.integration


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
            pipeline_sha256=sha256(ModelFiles.in_folder(published_run.folder).pipeline),
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
    return next(folder for folder in run.folder.parent.iterdir() if folder.name.startswith("2026-10"))


def test_run_whose_files_are_whole_is_continued(run):
    assert find_published(CONFIG, run).run == published_folder(run).name


def test_outage_of_mlflow_is_no_reason_for_new_labels(run, monkeypatch):
    shutil.rmtree(published_folder(run))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(TrackingUnavailableError):
        find_published(CONFIG, run)


def test_run_that_is_in_neither_place_is_reported_and_labels_are_made_anew(run, monkeypatch):
    name = published_folder(run).name
    shutil.rmtree(published_folder(run))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    choice = find_published(CONFIG, run)
    assert choice.run is None
    assert f"labels are made anew and not matched to those of {name}" in choice.problem


class Unwanted:
    """A pickle that does something when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pipeline_that_is_not_the_published_one_is_never_loaded(run, tmp_path):
    path = ModelFiles.in_folder(published_folder(run)).pipeline
    path.write_bytes(pickle.dumps(Unwanted(tmp_path / "loaded")))
    choice = find_published(CONFIG, run)
    assert choice.run is None
    assert "must be the one that the ledger names" in choice.problem
    assert not (tmp_path / "loaded").exists()


def break_pipeline(folder):
    """Leave a pipeline as an upgrade of scikit-learn may: it can be read, and lacks what it needs when applied."""
    path = ModelFiles.in_folder(folder).pipeline
    pipeline = pickle.loads(path.read_bytes())
    del pipeline.named_steps["space"].transformers_
    path.write_bytes(pickle.dumps(pipeline))
    ledger = Ledger(folder.parent)
    (line,) = ledger.publications()
    ledger.append(line.model_copy(update={"pipeline_sha256": sha256(path)}))


def test_pipeline_that_fails_only_when_applied_is_reported_and_labels_are_made_anew(run):
    break_pipeline(published_folder(run))
    choice = find_published(CONFIG, run)
    assert choice.run is None
    assert "must take the features of this one" in choice.problem


def test_pipeline_that_would_not_be_applied_need_not_be_able_to(run):
    break_pipeline(published_folder(run))
    other = load_config(k_range=(3, 5), gap_references=2, n_init=5, feature_set="all")
    assert find_published(other, run).run == published_folder(run).name


def test_published_clusters_are_read_once_and_of_the_matrix_only_what_is_compared(run, tmp_path, monkeypatch):
    asked, read = [], []
    folder = PublishedFiles.in_folder(published_folder(run))
    files = PublishedFiles(folder.run, lambda name: asked.append(name) or folder.file(name))
    whole = PublishedFiles.matrix
    monkeypatch.setattr(
        PublishedFiles, "matrix", lambda self, columns=None: read.append(whole(self, columns)) or read[-1]
    )
    train_model(CONFIG, features=run.features, output_dir=tmp_path, published=files)
    assert sorted(asked.count(name) for name in ("cluster_assignments.csv", "cluster_pipeline.pkl")) == [1, 1]
    assert [list(frame) for frame in read] == [["dfu_ck", *SHAPE_SOURCES]]
    moves = read_table(tmp_path / "dfu_moves.parquet")
    assert len(moves) == len(read[0])
    assert moves["move"].max() == 0.0


def test_setting_that_never_held_back_is_not_written_as_that_of_the_space(published_run, tmp_path):
    never = load_config(k_range=(3, 5), gap_references=2, n_init=5, feature_set="all", refit="never")
    files = PublishedFiles.in_folder(published_run.folder)
    train_model(never, features=published_run.features, output_dir=tmp_path, published=files)
    metadata = read_json(tmp_path / "cluster_metadata.json")
    assert (metadata["config"]["feature_set"], metadata["space_settings"]["feature_set"]) == ("all", "shape")
    (tmp_path / "cluster_labels.csv").write_bytes((published_run.folder / "cluster_labels.csv").read_bytes())
    again = tmp_path / "again"
    allowed = never.model_copy(update={"refit": "auto"})
    told = train_model(
        allowed, features=published_run.features, output_dir=again, published=PublishedFiles.in_folder(tmp_path)
    )
    assert told.continuity.reason == "settings changed: feature_set"
