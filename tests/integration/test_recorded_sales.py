"""What MLflow shows of the sales that a run has read, and the tags of its model: in a real store."""

import json
import shutil

import pytest
from mlflow import MlflowClient

from dfu_clustering.files.tables import read_first_rows
from dfu_clustering.loads.sales_loads import SalesState
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.manifest import READ_SALES_STATE
from dfu_clustering.steps.record_run import _read_sales
from dfu_clustering.tracking.writer import RunRecord, record_run
from tests.report_runs import CONFIG, make_run

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("blank_pictures")]


def test_a_run_in_mlflow_has_its_sales_and_its_model_month_and_load(empty_mlflow, tmp_path, monkeypatch):
    shutil.copytree(empty_mlflow, tmp_path / "mlflow")
    address = f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.chdir(tmp_path)
    run = make_run(tmp_path / "runs")
    state = SalesState(
        as_of_month="2026-10",
        rows=12_345,
        newest_load_ts=None,
        newest_modified_ts=None,
        total_qty="1",
        months={"2026-10": "a"},
    )
    run.once(READ_SALES_STATE, lambda: state)
    sales = _read_sales(run, "fact_sales_monthly")
    record = RunRecord(
        name=run.name, params={}, metrics={}, tags={"as_of_month": "2026-10"}, artifacts=tmp_path / "runs" / run.name,
        model=run.path(RunFile.MODEL), matrix=read_first_rows(run.path(RunFile.MATRIX), 50), champion=True, sales=sales,
    )  # fmt: skip
    for _ in range(2):  # a run that is recorded again has its sales once
        run_id = record_run(record, config=CONFIG.tracking, default_folder=tmp_path / "mlflow")
    client = MlflowClient(tracking_uri=address)
    inputs = client.get_run(run_id).inputs
    assert inputs is not None
    (read,) = inputs.dataset_inputs
    assert (read.dataset.name, read.dataset.digest) == ("fact_sales_monthly", state.fingerprint)
    assert json.loads(read.dataset.profile or "") == {
        "rows": 12_345,
        "as_of_month": "2026-10",
        "load_id": state.load_id,
    }
    model = client.get_model_version_by_alias(CONFIG.tracking.registered_model, "champion")
    assert model.tags == {"as_of_month": "2026-10", "load_id": state.load_id}
