"""The main job on real sales; skipped where the panels do not lie beside the project."""

import shutil
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pandas as pd
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import create_database, drop_database
from dfu_clustering.demo.tidy import read_tidy_sales
from dfu_clustering.quality.gate_reports import GatePolicy
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.manifest import BUILD_FEATURES, LABEL_SEGMENTS, TRAIN_MODEL
from dfu_clustering.runs.run import Run
from dfu_clustering.standalone.segment import segment
from dfu_clustering.steps.build_features import build_features
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.publish_labels import overlay_of, update_assignments
from dfu_clustering.steps.train_model import train_model
from dfu_clustering.warehouse.connect import connect_engine
from dfu_clustering.warehouse.snapshot import newest_month
from expectations.gate import as_of, judge_assignments, judge_features, judge_sources
from tests.databases import copied_database

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_data_docs")]

PANELS = Path(__file__).parents[2].parent / "shared" / "data"
SUITES = ["fact_sales_monthly", "dim_dfu", "dim_item", "features", "assignments"]


@pytest.fixture(scope="module", params=["stallion", pytest.param("carparts", marks=pytest.mark.slow)])
def panel(request):
    path = PANELS / f"{request.param}.parquet"
    if not path.exists():
        pytest.skip(f"no real panel {path.name} beside the project")
    return path


@pytest.fixture(scope="module")
def template(panel, postgres_server):
    """The name of a database with the panel."""
    name = f"real_{panel.stem}"
    create_database(postgres_server.url(), name)
    load_panel(postgres_server.url(name), read_tidy_sales(panel))
    yield name
    drop_database(postgres_server.url(), name)


@pytest.fixture
def engine(template, postgres_server):
    with copied_database(postgres_server, template) as url:
        engine = connect_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture(scope="module")
def labelled(template, postgres_server, tmp_path_factory):
    """A run up to its labels."""
    config, engine = load_config(), connect_engine(postgres_server.url(template))
    runs = tmp_path_factory.mktemp("runs")
    run = Run.open(runs, as_of_month=as_of(engine, None), config_digest="d", run_id="x")
    build_features(run, config, engine)
    train_model(run, config)
    label_segments(run, config)
    engine.dispose()
    return run


@pytest.fixture
def run(labelled, tmp_path):
    """A copy of it, to be published."""
    shutil.copytree(labelled.folder, tmp_path / labelled.name)
    return Run.named(tmp_path, labelled.name)


def test_real_sales_end_as_a_label_for_every_eligible_dfu(panel, run, engine):
    features, training, labels = (run.result(step) for step in (BUILD_FEATURES, TRAIN_MODEL, LABEL_SEGMENTS))
    published = update_assignments(overlay_of(run, ()), engine)

    assert training.k >= 4
    assert training.figures.true_share >= 0.9
    assert training.figures.within_margin_share >= 0.98
    assert max(segment.share for segment in labels.segments) <= 0.5
    assert len({segment.label for segment in labels.segments}) == len(labels.segments) >= training.k
    ever_sold = features.n_dfus - features.excluded["never_sold"] - features.excluded["not_in_dim_dfu"]
    assert published.updated == sum(labels.sizes().values()) == ever_sold
    assert features.clustered + sum(features.excluded.values()) == features.n_dfus
    assert features.n_dfus == len(pd.read_parquet(panel)[["dmdunit", "dmdgroup", "loc"]].drop_duplicates())
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(cluster_assignment) FROM dim_dfu").scalar() == ever_sold
    assert sorted(path.name for path in run.folder.glob("*.png")) == [
        "cluster_profiles.png",
        "cluster_sizes.png",
        "cluster_visualization.png",
        "k_selection_plots.png",
        "typical_dfus.png",
    ]


def as_the_warehouse_keeps_it(quantity: float) -> float:
    """Return a quantity with the four decimals of numeric(18,4), which rounds halves away from zero."""
    return float(Decimal(repr(quantity)).quantize(Decimal("0.0001"), ROUND_HALF_UP))


def test_the_table_alone_gives_the_labels_of_the_run_byte_for_byte(panel, labelled):
    sales = pd.read_parquet(panel)
    result = segment(sales.assign(qty=sales["qty"].map(as_the_warehouse_keeps_it)))
    assert result.files.path(RunFile.LABELS).read_bytes() == labelled.path(RunFile.LABELS).read_bytes()


def test_real_panels_raise_nothing_critical(run, engine):
    config = load_config()
    reports = judge_sources(config, engine, run, GatePolicy(), chosen=False)
    reports += judge_features(run, GatePolicy())
    update_assignments(overlay_of(run, ()), engine)
    reports += judge_assignments(config, engine, run, GatePolicy())
    assert [report.suite for report in reports] == SUITES
    assert [check.name for report in reports for check in report.failures] == []
    assert {"labels_stay_mostly_the_same", "newest_month_rows", "newest_month_volume"} <= {
        check.name for report in reports for check in report.checks
    }


def test_past_month_is_run_as_if_nothing_had_come_after_it(engine, tmp_path):
    config = load_config()
    newest = newest_month(engine, None)
    past = str(pd.Period(newest, "M") - 6)
    build_features(
        RunFolder(tmp_path).placing(RunFile.MATRIX, tmp_path / "rerun.parquet"), config, engine, as_of_month=past
    )
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM fact_sales_monthly WHERE startdate > %s", (f"{past}-01",))
    build_features(RunFolder(tmp_path).placing(RunFile.MATRIX, tmp_path / "then.parquet"), config, engine)
    assert (tmp_path / "rerun.parquet").read_bytes() == (tmp_path / "then.parquet").read_bytes()
