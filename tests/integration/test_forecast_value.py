"""What segments are worth, by every door: the command on a file, the program on a warehouse, the flow."""

import runpy
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import create_database, drop_database
from dfu_clustering.demo.tidy import read_tidy_sales
from dfu_clustering.files.summary import read_summary
from dfu_clustering.forecast_value.own_forecasts import ForecastVerdict
from dfu_clustering.forecast_value.verdict import Verdict
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.forecast_value import VERDICT, keep_verdict, newest_verdict, verdict_folder
from dfu_clustering.standalone import command
from dfu_clustering.steps.build_report import write_report
from dfu_clustering.steps.measure_forecast_value import record_verdict
from flows.measure_forecast_value import measure_forecast_value
from tests.planted_panels import planted_seasons
from tests.report_runs import CONFIG, make_run

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("no_data_docs", "blank_pictures"),
    pytest.mark.xdist_group("prefect_server"),  # all are of one measurement, which the flow's is compared with
]

PROGRAM = Path(__file__).parents[2] / "scripts" / "measure_forecast_value.py"
EXTENT = ["--origins", "3", "--horizon", "3", "--seeds", "1"]
N_DFUS, N_MONTHS = 40, 32


@pytest.fixture(scope="module", autouse=True)
def quick_settings(tmp_path_factory):
    """Settings with which segments are found sooner."""
    path = tmp_path_factory.mktemp("config") / "quick.yaml"
    path.write_text("clustering:\n  k_range: [3, 4]\n  n_init: 5\n  gap_references: 2\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DFU_CLUSTERING_CONFIG", str(path))
        yield


@pytest.fixture(scope="module")
def panel():
    return planted_seasons(N_DFUS, seed=5, n_months=N_MONTHS)[0]


@pytest.fixture(scope="module")
def sales(panel, tmp_path_factory):
    """A tidy file."""
    keys = pd.Series(panel.dfu_ck).str.split("_", expand=True).set_axis(["dmdunit", "dmdgroup", "loc"], axis=1)
    rows = [
        keys.assign(startdate=f"{month}-01", qty=of_month.round(2))
        for month, of_month in zip(panel.months, panel.demand.T, strict=True)
    ]
    path = tmp_path_factory.mktemp("sales") / "sales.csv"
    pd.concat(rows).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def warehouse(postgres_server, sales):
    create_database(postgres_server.url(), "forecast_value")
    load_panel(postgres_server.url("forecast_value"), read_tidy_sales(sales))
    yield postgres_server.url("forecast_value")
    drop_database(postgres_server.url(), "forecast_value")


def run_command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["dfu-clustering", "forecast-value", *map(str, arguments)])
    try:
        command.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.fixture(scope="module")
def of_file(sales, tmp_path_factory):
    """The verdict of the command on the file, and what it printed."""
    out = tmp_path_factory.mktemp("out") / "verdict.json"
    program = [sys.executable, "-m", "dfu_clustering.standalone.command", "forecast-value"]
    done = subprocess.run(
        [*program, str(sales), *EXTENT, "--out", str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return read_summary(Verdict, out), done


def test_the_command_measures_a_file_and_says_what_to_train_on(of_file):
    verdict, done = of_file
    assert verdict.sentence in done.stdout
    assert (verdict.source, verdict.as_of_month) == ("sales.csv", "2022-08")
    assert (verdict.n_dfus, verdict.of_dfus, verdict.seeds) == (N_DFUS, N_DFUS, 1)
    assert verdict.origins == ["2022-01", "2022-03", "2022-05"]
    assert len(verdict.scores) == 12 + 3
    zero = next(of for of in verdict.scores if of.name == "zero")
    assert zero.errors["wape"] == 1.0


def test_progress_is_lines_where_there_is_no_terminal(of_file):
    _, done = of_file
    assert "training done=36 of=36" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_the_program_on_the_warehouse_measures_what_the_command_does_on_the_file(
    warehouse, of_file, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("DATABASE_URL", warehouse)
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(PROGRAM), *EXTENT])
    runpy.run_path(str(PROGRAM), run_name="__main__")
    kept = newest_verdict(tmp_path)
    assert kept is not None
    assert kept.sentence in capsys.readouterr().out
    assert kept.scores == of_file[0].scores
    assert kept.source.endswith('/"dim_dfu"')


def test_the_report_says_what_to_train_on_and_where_nothing_was_measured_how_to(of_file, tmp_path, monkeypatch):
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path))
    run = make_run(tmp_path / "runs", n_dfus=60)

    def section():
        write_report(run, CONFIG, run.path(RunFile.REPORT))
        page = run.path(RunFile.REPORT).read_text(encoding="utf-8")
        return page.partition('<h2 id="worth-heading">')[2].partition("</section>")[0]

    assert "the flow measure-forecast-value does it" in section()
    keep_verdict(of_file[0], verdict_folder(tmp_path) / VERDICT)
    shown = section()
    assert of_file[0].sentence[:60] in shown
    assert f"Measured on {of_file[0].measured_at:%Y-%m-%d} with sales up to 2022-08: 40 of 40 DFUs" in shown
    assert shown.count("<tr>") == 1 + len(of_file[0].judged)
    (verdict_folder(tmp_path) / VERDICT).write_text("{}", encoding="utf-8")
    assert "the flow measure-forecast-value does it" in section()  # a damaged record costs no report


