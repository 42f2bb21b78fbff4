"""The main job as a user runs it: the demo's flow, the four programs, and what both leave behind."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import psycopg2
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.server import start_server
from dfu_clustering.files.tables import read_json, read_table

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PROGRAMS = (
    ("generate_clustering_features.py", "--output", "data/clustering_features.csv"),
    ("train_clustering_model.py",),
    ("label_clusters.py",),
    ("update_cluster_assignments.py",),
)
# written by a run and by the programs under the same names
SHARED_FILES = (
    "cluster_assignments.csv",
    "cluster_centroids.csv",
    "cluster_metadata.json",
    "cluster_labels.csv",
    "cluster_profiles.json",
    "cluster_map.csv",
    "typical_dfus.csv",
    "cluster_model.json",
    "k_selection_plots.png",
    "cluster_visualization.png",
    "cluster_profiles.png",
    "cluster_sizes.png",
    "typical_dfus.png",
)


class Demo:
    """One run of the demo's program in a folder of its own, with its database still running."""

    def __init__(self, folder: Path) -> None:
        self.environment = os.environ | {
            "DFU_CLUSTERING_VAR": str(folder / "var"),
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }
        command = [sys.executable, "-m", "flows.demo", "--dfus", "800", "--months", "36"]
        finished = subprocess.run(
            command, cwd=folder, env=self.environment, capture_output=True, text=True, timeout=240, check=False
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        self.output = finished.stdout
        self.server = start_server(folder / "var" / "postgres")
        self.url = self.server.url("dfu_demo")
        (self.run,) = (path for path in (folder / "var" / "runs").iterdir() if path.is_dir())
        self.summary = read_json(self.run / "summary.json")
        self.folder = folder


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    demo = Demo(tmp_path_factory.mktemp("demo"))
    yield demo
    demo.server.stop()


@pytest.fixture(scope="module")
def programs_folder(demo, tmp_path_factory):
    """The four programs in a row on the demo's database, with their default file names."""
    folder = tmp_path_factory.mktemp("programs")
    environment = demo.environment | {"DATABASE_URL": demo.url}
    for program, *arguments in PROGRAMS:
        command = [sys.executable, str(ROOT / "scripts" / program), *arguments]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=120)
    return folder


def query(url, statement):
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def labelled(summary):
    """Return how many DFUs have a label, clustered or not."""
    return summary["clustered"] + sum(others["size"] for others in summary["lifecycle"])


def test_labels_in_the_database_equal_the_labels_file(demo):
    in_file = pd.read_csv(demo.run / "cluster_labels.csv", dtype=str).set_index("dfu_ck")["cluster_label"].to_dict()
    rows = query(demo.url, "SELECT dfu_ck, cluster_assignment FROM dim_dfu WHERE cluster_assignment IS NOT NULL")
    assert dict(rows) == in_file
    assert len(in_file) == labelled(demo.summary) > demo.summary["clustered"]


def test_clustered_and_excluded_add_up_to_every_dfu(demo):
    (known,) = query(demo.url, "SELECT count(*) FROM dim_dfu")[0]
    (strangers,) = query(
        demo.url,
        "SELECT count(DISTINCT (s.dmdunit, s.dmdgroup, s.loc)) FROM fact_sales_monthly AS s"
        " LEFT JOIN dim_dfu AS d ON (d.dmdunit, d.dmdgroup, d.loc) = (s.dmdunit, s.dmdgroup, s.loc)"
        " WHERE d.dfu_ck IS NULL",
    )[0]
    assert demo.summary["clustered"] + sum(demo.summary["excluded"].values()) == known + strangers
    assert demo.summary["n_dfus"] == known + strangers
    assert demo.summary["excluded"]["not_in_dim_dfu"] == strangers > 0


