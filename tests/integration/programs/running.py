"""The programs, run in the process of a test."""

import runpy
import sys
from pathlib import Path

import psycopg2
import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
FEATURES, TRAIN, LABEL, UPDATE, REPORT = (
    "generate_clustering_features",
    "train_clustering_model",
    "label_clusters",
    "update_cluster_assignments",
    "build_report",
)
MARKS = [
    pytest.mark.integration,
    pytest.mark.usefixtures("quick_settings", "blank_pictures"),
    pytest.mark.xdist_group("programs"),
]


def run_program(name, *arguments):
    """Run a program in this process and the current folder; return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *map(str, arguments)])
        try:
            runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
        except SystemExit as stop:
            return stop.code
    return 0


def execute(url, *statements):
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def labels_of(url):
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT dfu_ck, cluster_assignment, modified_ts FROM dim_dfu ORDER BY dfu_ck")
        return cursor.fetchall()
