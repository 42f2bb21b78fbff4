"""What people read says the sales table and the DFU table: what these are called is configuration."""

import ast
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from prefect import Flow

ROOT = Path(__file__).parents[2]
CANONICAL = ("dim_dfu", "dim_item", "fact_sales_monthly")
EVENTS = ("fact_sales_monthly.loaded",)  # a fixed contract


def canonical_names(text):
    for event in EVENTS:
        text = text.replace(event, "")
    return [name for name in CANONICAL if name in text]


@pytest.mark.parametrize("program", sorted((ROOT / "scripts").glob("*.py")), ids=lambda path: path.stem)
def test_help_of_a_program_names_no_table(program):
    tree = ast.parse(program.read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert canonical_names("\n".join(texts)) == []


@pytest.mark.parametrize(
    "module", ["cluster_dfus", "watch_sales_load", "restore_assignments", "backfill_history", "measure_forecast_value"]
)
def test_flow_in_prefect_names_no_table(module):
    (flow,) = [found for found in vars(import_module(f"flows.{module}")).values() if isinstance(found, Flow)]
    assert canonical_names(f"{flow.description} {flow.flow_run_name}") == []


@pytest.mark.parametrize("file", ["deploy/alerts.yaml", "prefect.yaml"])
def test_alerts_and_deployments_name_no_table(file):
    assert canonical_names(str(yaml.safe_load((ROOT / file).read_text(encoding="utf-8")))) == []