def test_summary_agrees_with_the_database_and_itself(demo):
    summary = demo.summary
    counts = dict(query(demo.url, "SELECT cluster_assignment, count(*) FROM dim_dfu GROUP BY 1"))
    segments = [*summary["clusters"], *summary["lifecycle"]]
    assert {segment["label"]: segment["size"] for segment in segments} == {
        label: count for label, count in counts.items() if label is not None
    }
    assert sum(segment["size"] for segment in summary["clusters"]) == summary["clustered"]
    assert summary["published"]["updated"] == labelled(summary) > summary["clustered"]
    assert summary["k"] == summary["k_selection"]["selected"]
    assert summary["k_selection"]["selected"] in summary["k_selection"]["feasible"]
    assert sum(segment["share"] for segment in summary["clusters"]) == pytest.approx(1)
    assert summary["config_digest"] == load_config().digest()
    assert set(summary["durations_s"]) >= {"build_features", "train_model", "label_segments", "update_assignments"}
    assert summary["peak_memory_mb"] > 50
    assert demo.run.name.startswith(f"{summary['as_of_month']}-{summary['config_digest']}-")


def calls_in_the_documentation():
    """Return path, query and answer of each call in docs/api.md, the answer without blanks and line ends."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for call, answer in re.findall(r"^\$ curl (.+)\n((?:[^$`\n].*\n|\n)+)", page, re.MULTILINE):
        words = shlex.split(call)
        address = urlsplit(next(word for word in words if word.startswith("$api")).replace("$api", "/domains/dfu"))
        given = [words[at + 1] for at, word in enumerate(words) if word in ("-d", "--data-urlencode")]
        query = dict(parse_qsl(address.query)) | dict(one.split("=", 1) for one in given)
        yield address.path, query, re.sub(r"\s", "", answer)


def test_answers_in_the_documentation_are_those_of_this_run(demo):
    calls = list(calls_in_the_documentation())
    assert len(calls) == 6
    settings = ApiSettings(database_url=demo.url, runs=demo.run.parent)
    with TestClient(create_app(settings)) as client:
        for path, query, shown in calls:
            answer = re.sub(r"\s", "", client.get(path, params=query).text)
            assert re.fullmatch(".*".join(map(re.escape, shown.split("…"))), answer), answer[:2000]


def test_everything_that_a_run_leaves_lies_under_its_two_folders(demo):
    assert sorted(path.name for path in demo.folder.iterdir()) == ["prefect", "var"]
    assert sorted(path.name for path in (demo.folder / "var").glob("[!.]*")) == ["mlflow", "postgres", "runs"]


def test_demo_ends_with_the_segments_and_where_to_look(demo):
    for segment in demo.summary["clusters"]:
        assert segment["label"] in demo.output
    for hint in (
        (demo.run / "report.html").as_uri(),
        str(demo.run),
        "DATABASE_URL=",
        "make mlflow-ui",
        "make prefect-ui",
    ):
        assert hint in demo.output


def test_four_programs_give_the_artifacts_of_a_flow_run_byte_for_byte(demo, programs_folder):
    theirs = programs_folder / "data" / "clustering"
    different = [name for name in SHARED_FILES if (theirs / name).read_bytes() != (demo.run / name).read_bytes()]
    assert different == []


def test_features_of_program_and_flow_are_the_same_bits(demo, programs_folder):
    program = programs_folder / "data"
    for ours, theirs in (
        ("clustering_features.parquet.meta.json", "clustering_features.csv.meta.json"),
        ("clustering_features.parquet.panel.parquet", "clustering_features.csv.panel.parquet"),
        ("clustering_features.parquet.excluded.csv", "clustering_features.csv.excluded.csv"),
    ):
        assert (demo.run / ours).read_bytes() == (program / theirs).read_bytes()
    flow = pd.read_parquet(demo.run / "clustering_features.parquet")
    csv = read_table(program / "clustering_features.csv", text_columns=frozenset({"dfu_ck"}))
    for column in flow.select_dtypes("number"):
        assert csv[column].astype("float64").equals(flow[column].astype("float64")), column


def rows_of(page):
    """The page's table of the segments: number, title, then size, share, share of the volume and the medians."""
    rows = re.findall(r'<tr data-segment="(\d+)">(.*?)</tr>', page, re.DOTALL)
    return {int(number): re.findall(r'data-value="([^"]*)"', row) for number, row in rows}


