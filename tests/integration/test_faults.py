"""Faults during a run, with real processes: after each the labels are all old or all new, and the rerun succeeds."""

import shutil
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from typing import Any

import psutil
import psycopg2
import pytest

from dfu_clustering.files.tables import read_json, read_table
from tests.integration.fault_site import OLD, ROOT, FaultRun, fault_site
from tests.integration.prefect_server import free_port, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

UPDATE = b'UPDATE "dim_dfu" AS d'
COPY_OUT = b"COPY (SELECT"
PROFILE = b"CREATE TEMPORARY TABLE"
SECRET = "pl4nted-s3cret"


@pytest.fixture(scope="module")
def faults(tmp_path_factory, tracking_store):
    with fault_site(tmp_path_factory.mktemp("faults"), tracking_store) as faults:
        yield faults


@pytest.fixture
def run(faults, tmp_path):
    """A run on old labels, not yet started."""
    faults.put_old_labels()
    run = FaultRun(faults, tmp_path)
    yield run
    if run.process is not None and run.process.poll() is None:
        run.kill()


def all_old(faults):
    return set(faults.labels()) == {OLD}


def completes(run):
    state = run.wait()
    assert state["type"] == "COMPLETED", (state, run.log.read_text()[-4000:])
    assert run.has_published()


def keeps_the_labels_of_before(run):
    before = read_table(run.folder / "previous_labels.parquet")
    assert set(before["cluster_assignment"]) == {OLD}
    assert len(before) == sum(run.faults.labels().values())


STEPS = ["read_sales_state", "build_features", "train_model", "label_segments", "update_assignments"]


def test_killed_after_every_step_in_turn_a_run_goes_on_and_does_none_twice(faults, run):
    done: dict[str, Any] = {}
    for number, step in enumerate(STEPS):
        run.retry() if number else run.start()
        run.wait_until(lambda step=step: step in run.finished_steps())
        run.kill()
        assert all_old(faults) == (step != "update_assignments")
        manifest = read_json(run.folder / "manifest.json")["steps"]
        assert {name: manifest[name] for name in done} == done
        done = manifest
    run.retry()
    completes(run)
    keeps_the_labels_of_before(run)
    assert run.summary()["published"]["updated"] > 200


def test_run_whose_folder_was_deleted_is_computed_again_by_retry(faults, run):
    run.start()
    run.wait_until(lambda: "train_model" in run.finished_steps())
    run.kill()
    shutil.rmtree(run.folder)
    assert all_old(faults)
    run.retry()
    completes(run)
    keeps_the_labels_of_before(run)


def test_killed_in_the_middle_of_the_update_nothing_is_written(faults, run):
    with closing(psycopg2.connect(faults.direct)) as other, other.cursor() as cursor:
        cursor.execute("SELECT FROM dim_dfu ORDER BY dfu_sk DESC LIMIT 1 FOR UPDATE")  # the update stops at this row
        run.start()
        waits = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE \"dim_dfu\"%'"
        run.wait_until(lambda: faults.execute(waits))
        run.kill()
        other.rollback()
    wait_until(lambda: not faults.execute(waits), 30, lambda: "the update still waits")
    assert all_old(faults)
    run.retry()
    completes(run)
    keeps_the_labels_of_before(run)


def test_killed_between_commit_and_manifest_the_rerun_reports_what_was_done(faults, run):
    faults.proxy.when(UPDATE, lambda: faults.proxy.when(b"COMMIT", run.kill, after_answer=True))
    run.start()
    assert faults.proxy.triggered.wait(300), run.log.read_text()
    wait_until(lambda: run.process.poll() is not None, 60, run.log.read_text)
    assert "update_assignments" not in run.finished_steps()
    assert OLD not in faults.labels()
    run.retry()
    completes(run)
    keeps_the_labels_of_before(run)
    assert run.summary()["published"]["updated"] > 200


@pytest.mark.parametrize("pattern", [PROFILE, COPY_OUT, UPDATE], ids=["validation", "extraction", "publish"])
def test_postgres_killed_and_restarted_heals_by_itself(faults, run, pattern):
    faults.proxy.when(pattern, faults.kill_postgres)
    run.start()
    completes(run)
    assert faults.proxy.triggered.is_set()
    keeps_the_labels_of_before(run)


@pytest.mark.parametrize("pattern", [PROFILE, COPY_OUT, UPDATE], ids=["validation", "extraction", "publish"])
def test_network_that_is_cut_heals_by_itself(faults, run, pattern):
    faults.proxy.when(pattern, faults.proxy.cut)
    run.start()
    completes(run)
    assert faults.proxy.triggered.is_set()
    keeps_the_labels_of_before(run)


