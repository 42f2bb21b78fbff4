"""A run that comes late publishes nothing over newer labels: it is asked under the publish lock, on the real table."""

import shutil
from datetime import UTC, datetime

import pytest
from databases import copied_database

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import create_database, drop_database
from dfu_clustering.loads.sales_loads import read_sales_state
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.manifest import PUBLISH_LABELS
from dfu_clustering.runs.overtaken import OvertakenError, note_published
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.build_features import build_features
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.publish_labels import publish_run
from dfu_clustering.steps.record_publication import record_publication
from dfu_clustering.steps.train_model import train_model
from dfu_clustering.warehouse.connect import connect_engine

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("blank_pictures")]

CONFIG = load_config(k_range=(3, 4), gap_references=2, n_init=5)
NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def labelled_months(postgres_server, tmp_path_factory):
    """Folders of runs up to their labels, by month; the database that they read is the template 'overtaken'."""
    create_database(postgres_server.url(), "overtaken")
    load_panel(postgres_server.url("overtaken"), generate_panel(300, 30, 5))
    engine, folders = connect_engine(postgres_server.url("overtaken")), {}
    for month in ("2026-09", "2026-10"):
        run = Run(tmp_path_factory.mktemp(month), as_of_month=month)
        build_features(run, CONFIG, engine, as_of_month=month)
        train_model(run, CONFIG)
        label_segments(run, CONFIG)
        folders[month] = run.folder
    engine.dispose()
    yield folders
    drop_database(postgres_server.url(), "overtaken")


@pytest.fixture
def engine(labelled_months, postgres_server, empty_mlflow, tmp_path, monkeypatch):
    shutil.copytree(empty_mlflow, tmp_path / "mlflow")
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with copied_database(postgres_server, "overtaken") as url:
        engine = connect_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def labelled(labelled_months, tmp_path):
    """Makes a run up to its labels, as it stands when it is stopped before its publish."""

    def make(month, run_id):
        run = Run.open(tmp_path / "runs", as_of_month=month, config_digest=CONFIG.digest(), run_id=run_id)
        shutil.copytree(labelled_months[month], run.folder)
        note_published(run)
        return run

    return make


def publish(engine, run):
    summary = publish_run(run, engine, CONFIG.tracking, dry_run=False)
    record_publication(run, read_sales_state(engine, run.as_of_month), load_id=None, published_at=NOON)
    return summary


def rows(engine):
    query = "SELECT dfu_ck, cluster_assignment, modified_ts FROM dim_dfu ORDER BY dfu_ck"
    with engine.connect() as connection:
        return connection.exec_driver_sql(query).fetchall()


@pytest.mark.parametrize("newer", ["2026-10", "2026-09"], ids=["a newer month", "the same month, begun later"])
def test_run_that_was_stopped_before_its_publish_leaves_newer_labels_alone(engine, labelled, newer):
    late = labelled("2026-09", "late")
    publish(engine, labelled(newer, "newer"))
    before = rows(engine)
    for _ in range(2):  # tried again it is as late
        with pytest.raises(OvertakenError, match=f"other labels were published, as of {newer} by run .*-newer"):
            publish(engine, late)
    assert rows(engine) == before
    assert not late.has_finished(PUBLISH_LABELS)
    assert [line.run.rpartition("-")[2] for line in Ledger(late.runs).publications()] == ["newer"]


def test_labels_that_were_put_back_meanwhile_stay(engine, labelled):
    first = labelled("2026-09", "first")
    publish(engine, first)
    late = labelled("2026-10", "late")
    ledger = Ledger(first.runs)
    ledger.append(ledger.publications()[0].model_copy(update={"restored": True}))
    before = rows(engine)
    with pytest.raises(OvertakenError, match="put back from run"):
        publish(engine, late)
    assert rows(engine) == before


def test_run_that_was_cut_off_after_its_own_publish_is_not_overtaken_by_itself(engine, labelled, tmp_path):
    run = labelled("2026-09", "own")
    first = publish(engine, run)
    # killed before its manifest said so: the same steps in a manifest that lacks them
    again = Run.open(tmp_path / "runs", as_of_month="2026-09", config_digest=CONFIG.digest(), run_id="own")
    assert publish_run.__wrapped__(again, engine, CONFIG.tracking, dry_run=False).transitions == first.transitions
    assert len(Ledger(run.runs).publications()) == 1


def test_dry_run_is_asked_nothing(engine, labelled):
    late = labelled("2026-09", "late")
    publish(engine, labelled("2026-10", "newer"))
    assert publish_run.__wrapped__(late, engine, CONFIG.tracking, dry_run=True).dry_run
