"""A run that comes late publishes nothing over newer labels: it is asked under the publish lock, on the real table."""

from datetime import UTC, datetime

import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
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

pytestmark = pytest.mark.integration

CONFIG = load_config(k_range=(3, 4), gap_references=2, n_init=5)
NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)


@pytest.fixture
def engine(postgres_url, tmp_path, monkeypatch):
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    load_panel(postgres_url, generate_panel(300, 30, 5))
    engine = connect_engine(postgres_url)
    yield engine
    engine.dispose()


def labelled(engine, tmp_path, month, run_id):
    """A run up to its labels, as it stands when it is stopped before its publish."""
    run = Run.open(tmp_path / "runs", as_of_month=month, config_digest=CONFIG.digest(), run_id=run_id)
    note_published(run)
    build_features(run, CONFIG, engine, as_of_month=month)
    train_model(run, CONFIG)
    label_segments(run, CONFIG)
    return run


def publish(engine, run):
    summary = publish_run(run, engine, CONFIG.tracking, dry_run=False)
    record_publication(run, read_sales_state(engine, run.as_of_month), load_id=None, published_at=NOON)
    return summary


def rows(engine):
    query = "SELECT dfu_ck, cluster_assignment, modified_ts FROM dim_dfu ORDER BY dfu_ck"
    with engine.connect() as connection:
        return connection.exec_driver_sql(query).fetchall()


@pytest.mark.parametrize("newer", ["2026-10", "2026-09"], ids=["a newer month", "the same month, begun later"])
def test_run_that_was_stopped_before_its_publish_leaves_newer_labels_alone(engine, tmp_path, newer):
    late = labelled(engine, tmp_path, "2026-09", "late")
    publish(engine, labelled(engine, tmp_path, newer, "newer"))
    before = rows(engine)
    for _ in range(2):  # tried again it is as late
        with pytest.raises(OvertakenError, match=f"other labels were published, as of {newer} by run .*-newer"):
            publish(engine, late)
    assert rows(engine) == before
    assert not late.has_finished(PUBLISH_LABELS)
    assert [line.run.rpartition("-")[2] for line in Ledger(late.runs).publications()] == ["newer"]


def test_labels_that_were_put_back_meanwhile_stay(engine, tmp_path):
    first = labelled(engine, tmp_path, "2026-09", "first")
    publish(engine, first)
    late = labelled(engine, tmp_path, "2026-10", "late")
    ledger = Ledger(first.runs)
    ledger.append(ledger.publications()[0].model_copy(update={"restored": True}))
    before = rows(engine)
    with pytest.raises(OvertakenError, match="put back from run"):
        publish(engine, late)
    assert rows(engine) == before


def test_run_that_was_cut_off_after_its_own_publish_is_not_overtaken_by_itself(engine, tmp_path):
    run = labelled(engine, tmp_path, "2026-09", "own")
    first = publish(engine, run)
    # killed before its manifest said so: the same steps in a manifest that lacks them
    again = Run.open(tmp_path / "runs", as_of_month="2026-09", config_digest=CONFIG.digest(), run_id="own")
    assert publish_run.__wrapped__(again, engine, CONFIG.tracking, dry_run=False).transitions == first.transitions
    assert len(Ledger(run.runs).publications()) == 1


def test_dry_run_is_asked_nothing(engine, tmp_path):
    late = labelled(engine, tmp_path, "2026-09", "late")
    publish(engine, labelled(engine, tmp_path, "2026-10", "newer"))
    assert publish_run.__wrapped__(late, engine, CONFIG.tracking, dry_run=True).dry_run
