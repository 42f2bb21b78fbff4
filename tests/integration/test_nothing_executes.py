"""Whatever somebody puts into the run store or MLflow: reading it executes nothing."""

import os
import pickle
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.loads.publication import NOT_YET
from dfu_clustering.publishing.transaction import publish_labels
from dfu_clustering.runs.archive import EarlierRuns
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.steps.build_report import write_report
from dfu_clustering.steps.restore_labels import find_run_to_restore
from dfu_clustering.tracking.store import mlflow_store
from dfu_clustering.warehouse.connect import connect_engine
from tests.publish_records import line

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIG = load_config().tracking
NAME = "2026-10-c0ffee0000-aaaaaaaaaaaa"


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return os.mkdir, (self.trace,)


def test_the_bomb_goes_off_where_it_is_unpickled(tmp_path):
    pickle.loads(pickle.dumps(Bomb(tmp_path / "trace")))
    assert (tmp_path / "trace").exists()


@pytest.fixture
def store(empty_mlflow, tmp_path, monkeypatch):
    """A run of which every file is a pickle that leaves a trace, in the folder of the runs and in MLflow alone."""
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(empty_mlflow, tmp_path / "mlflow")
    folder = tmp_path / "runs" / NAME
    folder.mkdir(parents=True)
    module = f"import os\nos.mkdir({str(tmp_path / 'trace')!r})\n"
    planted = {"MLmodel": "flavors:\n  python_function:\n    loader_module: bomb\n    code: .\n", "bomb.py": module}
    for name, text in planted.items():
        (folder / name).write_text(text)
    for file in (*RunFile, "cluster_pipeline.pkl", "python_model.pkl"):
        (folder / file).write_bytes(pickle.dumps(Bomb(tmp_path / "trace")))
    Ledger(tmp_path / "runs").append(line(NAME, published_at=NOT_YET))
    with mlflow_store(CONFIG, tmp_path / "mlflow") as kept:
        run = kept.client.create_run(kept.experiment_id(), run_name=NAME)
        kept.client.log_artifacts(run.info.run_id, str(folder))
        kept.client.create_registered_model(CONFIG.registered_model)
        version = kept.client.create_model_version(CONFIG.registered_model, str(folder), run.info.run_id)
        kept.client.set_registered_model_alias(CONFIG.registered_model, "champion", version.version)
    return tmp_path


@pytest.mark.parametrize("place", ["folder", "MLflow"])
def test_every_reader_of_a_run_leaves_a_planted_pickle_alone(store, place):
    earlier = EarlierRuns.in_folder(store, CONFIG).named(NAME)
    if place == "MLflow":
        shutil.rmtree(store / "runs" / NAME)
    published, read = PublishedFiles(earlier), []
    readers: list[Callable[[], object]] = [
        lambda: EarlierRuns.in_folder(store, CONFIG).champion(),
        lambda: earlier.publication,
        *(lambda file=file: earlier.require(file) for file in RunFile),
        *(lambda file=file: earlier.table(file) for file in RunFile if file.endswith((".csv", ".parquet"))),
        earlier.features,
        earlier.metadata,
        earlier.training_to_continue,
        earlier.segments,
        earlier.profiles,
        earlier.stability,
        published.fitted,
        published.labels,
        published.own_values,
        published.matrix,
        lambda: published.model,
        lambda: find_run_to_restore(store / "runs", CONFIG, run=NAME, before=None),
        lambda: write_report(earlier, load_config(), store / "report.html"),
    ]
    for reader in readers:
        with suppress(DataError, ValueError, OSError):
            read.append(reader())
    assert len(read) > len(RunFile)  # each file was fetched
    assert not (store / "trace").exists()


@pytest.mark.integration
def test_restore_of_a_planted_run_is_refused_and_executes_nothing(store, postgres_url):
    shutil.rmtree(store / "runs" / NAME)
    earlier, _ = find_run_to_restore(store / "runs", CONFIG, run=NAME, before=None)
    engine = connect_engine(postgres_url)
    with pytest.raises((DataError, ValueError)):
        publish_labels(engine, earlier.table(RunFile.LABELS))
    engine.dispose()
    assert not (store / "trace").exists()
