"""PostgreSQL's own disk is full: nothing is written, another try is worth it, and with room it ends well."""

import os
import runpy
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pandas as pd
import psycopg2
import pytest

from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.publishing.transaction import Publishing, publish_labels
from dfu_clustering.warehouse.connect import connect_engine, is_transient

pytestmark = pytest.mark.integration

PROGRAM = Path(__file__).parents[2] / "scripts" / "update_cluster_assignments.py"


def execute(url, statement):
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True  # no transaction may hold a change of a tablespace
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else None


@pytest.fixture
def disk(postgres_server):
    """A small disk of PostgreSQL's own."""
    with tempfile.TemporaryDirectory(prefix="dfu-full-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "disk"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small disk needs root and the right to mount")
        owner = postgres_server.folder.stat()
        (folder / "space").mkdir()
        os.chown(folder / "space", owner.st_uid, owner.st_gid)
        yield folder
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def warehouse(postgres_url, disk):
    """A warehouse whose DFU table lies on the small disk, without room in its pages."""
    load_panel(postgres_url, generate_panel(2000, 12, 3))
    execute(postgres_url, f"CREATE TABLESPACE small LOCATION '{disk / 'space'}'")
    execute(postgres_url, "ALTER TABLE dim_dfu SET TABLESPACE small")
    execute(postgres_url, "UPDATE dim_dfu SET cluster_assignment = 'old'")
    execute(postgres_url, "VACUUM FULL dim_dfu")
    yield postgres_url
    execute(postgres_url, "ALTER TABLE dim_dfu SET TABLESPACE pg_default")
    execute(postgres_url, "DROP TABLESPACE small")


def fill(file):
    with file.open("wb", buffering=0) as filler:
        while True:
            try:
                filler.write(b"x" * 4096)
            except OSError:
                return


def program_ends_with(labels, monkeypatch):
    monkeypatch.setattr(sys, "argv", [PROGRAM.name, "--input", str(labels), "--skip-validation"])
    try:
        runpy.run_path(str(PROGRAM), run_name="__main__")
    except SystemExit as ended:
        return ended.code
    return 0


def test_full_disk_writes_nothing_may_heal_and_heals_with_room(warehouse, disk, tmp_path, monkeypatch, capsys):
    keys = [key for (key,) in execute(warehouse, "SELECT dfu_ck FROM dim_dfu ORDER BY 1")]
    labels = pd.DataFrame({"dfu_ck": keys, "cluster_id": 1, "cluster_label": "low_volume"})
    labels.to_csv(tmp_path / "cluster_labels.csv", index=False)
    monkeypatch.setenv("DATABASE_URL", warehouse)
    fill(disk / "filler")
    with pytest.raises(psycopg2.errors.DiskFull, match="No space left on device") as full:
        publish_labels(connect_engine(warehouse), labels, Publishing())
    assert is_transient(full.value)  # the flow's task tries it again
    assert program_ends_with(tmp_path / "cluster_labels.csv", monkeypatch) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert execute(warehouse, "SELECT DISTINCT cluster_assignment FROM dim_dfu") == [("old",)]
    (disk / "filler").unlink()
    assert program_ends_with(tmp_path / "cluster_labels.csv", monkeypatch) == 0
    assert execute(warehouse, "SELECT DISTINCT cluster_assignment FROM dim_dfu") == [("low_volume",)]
