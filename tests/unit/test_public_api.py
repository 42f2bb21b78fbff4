"""What others may import: the names, and that asking for none of them loads nothing heavy."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import dfu_clustering

NAMES = [
    *("LABELS", "TIME_SERIES_FEATURES", "ClusteringConfig", "ConfigError", "DataError", "DfuClusteringError"),
    *("Histories", "InputError", "Label", "SegmentResult", "Segmentation", "WarehouseError"),
    *("generate_panel", "history", "load_config", "segment", "segment_from_scratch", "select_k"),
    "time_series_features",
]
HEAVY = {"matplotlib", "mlflow", "numpy", "pandas", "prefect", "psycopg2", "pydantic", "scipy", "sklearn", "sqlalchemy"}
HEAVY |= {"great_expectations"}  # each takes a second or more of the CPU, or leads to one that does


def test_these_names_are_public():
    assert dfu_clustering.__all__ == NAMES
    assert set(NAMES) < set(dir(dfu_clustering))


def told_to_type_checkers():
    """Each name that the package imports for type checkers, with its module."""
    tree = ast.parse(Path(dfu_clustering.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module for node in imports for alias in node.names}


@pytest.mark.parametrize("name", NAMES)
def test_each_is_what_type_checkers_are_told(name):
    module = import_module(told_to_type_checkers()[name])
    assert getattr(dfu_clustering, name) is getattr(module, name)


def test_type_checkers_are_told_no_other_name():
    assert sorted(told_to_type_checkers()) == sorted(NAMES)


def test_a_name_that_is_not_there_is_said_as_of_any_module():
    with pytest.raises(AttributeError, match="module 'dfu_clustering' has no attribute 'histroy'"):
        dfu_clustering.__getattr__("histroy")


def loaded_after(code: str) -> set[str]:
    """The heavy packages that a fresh interpreter has loaded after some code."""
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return HEAVY & set(done.stdout.split())


def test_importing_the_package_or_its_errors_loads_nothing_heavy():
    assert loaded_after("import dfu_clustering") == set()
    assert loaded_after("from dfu_clustering import DataError, LABELS") == set()


def test_no_name_loads_what_draws_or_records_or_orchestrates():
    assert loaded_after(f"from dfu_clustering import {', '.join(NAMES)}") & {"matplotlib", "mlflow", "prefect"} == set()


def test_the_service_and_programs_that_cluster_nothing_load_nothing_that_clusters_or_draws():
    programs = ("generate_clustering_features", "update_cluster_assignments", "restore_assignments")
    modules = ", ".join(["api.app", *(f"scripts.{program}" for program in programs)])
    assert loaded_after(f"import {modules}") & {"matplotlib", "mlflow", "sklearn"} == set()


def test_a_run_loads_what_clusters_draws_judges_or_records_when_its_turn_comes():
    names = "cluster_dfus promote_run try_settings restore_assignments override_labels end_override watch_sales_load"
    flows = ", ".join(f"flows.{name}" for name in names.split())
    assert loaded_after(f"import {flows}") & {"great_expectations", "matplotlib", "mlflow", "sklearn"} == set()