def test_report_of_flow_and_programs_holds_the_numbers_of_the_summary(demo, programs_folder):
    output = programs_folder / "page.html"
    command = [sys.executable, str(ROOT / "scripts" / "build_report.py"), "--output", str(output)]
    shown = subprocess.run(
        command, cwd=programs_folder, env=demo.environment, capture_output=True, text=True, check=True
    )
    assert output.as_uri() in shown.stdout
    of_flow = (demo.run / "report.html").read_text()
    assert f"<strong>{labelled(demo.summary):,}</strong> DFUs have a label" in of_flow
    assert f"of {demo.summary['n_dfus']:,};" in of_flow
    for reason, dfus in demo.summary["excluded"].items():
        assert re.search(rf"{reason} <small>[^<]*</small></th><td class=\"number\">{dfus:,}</td>", of_flow)
    rows = rows_of(of_flow)
    assert len(rows) == len(demo.summary["clusters"])
    for number, segment in enumerate(demo.summary["clusters"]):
        _, size, share, volume_share, mean_demand, *_ = rows[number]
        assert int(size) == segment["size"]
        assert (float(share), float(volume_share)) == (segment["share"], segment["volume_share"])
        assert float(mean_demand) == segment["profile"]["mean_demand"]
        assert f"<code>{segment['label']}</code>" in of_flow
    assert rows_of(output.read_text()) == rows


def test_programs_after_the_flow_change_no_row(demo, programs_folder):
    environment = demo.environment | {"DATABASE_URL": demo.url}
    command = [sys.executable, str(ROOT / "scripts" / "update_cluster_assignments.py"), "--dry-run"]
    shown = subprocess.run(command, cwd=programs_folder, env=environment, capture_output=True, text=True, check=True)
    assert f"updated 0, would be cleared 0, unchanged {labelled(demo.summary)}" in shown.stdout
    assert "DFUs of the file not found in dim_dfu: 0" in shown.stdout
    unlabelled = demo.summary["published"]["unlabelled"]
    assert f"DFUs left without a label: {unlabelled}" in shown.stdout


def test_mlflow_run_holds_settings_figures_files_and_the_champion(demo):
    script = (
        "import json, sys, mlflow, pandas as pd\n"
        "mlflow.set_tracking_uri(sys.argv[1]); client = mlflow.MlflowClient()\n"
        "run = client.get_run(sys.argv[2])\n"
        "version = client.get_model_version_by_alias('dfu_clustering', 'champion')\n"
        "matrix = pd.read_parquet(sys.argv[3])\n"
        "clusters = mlflow.pyfunc.load_model('models:/dfu_clustering@champion').predict(matrix)\n"
        "print(json.dumps({'params': run.data.params, 'metrics': run.data.metrics, 'tags': run.data.tags,\n"
        "  'champion': version.run_id, 'files': [f.path for f in client.list_artifacts(sys.argv[2])],\n"
        "  'experiment': client.get_experiment(run.info.experiment_id).name, 'clusters': clusters.tolist()}))\n"
    )
    store = f"sqlite:///{demo.run.parents[1] / 'mlflow' / 'mlflow.db'}"
    run_id = demo.summary["mlflow_run_id"]
    arguments = [store, run_id, str(demo.run / "clustering_features.parquet")]
    shown = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    record = json.loads(shown.stdout.splitlines()[-1])
    assert record["experiment"] == "dfu_clustering"
    assert record["champion"] == run_id
    assert record["params"]["labeling.seasonality_threshold"] == "0.5"
    assert record["tags"]["as_of_month"] == demo.summary["as_of_month"]
    assert record["tags"]["config_digest"] == demo.summary["config_digest"]
    assert record["metrics"]["k"] == demo.summary["k"]
    assert record["metrics"]["excluded.never_sold"] == demo.summary["excluded"]["never_sold"]
    assert {*SHARED_FILES, "report.html"} <= set(record["files"])
    assigned = pd.read_csv(demo.run / "cluster_assignments.csv").set_index("dfu_ck")["kmeans_cluster"]
    matrix = pd.read_parquet(demo.run / "clustering_features.parquet")
    assert record["clusters"] == assigned.loc[matrix["dfu_ck"]].tolist()
