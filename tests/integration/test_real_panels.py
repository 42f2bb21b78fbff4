"""The main job on real sales; skipped where the panels do not lie beside the project."""

from pathlib import Path

import pandas as pd
import psycopg2
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.tidy import read_tidy_sales
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.steps.build_features import build_features
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.publish_labels import update_assignments
from dfu_clustering.steps.train_model import train_model
from dfu_clustering.warehouse.connect import connect_engine
from dfu_clustering.warehouse.snapshot import newest_month

pytestmark = pytest.mark.integration

PANELS = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture(params=["stallion", "carparts"])
def panel(request):
    path = PANELS / f"{request.param}.parquet"
    if not path.exists():
        pytest.skip(f"no real panel {path.name} beside the project")
    return path


def test_real_sales_end_as_a_label_for_every_eligible_dfu(panel, postgres_url, tmp_path):
    load_panel(postgres_url, read_tidy_sales(panel))
    engine, config = connect_engine(postgres_url), load_config()
    files = RunFolder(tmp_path)
    features = build_features(files, config, engine)
    training = train_model(files, config)
    labels = label_segments(files, config)
    published = update_assignments(files, engine)
    engine.dispose()

    assert training.k >= 4
    assert training.figures.true_share >= 0.9
    assert training.figures.within_margin_share >= 0.98
    assert max(segment.share for segment in labels.segments) <= 0.5
    assert len({segment.label for segment in labels.segments}) == len(labels.segments) >= training.k
    ever_sold = features.n_dfus - features.excluded["never_sold"] - features.excluded["not_in_dim_dfu"]
    assert published.updated == sum(labels.sizes().values()) == ever_sold
    assert features.clustered + sum(features.excluded.values()) == features.n_dfus
    assert features.n_dfus == len(pd.read_parquet(panel)[["dmdunit", "dmdgroup", "loc"]].drop_duplicates())
    with psycopg2.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(cluster_assignment) FROM dim_dfu")
        assert cursor.fetchone() == (ever_sold,)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "cluster_profiles.png",
        "cluster_sizes.png",
        "cluster_visualization.png",
        "k_selection_plots.png",
        "typical_dfus.png",
    ]


def test_past_month_is_run_as_if_nothing_had_come_after_it(panel, postgres_url, tmp_path):
    sales = read_tidy_sales(panel)
    load_panel(postgres_url, sales)
    engine, config = connect_engine(postgres_url), load_config()
    newest = newest_month(engine, None)
    past = str(pd.Period(newest, "M") - 6)
    build_features(
        RunFolder(tmp_path).placing(RunFile.MATRIX, tmp_path / "rerun.parquet"), config, engine, as_of_month=past
    )
    with psycopg2.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM fact_sales_monthly WHERE startdate > %s", (f"{past}-01",))
    build_features(RunFolder(tmp_path).placing(RunFile.MATRIX, tmp_path / "then.parquet"), config, engine)
    engine.dispose()
    assert (tmp_path / "rerun.parquet").read_bytes() == (tmp_path / "then.parquet").read_bytes()