def test_network_cut_while_the_commit_is_answered_is_found_out_by_the_next_try(faults, run):
    faults.proxy.when(UPDATE, lambda: faults.proxy.when(b"COMMIT", lambda: None, after_answer=True))
    run.start()
    completes(run)
    assert "The connection was lost while the labels were committed" in run.log.read_text()
    assert "these labels were already published before the run was interrupted" in run.log.read_text()
    keeps_the_labels_of_before(run)
    assert run.summary()["published"]["updated"] > 200


@pytest.mark.parametrize("pattern", [COPY_OUT, UPDATE], ids=["extraction", "publish"])
def test_network_that_falls_silent_is_not_waited_for_for_ever(faults, tmp_path, pattern):
    faults.put_old_labels()
    limits = tmp_path / "limits.yaml"
    limits.write_text("clustering: {warehouse: {statement_timeout_s: 10}}")
    run = FaultRun(faults, tmp_path, DFU_CLUSTERING_CONFIG=str(limits))
    faults.proxy.when(pattern, faults.proxy.fall_silent)
    run.start()
    completes(run)
    assert faults.proxy.triggered.is_set()
    assert "has not answered within statement_timeout_s" in run.log.read_text()


def test_dfus_deleted_and_added_before_the_update_are_reported(faults, run):
    def change():
        faults.execute(
            "DELETE FROM dim_dfu WHERE dfu_ck IN (SELECT dfu_ck FROM dim_dfu ORDER BY dfu_sk LIMIT 3)",
            "INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc) VALUES ('new_n_w', 'new', 'n', 'w')",
        )

    kept = faults.execute("SELECT * FROM dim_dfu ORDER BY dfu_sk LIMIT 3")
    faults.proxy.when(UPDATE, change)
    run.start()
    assert run.wait()["type"] == "COMPLETED", run.log.read_text()[-3000:]
    published = run.summary()["published"]
    assert published["not_found"] == 3
    assert (published["appeared"], published["appeared_keys"]) == (1, ["new_n_w"])
    faults.execute("DELETE FROM dim_dfu WHERE dfu_ck = 'new_n_w'")
    places = ", ".join(["%s"] * len(kept[0]))
    with closing(psycopg2.connect(faults.direct)) as connection, connection, connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO dim_dfu VALUES ({places})", kept)


@contextmanager
def small_disk(folder, size):
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root and the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder, option):
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)


def test_full_disk_stops_the_run_before_anything_is_published(faults, tmp_path):
    faults.put_old_labels()
    folder = tmp_path / "disk"
    with small_disk(folder, "200k"):
        run = FaultRun(faults, folder)
        run.start()
        state = run.wait()
        assert state["type"] == "FAILED"
        assert "No space left on device" in state["message"]
        assert all_old(faults)
        remount(folder, "size=500m")
        run.retry()
        completes(run)
        keeps_the_labels_of_before(run)


def test_disk_full_when_the_labels_of_before_are_kept_leaves_the_old_ones(faults, tmp_path):
    faults.put_old_labels()
    folder = tmp_path / "disk"
    with small_disk(folder, "500m"):
        run = FaultRun(faults, folder)
        filler = folder / "filler"

        def fill():
            with filler.open("wb") as file:
                try:
                    while file.write(b"x" * (1 << 20)):
                        pass
                except OSError:
                    return

        faults.proxy.when(b"COPY (SELECT dfu_ck, old_label", fill)
        run.start()
        state = run.wait()
        assert state["type"] == "FAILED"
        assert "No space left on device" in state["message"]
        assert all_old(faults)
        filler.unlink()
        run.retry()
        completes(run)
        keeps_the_labels_of_before(run)


def test_folder_that_cannot_be_written_says_so(faults, tmp_path):
    faults.put_old_labels()
    folder = tmp_path / "disk"
    with small_disk(folder, "500m"):
        remount(folder, "ro")
        run = FaultRun(faults, folder)
        run.start()
        state = run.wait()
        assert state["type"] == "FAILED"
        assert "Read-only file system" in state["message"]
        assert all_old(faults)
        remount(folder, "rw")
        run.retry()
        completes(run)


def test_mlflow_down_from_the_start_costs_the_record_and_not_the_run(faults, tmp_path):
    faults.put_old_labels()
    run = FaultRun(faults, tmp_path, MLFLOW_TRACKING_URI=f"http://user:{SECRET}@127.0.0.1:9")
    run.start()
    completes(run)
    assert run.summary()["mlflow_run_id"] is None
    assert "previous_labels.parquet is only in the run's folder" in run.log.read_text()
    assert "the run is not in MLflow" in run.log.read_text()
    assert SECRET not in run.log.read_text()


