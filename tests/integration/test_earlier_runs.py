"""Files of an earlier run: from its folder, and from a real MLflow store once the folder is gone."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.loads.publication import Publication
from dfu_clustering.runs.archive import EarlierRuns
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.tracking.store import TrackingUnavailableError, mlflow_store
from dfu_clustering.tracking.writer import record_restore

pytestmark = pytest.mark.integration

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
AUGUST, SEPTEMBER = "2026-08-c0ffee0000-aaaaaaaaaaaa", "2026-09-c0ffee0000-bbbbbbbbbbbb"
CONFIG = load_config().tracking


@pytest.fixture(scope="module")
def site(empty_mlflow, tmp_path_factory):
    """A var folder with two published runs, both also in its MLflow store; August is the champion there."""
    var = tmp_path_factory.mktemp("site") / "var"
    shutil.copytree(empty_mlflow, var / "mlflow")
    for hours, name in enumerate([AUGUST, SEPTEMBER]):
        folder = var / "runs" / name
        (folder / "data_quality").mkdir(parents=True)
        (folder / "cluster_labels.csv").write_text(name)
        (folder / "data_quality" / "dim_dfu.json").write_text("{}")
        publish(var, name, hours)
        with mlflow_store(CONFIG, var / "mlflow") as store:
            run = store.client.create_run(store.experiment_id(), run_name=name)
            store.client.log_artifacts(run.info.run_id, str(folder))
            if not hours:
                store.client.create_registered_model(CONFIG.registered_model)
            store.client.create_model_version(CONFIG.registered_model, str(folder), run.info.run_id)
    assert record_restore("restore-1", AUGUST, config=CONFIG, default_folder=var / "mlflow")
    return var


def publish(var, name, hours):
    Ledger(var / "runs").append(
        Publication(
            as_of_month=name[:7],
            load_id=None,
            fingerprint="f",
            config_digest="c0ffee0000",
            run=name,
            labels={},
            published_at=NOON + timedelta(hours=hours),
        )
    )


@pytest.fixture
def copied(site, tmp_path):
    """A copy of the runs' folder, for a test that takes something away; MLflow is the same."""
    shutil.copytree(site / "runs", tmp_path / "runs")
    return EarlierRuns(tmp_path / "runs", EarlierRuns.in_folder(site, CONFIG).recorded)


def test_champion_is_the_newest_publish_of_the_ledger(site):
    champion = EarlierRuns.in_folder(site, CONFIG).champion()
    assert champion is not None
    assert (champion.name, champion.as_of_month) == (SEPTEMBER, "2026-09")
    assert champion.require(RunFile.LABELS) == site / "runs" / SEPTEMBER / "cluster_labels.csv"


def test_publish_of_a_time_and_publish_of_a_run(site):
    runs = EarlierRuns.in_folder(site, CONFIG)
    assert runs.publication_before(NOON + timedelta(minutes=30)).run == AUGUST
    assert runs.publication(AUGUST).run == AUGUST


def test_files_come_from_mlflow_once_the_folder_is_gone(copied):
    shutil.rmtree(copied.runs / AUGUST)
    run = copied.named(AUGUST)
    assert run.require(RunFile.LABELS).read_text() == AUGUST
    assert run.require("data_quality/dim_dfu.json").read_text() == "{}"
    assert not (copied.runs / AUGUST).exists()
    assert sorted(path.name for path in run.fetched.iterdir()) == ["cluster_labels.csv", "data_quality"]


def test_file_that_is_nowhere_says_where_it_was_looked_for(copied):
    run = copied.named(SEPTEMBER)
    with pytest.raises(DataError, match=r"stability\.json neither in .* nor in an MLflow run named 2026-09"):
        run.require(RunFile.STABILITY)
    assert run.find(RunFile.STABILITY) is None


def test_lost_ledger_leaves_the_champion_that_mlflow_knows(copied):
    Ledger(copied.runs).path.unlink()
    assert copied.champion().name == AUGUST


def test_run_in_mlflow_that_published_nothing_is_none_to_find(copied):
    Ledger(copied.runs).path.unlink()
    with pytest.raises(DataError, match=f"no publish of '{AUGUST}'"):
        copied.publication(AUGUST)


def test_nothing_published_yet_is_no_champion(tmp_path, monkeypatch):
    runs = EarlierRuns.in_folder(tmp_path, CONFIG)
    assert runs.champion() is None
    assert list(tmp_path.glob("mlflow/*.db")) == []  # it is not worth making a store


def test_folder_that_cannot_be_written_is_not_called_an_outage_of_mlflow(copied):
    shutil.rmtree(copied.runs / AUGUST)
    run = copied.named(AUGUST)
    run.fetched.parent.write_text("a file where a folder is wanted")
    with pytest.raises(NotADirectoryError):
        run.require(RunFile.LABELS)


def test_mlflow_that_is_down_only_matters_where_the_folder_is_gone(copied, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:hunter2@127.0.0.1:9")
    assert copied.champion().require(RunFile.LABELS).read_text() == SEPTEMBER
    shutil.rmtree(copied.runs / SEPTEMBER)
    with pytest.raises(TrackingUnavailableError) as caught:
        copied.champion().require(RunFile.LABELS)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(TrackingUnavailableError):  # an outage is no absence
        copied.champion().find(RunFile.LABELS)


def test_lost_ledger_and_mlflow_that_is_down_is_an_outage_and_no_wrong_name(copied, monkeypatch):
    Ledger(copied.runs).path.unlink()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:hunter2@127.0.0.1:9")
    with pytest.raises(
        TrackingUnavailableError, match=f"no publish of '{AUGUST}', and MLflow does not answer"
    ) as caught:
        copied.publication(AUGUST)
    assert "hunter2" not in str(caught.value)


def test_manifest_that_mlflow_does_not_give_is_an_outage_and_no_run_without_publish(copied, monkeypatch):
    run = copied.named(AUGUST)
    assert run.publication is None  # neither folder nor MLflow has a manifest
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(TrackingUnavailableError):
        _ = run.publication
