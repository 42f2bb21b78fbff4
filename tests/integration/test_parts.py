"""Features built in parts are those built at once, byte for byte, whoever builds the parts."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import UUID

import psycopg2
import pytest
from prefect import flow, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.settings import PREFECT_API_URL, temporary_settings

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import create_database, drop_database
from dfu_clustering.errors import ConfigError, DataError
from dfu_clustering.loads.sales_loads import shared_sales
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.build_features import build_features, join_parts
from dfu_clustering.steps.sales_reading import SalesReading
from dfu_clustering.warehouse.connect import connect_engine, is_transient
from dfu_clustering.warehouse.snapshot import Part, SnapshotGoneError, snapshot
from tasks import clustering, loads
from tasks.parts import build_features_in_parts
from tasks.support.connection import warehouse_engine
from tests.databases import copied_database
from tests.integration.prefect_server import wait_until

pytestmark = pytest.mark.integration

AS_OF = "2026-10"


@pytest.fixture(scope="module")
def template(postgres_server):
    create_database(postgres_server.url(), "parts")
    load_panel(postgres_server.url("parts"), generate_panel(600, 36, 3))
    yield "parts"
    drop_database(postgres_server.url(), "parts")


@pytest.fixture
def warehouse_url(postgres_server, template, monkeypatch):
    with copied_database(postgres_server, template) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        yield url


@pytest.fixture
def warehouse(warehouse_url):
    return connect_engine(warehouse_url)


@pytest.fixture(scope="module")
def at_once(postgres_server, template, tmp_path_factory):
    files = matrix_in(tmp_path_factory.mktemp("at_once"), "at_once.parquet")
    build_features(files, load_config(), connect_engine(postgres_server.url(template)), as_of_month=AS_OF)
    return files


def matrix_in(folder: Path, name: str) -> RunFolder:
    return RunFolder(folder).placing(RunFile.MATRIX, folder / name)


def in_parts(warehouse, folder: Path, n_parts: int, config: ClusteringConfig | None = None) -> RunFolder:
    config, parts = config or load_config(), [matrix_in(folder, f"{number}.parquet") for number in range(n_parts)]
    with shared_sales(warehouse) as sales:
        for number, files in enumerate(parts):
            build_features(files, config, warehouse, part=Part(number, n_parts), reading=SalesReading(sales, AS_OF))
    joined = matrix_in(folder, "joined.parquet")
    join_parts(joined, config, parts=parts)
    return joined


def content(files: RunFolder) -> list[bytes]:
    names = (RunFile.MATRIX, RunFile.PANEL, RunFile.EXCLUDED, RunFile.DFUS, RunFile.FEATURES)
    return [files.path(name).read_bytes() for name in names]


@pytest.mark.parametrize("n_parts", [2, 5])
def test_joined_parts_are_the_same_bytes_as_one_call(warehouse, at_once, tmp_path, n_parts):
    assert content(in_parts(warehouse, tmp_path / "parts", n_parts)) == content(at_once)


def test_item_group_and_location_of_every_dfu_are_kept_by_key(warehouse, at_once):
    with warehouse.begin() as connection:
        known = [tuple(row) for row in connection.exec_driver_sql("SELECT dfu_ck, dmdunit, dmdgroup, loc FROM dim_dfu")]
    assert list(at_once.table(RunFile.DFUS).itertuples(index=False, name=None)) == sorted(known)


def test_parts_without_a_dfu_that_can_be_clustered_are_joined_too(warehouse, tmp_path):
    with warehouse.begin() as connection:
        connection.exec_driver_sql("DELETE FROM dim_dfu WHERE dfu_sk > 4")
    once = matrix_in(tmp_path, "at_once.parquet")
    build_features(once, load_config(), warehouse, as_of_month=AS_OF)
    joined = in_parts(warehouse, tmp_path / "parts", 8)
    assert content(joined) == content(once)
    assert len(list((tmp_path / "parts").glob("?.parquet"))) < 8


def test_no_dfu_in_any_part_is_an_error_that_counts_the_reasons(warehouse, tmp_path):
    config = load_config(min_months_history=60, time_window_months="all")
    with pytest.raises(DataError, match=r"history of 60 months. Found: insufficient_history \d+"):
        in_parts(warehouse, tmp_path / "parts", 3, config)


def test_parts_see_one_snapshot_whatever_is_loaded_meanwhile(warehouse, at_once, tmp_path):
    with shared_sales(warehouse) as sales:
        with warehouse.begin() as connection:
            connection.exec_driver_sql("DELETE FROM fact_sales_monthly WHERE startdate > '2026-01-01'")
        parts = [matrix_in(tmp_path, f"{number}.parquet") for number in range(2)]
        for number, files in enumerate(parts):
            build_features(files, load_config(), warehouse, part=Part(number, 2), reading=SalesReading(sales, AS_OF))
    joined = matrix_in(tmp_path, "joined.parquet")
    join_parts(joined, load_config(), parts=parts)
    assert content(joined) == content(at_once)


def run_id_of(state) -> UUID:
    return state.state_details.flow_run_id


def run_in_parts(prefect_server, config: ClusteringConfig, folder: Path) -> tuple[RunFolder, set[str]]:
    """Build the features in a flow; return the files and the names of the tasks that built the parts."""
    run = Run(folder, as_of_month=AS_OF)

    @flow
    def only_features() -> None:
        with shared_sales(warehouse_engine(config.warehouse)) as sales:  # a flow is pickled for workers, an engine not
            build_features_in_parts(run, config, SalesReading(sales, AS_OF, parts=config.scale.partitions))

    with temporary_settings({PREFECT_API_URL: prefect_server.api_url}):
        state = only_features(return_state=True)
        state.result()
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=[run_id_of(state)]))
        with get_client(sync_client=True) as client:
            names = {task_run.name for task_run in client.read_task_runs(flow_run_filter=wanted)}
    return run, names


def test_without_dask_the_parts_follow_one_another_in_the_process(prefect_server, warehouse, at_once, tmp_path):
    files, names = run_in_parts(prefect_server, load_config(scale={"partitions": 3}), tmp_path / "run")
    assert content(files) == content(at_once)
    assert names == {f"build-features-part-{number}" for number in range(3)}
    assert not (tmp_path / "run" / "parts").exists()


def test_a_part_that_an_earlier_try_left_is_not_joined(prefect_server, warehouse, at_once, tmp_path):
    run = Run(tmp_path / "run", as_of_month=AS_OF)
    run.parts.mkdir(parents=True)
    for number in range(8):
        shutil.copy(at_once.path(RunFile.MATRIX), run.part(number).path(RunFile.MATRIX))
    with warehouse.begin() as connection:
        connection.exec_driver_sql("DELETE FROM dim_dfu WHERE dfu_sk > 4")
    once = matrix_in(tmp_path, "of_four_dfus.parquet")
    build_features(once, load_config(), warehouse, as_of_month=AS_OF)
    files, _ = run_in_parts(prefect_server, load_config(scale={"partitions": 8}), run.folder)
    assert content(files) == content(once)


def test_a_shared_snapshot_that_is_gone_is_said_to_be_and_may_heal(warehouse):
    with snapshot(warehouse) as shared:
        same_as = shared.export()
    with (
        pytest.raises(SnapshotGoneError, match=f"snapshot {same_as} is gone") as gone,
        snapshot(warehouse, same_as=same_as),
    ):
        pass
    assert is_transient(gone.value)


def drop_the_connection_that_shares(url: str) -> None:
    """End the session that has exported a snapshot, as a restart of the server does."""

    def dropped() -> bool:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE '%export_snapshot%'"
        )
        return bool(cursor.fetchall())

    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        wait_until(dropped, 60, lambda: "no session shares a snapshot")


def test_parts_are_built_in_a_new_snapshot_where_the_first_was_lost(prefect_server, warehouse_url, at_once, tmp_path):
    run, config = Run(tmp_path / "run", as_of_month=AS_OF), load_config(scale={"partitions": 8})

    @flow
    def only_features() -> None:
        parts = config.scale.partitions

        def build(sales):
            return clustering.build_features(config, run, SalesReading(sales, AS_OF, parts=parts))

        loads.in_one_snapshot(config, AS_OF, build)

    with temporary_settings({PREFECT_API_URL: prefect_server.api_url}), ThreadPoolExecutor(1) as pool:
        dropped = pool.submit(drop_the_connection_that_shares, warehouse_url)
        state = only_features(return_state=True)
        dropped.result()
        state.result()
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=[run_id_of(state)]))
        with get_client(sync_client=True) as client:
            tries = {task_run.name: task_run.run_count for task_run in client.read_task_runs(flow_run_filter=wanted)}
    assert content(run) == content(at_once)
    assert {name.rpartition("-")[0] for name in tries} >= {"read-sales-state", "build-features"}
    assert sum(name.startswith("read-sales-state") for name in tries) == 2
    assert set(tries.values()) == {1}  # in the same snapshot none is tried again


@pytest.mark.slow
def test_two_worker_processes_of_a_dask_cluster_build_the_same_bytes(prefect_server, warehouse, at_once, tmp_path):
    distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options, local_directory=str(tmp_path / "dask")) as cluster:
        scale = {"partitions": 4, "dask_address": cluster.scheduler_address}
        files, names = run_in_parts(prefect_server, load_config(scale=scale), tmp_path / "run")
        with distributed.Client(cluster) as client:
            built = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert sum(built.values()) == 4
    assert all(count > 0 for count in built.values()), "one of the two workers did nothing"
    assert content(files) == content(at_once)
    assert names == {f"build-features-part-{number}" for number in range(4)}


def test_settings_of_the_scale_change_no_digest():
    spread = load_config(scale={"partitions": 64, "dask_address": "tcp://scheduler:8786"})
    assert spread.digest() == load_config().digest()
    assert json.loads(spread.model_dump_json())["scale"]["partitions"] == 64


def test_a_dask_address_is_a_url():
    with pytest.raises(ConfigError, match="dask_address"):
        load_config(scale={"dask_address": "scheduler"})
