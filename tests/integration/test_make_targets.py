"""The programs by make, month after month, in a folder of their own."""

import os
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.files.tables import read_json

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
CLUSTER = ("cluster-features", "cluster-train", "cluster-label", "cluster-update")


@pytest.fixture
def checkout(tmp_path):
    """A folder in which make finds what it needs, and leaves what the programs write."""
    for name in ("scripts", ".venv"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "Makefile", tmp_path)
    return tmp_path


def execute(url, statement):
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)


def make(folder, url, *targets):
    # an installation that is older than the list of packages is not repeated for a test
    command = ["make", "--old-file", ".venv/.installed-demo", *targets]
    done = subprocess.run(command, cwd=folder, env=os.environ | {"DATABASE_URL": url}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not (ROOT / ".venv" / ".installed-demo").exists(), reason="make has not made .venv")
def test_programs_by_make_go_on_from_the_month_they_published_before(checkout, postgres_url):
    load_panel(postgres_url, generate_panel(200, 30, 3))
    execute(postgres_url, "CREATE TABLE to_come AS SELECT * FROM fact_sales_monthly WHERE startdate = '2026-10-01'")
    execute(postgres_url, "DELETE FROM fact_sales_monthly WHERE startdate = '2026-10-01'")
    execute(postgres_url, "UPDATE fact_sales_monthly SET load_ts = '2026-10-05 06:00Z' WHERE load_ts > '2026-10-06'")
    first = make(checkout, postgres_url, *CLUSTER)
    assert "--published" not in first
    assert read_json(checkout / "data" / "published" / "cluster_metadata.json")["as_of_month"] == "2026-09"

    execute(postgres_url, "INSERT INTO fact_sales_monthly SELECT * FROM to_come")
    second = make(checkout, postgres_url, *CLUSTER)
    assert "have another label than in published" in second
    made, kept = (checkout / "data" / name for name in ("clustering", "published"))
    assert read_json(made / "stability.json")["published_run"] == "published"
    assert (kept / "cluster_labels.csv").read_bytes() == (made / "cluster_labels.csv").read_bytes()
    assert read_json(kept / "cluster_metadata.json")["as_of_month"] == "2026-10"