def test_mlflow_that_goes_away_in_the_middle_costs_the_record_and_not_the_run(faults, tmp_path):
    faults.put_old_labels()
    port, log = free_port(), tmp_path / "mlflow.log"
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", f"sqlite:///{tmp_path}/m.db", "--artifacts-destination", str(tmp_path / "a")]
    with log.open("ab") as output:
        server = subprocess.Popen([*command, *stores], stdout=output, stderr=output, start_new_session=True)
    try:
        wait_until(lambda: b"startup complete" in log.read_bytes(), 120, log.read_text)
        run = FaultRun(faults, tmp_path, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}")
        faults.proxy.when(UPDATE, lambda: end_family(server))
        run.start()
        completes(run)
    finally:
        end_family(server)
    assert list((tmp_path / "a").rglob("previous_labels.parquet"))  # there before the change
    assert run.summary()["mlflow_run_id"] is None
    assert "the run is not in MLflow" in run.log.read_text()


def end_family(process):
    """kill -9 of a process and all that it started."""
    with suppress(psutil.NoSuchProcess):
        main = psutil.Process(process.pid)
        for member in [*main.children(recursive=True), main]:
            member.kill()
    process.wait(30)


@pytest.mark.parametrize("pattern", [COPY_OUT, UPDATE], ids=["extraction", "publish"])
def test_prefect_server_restarted_in_the_middle_does_not_stop_a_run(faults, run, pattern):
    def restart():
        faults.site.server.stop()
        faults.site.server.start()

    faults.proxy.when(pattern, restart)
    run.start()
    state = run.wait()
    if state["type"] != "COMPLETED":  # it may have been lost to the restart, but says so, and goes on
        assert state["type"] in ("FAILED", "CRASHED", "RUNNING"), state
        run.retry()
    completes(run)


def test_two_publishers_at_once_leave_the_labels_of_one(faults, tmp_path):
    faults.put_old_labels()
    keys = [key for (key,) in faults.execute("SELECT dfu_ck FROM dim_dfu ORDER BY 1")]
    programs = []
    for name in ("low_volume", "high_volume"):
        file = tmp_path / name / "cluster_labels.csv"
        file.parent.mkdir()
        rows = [f"{key},0,{name}" for key in keys]
        file.write_text("\n".join(["dfu_ck,cluster_id,cluster_label", *rows]))
        command = [sys.executable, str(ROOT / "scripts" / "update_cluster_assignments.py"), "--skip-validation"]
        environment = faults.site.environment | {"DATABASE_URL": faults.direct}
        programs.append(
            subprocess.Popen(
                [*command, "--input", str(file)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        )
    ended = [(program.communicate(timeout=120)[0], program.returncode) for program in programs]
    assert [code for _, code in ended] == [0, 0], ended
    assert list(faults.labels().values()) == [len(keys)]
    kept = sorted(tmp_path.glob("*/publishes/*/previous_labels.parquet"))
    assert len(kept) == 2
    before = sorted(read_table(path)["cluster_assignment"].iloc[0] for path in kept)
    assert before in ([OLD, "high_volume"], ["high_volume", OLD], ["low_volume", OLD])


def test_ledger_cut_off_in_its_last_line_stops_no_run(faults, run):
    runs = run.var / "runs"
    runs.mkdir(parents=True)
    (runs / "published.jsonl").write_text('{"as_of_month": "2026-0')
    run.start()
    completes(run)
    assert "is incomplete and is ignored" in run.log.read_text()


@pytest.fixture
def role_with_password(faults):
    """A superuser who needs a password, asked for on the same socket."""
    hba = faults.postgres.folder / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text(f"local all dfu_secret scram-sha-256\n{before}")
    faults.execute(f"CREATE ROLE dfu_secret SUPERUSER LOGIN PASSWORD '{SECRET}'", "SELECT pg_reload_conf()")
    yield "dfu_secret"
    hba.write_text(before)
    faults.execute("DROP ROLE dfu_secret", "SELECT pg_reload_conf()")


def test_password_is_in_no_log_artifact_event_or_file(faults, tmp_path, role_with_password):
    faults.put_old_labels()
    wrong = FaultRun(faults, tmp_path / "wrong", DATABASE_URL=faults.url(f"{role_with_password}:{SECRET}-no"))
    wrong.start()
    state = wrong.wait()
    assert state["type"] == "FAILED"
    assert "password authentication failed" in state["message"]
    assert all_old(faults)

    right = FaultRun(faults, tmp_path / "right", DATABASE_URL=faults.url(f"{role_with_password}:{SECRET}"))
    faults.proxy.when(UPDATE, faults.proxy.cut)  # errors with addresses in them, too
    right.start()
    completes(right)
    said = [faults.site.server.log, wrong.log, right.log]
    kept = [path for path in [*tmp_path.rglob("*"), *faults.site.server.folder.rglob("*")] if path.is_file()]
    assert len(kept) > 30
    holding = [str(path) for path in [*said, *kept] if SECRET.encode() in path.read_bytes()]
    assert holding == []
    for kind in ("events", "logs", "artifacts", "flow_runs", "task_runs", "variables"):
        assert SECRET not in str(faults.site.server.post(f"/{kind}/filter", {})), kind