def test_the_flow_keeps_shows_and_records_the_verdict(
    warehouse, of_file, server_of_this_process, tracking_store, tmp_path, monkeypatch
):
    monkeypatch.setenv("DATABASE_URL", warehouse)
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_store)
    with temporary_settings({PREFECT_API_URL: server_of_this_process.api_url}):
        verdict = measure_forecast_value(origins=3, horizon_months=3, seeds=1)
        with get_client(sync_client=True) as prefect:
            keys = {artifact.key for artifact in prefect.read_artifacts()}
    assert verdict == newest_verdict(tmp_path)
    assert verdict.scores == of_file[0].scores
    assert {"forecast-value", "forecast-value-summary"} <= keys
    client = MlflowClient(tracking_uri=tracking_store)
    experiments = [one.experiment_id for one in client.search_experiments()]
    runs = client.search_runs(experiments, "attributes.run_name LIKE 'forecast-value-%'")
    assert runs[0].data.tags["as_of_month"] == verdict.as_of_month
    assert runs[0].data.metrics["wape.zero"] == 1.0
    assert [file.path for file in client.list_artifacts(runs[0].info.run_id)] == ["verdict.json"]


def test_a_verdict_outlives_an_mlflow_that_does_not_answer(of_file, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    keep_verdict(of_file[0], verdict_folder(tmp_path) / VERDICT)
    assert record_verdict(load_config(), tmp_path, of_file[0], "0123456789ab") is None
    assert newest_verdict(tmp_path) == of_file[0]


def test_forecasts_of_ones_own_are_judged_on_the_file(sales, panel, tmp_path, monkeypatch, capsys):
    months = [str(month) for month in panel.months]
    rows = [
        (key, months[origin], months[origin + h], panel.demand[dfu, origin + h])
        for dfu, key in enumerate(panel.dfu_ck)
        for origin in (22, 25, 28)
        for h in (1, 2, 3)
    ]
    truth = pd.DataFrame(rows, columns=["dfu_ck", "origin", "month", "forecast"])
    for name, factor in (("plain", 1.4), ("fine", 1.1)):
        truth.assign(forecast=truth["forecast"] * factor).to_csv(tmp_path / f"{name}.csv", index=False)
    out = tmp_path / "own.json"
    given = ["--forecasts", tmp_path / "plain.csv", tmp_path / "fine.csv", "--out", out]
    assert run_command(monkeypatch, sales, *given) == 0
    assert "fine is better than plain" in capsys.readouterr().out
    assert read_summary(ForecastVerdict, out).finding == "pays"
    truth.drop(columns="origin").to_csv(tmp_path / "plain.csv", index=False)
    assert run_command(monkeypatch, sales, *given) == 2
    assert "name the columns dfu_ck, origin, month and forecast" in capsys.readouterr().err


def test_a_file_with_too_few_months_is_refused_before_any_training(sales, tmp_path, monkeypatch, capsys):
    short = pd.read_csv(sales)
    short[short["startdate"] < "2021-06"].to_csv(tmp_path / "short.csv", index=False)
    assert run_command(monkeypatch, tmp_path / "short.csv") == 2
    assert "on 32 months of sales at least" in capsys.readouterr().err
