"""Everything that runs by itself, for tests: a Prefect server with the deployments, a worker, a warehouse."""

import json
import subprocess
import sys
import time
import urllib.request
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from uuid import uuid4

import psycopg2

from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.loads.events import sales_loaded_event
from dfu_clustering.runs.ledger import Ledger
from tests.integration.prefect_server import PrefectServer, wait_until

ROOT = Path(__file__).parents[2]
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
RUN_SECONDS = 300  # in which a run ends, even where the server's SQLite is locked for a minute
NEWEST_MONTH = "2026-08"  # so that tests can load two more months that are over


class DeployedSite:
    """A server on which `make deploy` has been run, a process worker that takes its runs, and a small warehouse."""

    def __init__(self, folder: Path, warehouse_url: str, *, pages: bool = False) -> None:
        self.server = PrefectServer(folder / "server", pages=pages)
        self.server.folder.mkdir()
        self.runs = folder / "var" / "runs"
        self.warehouse_url = warehouse_url
        self.environment = self.server.environment
        self.environment |= {
            "DATABASE_URL": warehouse_url,
            "DFU_CLUSTERING_VAR": str(self.runs.parent),
            # so far that a year of monthly runs appears, with both changes of the clock
            "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_SCHEDULED_TIME": "P400D",
            "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_RUNS": "13",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PREFECT_LOGGING_EXTRA_LOGGERS": "dfu_clustering",
            # the tests call the sensor when they want it
            "DFU_WATCH_CRON": "0 3 1 1 *",
            "DFU_VALUE_CRON": "0 3 1 1 *",
        }
        self._worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Load the warehouse, start the server, register the deployments and start the worker."""
        load_panel(self.warehouse_url, generate_panel(300, 30, 5, NEWEST_MONTH))
        self.server.start()
        self.register()
        command = [sys.executable, "-m", "deploy.worker", "--pool", "dfu-process"]
        with self.worker_log.open("ab") as log:
            self._worker = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)

    def stop(self) -> None:
        """End the processes that start() began."""
        if self._worker is not None:
            self._worker.terminate()
            try:
                self._worker.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._worker.kill()
                self._worker.wait()
        self.server.stop()

    @property
    def worker_log(self) -> Path:
        """What the worker and its runs wrote."""
        return self.server.folder / "worker.log"

    def register(self) -> None:
        """Do what `make deploy` does."""
        command = [sys.executable, "-m", "deploy.register"]
        done = subprocess.run(command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def announce(self, load_id: object, month: str = NEWEST_MONTH, event_id: str | None = None) -> datetime:
        """Announce a load by the documented HTTP call, and return when."""
        occurred = datetime.now(UTC)
        event = sales_loaded_event(month, str(load_id), event_id=uuid4(), occurred=occurred)
        event["payload"] = {"month": month, "load_id": load_id}
        self.server.post("/events", [event | ({"id": event_id} if event_id else {})])
        return occurred

    def flow_runs(self, load_id: str | None = None) -> list[dict]:
        """Return the runs of the deployment on-sales-load, or only those for a load, in the order of their start."""
        wanted = {"sort": "START_TIME_ASC", "deployments": {"name": {"any_": ["on-sales-load"]}}}
        found = self.server.post("/flow_runs/filter", wanted)
        return [run for run in found if load_id is None or run["parameters"].get("load_id") == load_id]

    def flow_run(self, flow_run_id: str) -> dict:
        """Return one run."""
        (found,) = self.server.post("/flow_runs/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}})
        return found

    def start_run(self, deployment: str, **parameters: object) -> str:
        """Start a run of a deployment as the UI's form does, and return its id."""
        deployment_id = self.get(f"/deployments/name/{deployment}")["id"]
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return self.server.post(f"/deployments/{deployment_id}/create_flow_run", body)["id"]

    def get(self, path: str) -> dict:
        """GET from the API."""
        with urllib.request.urlopen(f"{self.server.api_url}{path}", timeout=15) as answer:
            return json.load(answer)

    def wait_until(self, holds):
        """Return the first true answer; a server that is too busy to answer is asked again."""

        def answer():
            time.sleep(0.4)
            with suppress(TimeoutError, URLError):
                return holds()

        return wait_until(answer, RUN_SECONDS, lambda: f"{self.worker_log.read_text()}\n{self.server.log.read_text()}")

    def wait_for_end(self, load_id: str) -> dict:
        """Return the first run for a load, once all runs for it have ended."""

        def ended():
            found = self.flow_runs(load_id)
            return found if found and all(run["state_type"] in FINAL for run in found) else None

        return self.wait_until(ended)[0]

    def wait_for_run_end(self, flow_run_id: str) -> dict:
        """Return a run, once it has ended."""

        def ended():
            found = self.flow_run(flow_run_id)
            return found if found["state_type"] in FINAL else None

        return self.wait_until(ended)

    def publications(self):
        """Return the lines of the ledger."""
        return Ledger(self.runs).publications()

    def execute(self, *statements: str) -> list[tuple] | None:
        """Run statements in one transaction of the warehouse, and return the rows of the last, if it has any."""
        with closing(psycopg2.connect(self.warehouse_url)) as connection, connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else None

    def load_correction(self) -> None:
        """Rewrite some rows of old months, as a late correction does."""
        self.execute(
            "UPDATE fact_sales_monthly SET qty = qty * 1.01, load_ts = t.newest + interval '1 hour'"
            " FROM (SELECT max(load_ts) AS newest FROM fact_sales_monthly) AS t WHERE sales_sk % 50 = 0"
        )

    def load_month(self, month: str) -> None:
        """Load a month: the sales of the month a year before it, four days after it ended."""
        columns = "dmdunit, dmdgroup, loc, type, qty"
        self.execute(
            f"INSERT INTO fact_sales_monthly (sales_ck, startdate, load_ts, modified_ts, {columns})"
            f" SELECT sales_ck || '+', date '{month}-01', ts, ts, {columns} FROM fact_sales_monthly,"
            f" (SELECT date '{month}-01' + interval '1 month 4 days' AS ts) AS t"
            f" WHERE startdate = date '{month}-01' - interval '1 year'"
        )
