"""Runs of the real flow in processes of their own, on servers that a test may kill."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from mlflow import MlflowClient

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import EmbeddedServer, create_database, start_server
from dfu_clustering.files.tables import read_json
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.run import short_run_id
from tests.integration.cuttable_proxy import CuttableProxy
from tests.integration.deployed_site import DeployedSite
from tests.integration.prefect_server import wait_until

ROOT = Path(__file__).parents[2]
# every label changes, which the gate of the labels would not let pass
QUICK = {"k_range": [3, 4], "gap_references": 2, "n_init": 5, "skip_suites": ["assignments"]}
RUN_SECONDS = 300
OLD = "old_label"


class FaultSite:
    """A Prefect server with the deployments, a PostgreSQL behind a proxy, no worker: tests execute the runs."""

    def __init__(self, folder: Path, postgres_folder: Path, mlflow_uri: str) -> None:
        self.postgres: EmbeddedServer = start_server(postgres_folder)
        self.site = DeployedSite(folder, "unused")
        self.mlflow_uri = mlflow_uri
        create_database(self.postgres.url(), "faults")
        self.direct = self.postgres.url("faults")
        load_panel(self.direct, generate_panel(300, 30, 5, "2026-08"))
        self.proxy = CuttableProxy(self.postgres.socket_folder / f".s.PGSQL.{self.postgres.port}")
        client = MlflowClient(mlflow_uri)
        name = load_config().tracking.experiment
        if client.get_experiment_by_name(name) is None:  # else its files would lie in the current folder
            client.create_experiment(name, artifact_location=(folder / "mlflow").as_uri())
        self.site.server.start()
        self.site.register()

    def stop(self) -> None:
        self.proxy.close()
        self.site.server.stop()
        start_server(self.postgres.folder).stop()

    def put_old_labels(self) -> None:
        """Give every DFU the same old label, so that a run has all rows to change."""
        self.execute(f"UPDATE dim_dfu SET cluster_assignment = '{OLD}', modified_ts = load_ts")

    def execute(self, *statements: str) -> list[tuple]:
        with psycopg2.connect(self.direct) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            found = cursor.fetchall() if cursor.description else []
        connection.close()
        return found

    def labels(self) -> dict[str, int]:
        """Return the number of DFUs by label."""
        return dict(self.execute("SELECT coalesce(cluster_assignment, ''), count(*) FROM dim_dfu GROUP BY 1"))

    def url(self, user: str = "postgres") -> str:
        """Return the warehouse's address through the proxy."""
        return f"postgresql://{user}@127.0.0.1:{self.proxy.port}/faults?sslmode=disable&gssencmode=disable"

    def kill_postgres(self) -> None:
        """kill -9 of the postmaster and all that it started, then a start that recovers."""
        main = psutil.Process(int((self.postgres.folder / "postmaster.pid").read_text().split()[0]))
        family = [*main.children(recursive=True), main]
        for process in reversed(family):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=30)
        start_server(self.postgres.folder)


@contextmanager
def fault_site(folder: Path, mlflow_uri: str) -> Iterator[FaultSite]:
    """Lend the servers, with PostgreSQL's data in a folder with a short path."""
    with tempfile.TemporaryDirectory(prefix="dfu-faults-", ignore_cleanup_errors=True) as short:
        Path(short).chmod(0o755)
        site = FaultSite(folder, Path(short) / "data", mlflow_uri)
        yield site
        site.stop()


class FaultRun:
    """One flow run, which may be executed again and again until it has ended well."""

    def __init__(
        self, faults: FaultSite, var: Path, parameters: Mapping[str, Any] | None = None, **environment: str
    ) -> None:
        self.faults, self.var = faults, var
        self.environment = (
            faults.site.environment
            | {
                "DATABASE_URL": faults.url(),
                "DFU_CLUSTERING_VAR": str(var),
                "MLFLOW_TRACKING_URI": faults.mlflow_uri,
            }
            | environment
        )
        self.id = faults.site.start_run("cluster-dfus/manual", **(parameters or QUICK))
        self.process: subprocess.Popen[bytes] | None = None
        self.log = faults.site.server.folder / f"run-{self.id}.log"

    def start(self) -> None:
        """Execute the run in a process of its own, as a worker would."""
        environment = self.environment | {"PREFECT__FLOW_RUN_ID": self.id}
        command = [sys.executable, "-m", "prefect.engine"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, signal_number: int) -> None:
        """Stop the process where it is, or let it continue."""
        assert self.process is not None
        self.process.send_signal(signal_number)

    def wait(self) -> dict:
        """Return the run's state, once its process has ended."""
        assert self.process is not None
        try:
            self.process.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(self.log.read_text()) from None
        return self.state()

    def state(self) -> dict:
        return self.faults.site.flow_run(self.id)["state"]

    def retry(self) -> None:
        """Do what the button Retry of the UI does, and execute the run again."""
        body = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": True}
        self.faults.site.server.post(f"/flow_runs/{self.id}/set_state", body)
        self.start()

    def summary(self) -> dict[str, Any]:
        """Return summary.json."""
        assert self.folder is not None
        return read_json(self.folder / "summary.json")

    def finished_steps(self) -> list[str]:
        return list(read_json(self.folder / "manifest.json")["steps"]) if self.folder else []

    @property
    def folder(self) -> Path | None:
        found = [path.parent for path in (self.var / "runs").glob(f"*-{short_run_id(self.id)}/manifest.json")]
        return found[0] if found else None

    def wait_until(self, holds):
        def holds_or_ended():
            assert self.process is not None
            assert self.process.poll() is None or holds(), self.log.read_text()[-3000:]
            return holds()

        return wait_until(holds_or_ended, RUN_SECONDS, self.log.read_text)

    def has_published(self) -> bool:
        """Tell whether the labels in the table are exactly those of the run, and the ledger has it once, as newest."""
        lines = Ledger(self.var / "runs").publications()
        mine = [line for line in lines if line.run.endswith(short_run_id(self.id))]
        assert len(mine) == 1, lines
        assert mine[0] == lines[-1]
        labels = self.faults.labels()
        labels.pop("", None)
        return labels == mine[0].labels
