"""Training on a file of features, and labels from the files of a training."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.files.tables import read_json
from tests.integration.programs.running import FEATURES, LABEL, MARKS, TRAIN

pytestmark = MARKS


def test_training_refuses_fewer_dfus_than_clusters(program, data, tmp_path):
    pd.read_csv(data / "clustering_features.csv").head(2).to_csv("two.csv", index=False)
    code, _, error = program(TRAIN, "--input", "two.csv", "--output-dir", "model")
    assert code == 2
    assert "2 DFUs" in error
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns=["mean_demand", "cv_demand"]), "(2: 'mean_demand', 'cv_demand')"),
        (lambda frame: pd.concat([frame, frame.head(3)]), "must hold every dfu_ck once"),
        (lambda frame: frame.assign(dfu_ck=frame["dfu_ck"].where(frame.index > 1)), "must have a dfu_ck in every row"),
        (lambda frame: frame.assign(mean_demand=frame["mean_demand"].where(frame.index > 0, 0)), "must have demand"),
        (lambda frame: frame.assign(cv_demand="much"), "Features must be numbers. Found: text"),
    ],
)
def test_training_refuses_a_broken_matrix_and_writes_nothing(program, data, tmp_path, change, message):
    change(pd.read_csv(data / "clustering_features.csv")).to_csv("broken.csv", index=False)
    code, _, error = program(TRAIN, "--input", "broken.csv", "--output-dir", "model")
    assert code == 2
    assert message in error
    assert not (tmp_path / "model").exists()


def test_training_records_history_and_window_as_the_features_were_built(program, warehouse):
    program(FEATURES, "--min-months", "6", "--time-window", "18")
    code, _, error = program(TRAIN)
    assert code == 0, error
    metadata = read_json(Path("data/clustering/cluster_metadata.json"))
    assert (metadata["config"]["min_months_history"], metadata["config"]["time_window_months"]) == (6, 18)
    assert metadata["config_digest"] == load_config(min_months_history=6, time_window_months=18).digest()


def test_companions_of_another_matrix_are_not_used(program, data, caplog):
    matrix = data / "clustering_features.csv"
    pd.read_csv(matrix).tail(100).to_csv(matrix, index=False)
    assert program(TRAIN, "--input", matrix, "--output-dir", "model")[0] == 0
    assert "belongs to another matrix" in caplog.text
    assert read_json(Path("model/cluster_metadata.json"))["as_of_month"] is None
    assert not Path("model/typical_dfus.csv").exists()


@pytest.mark.parametrize("k_range", [("9", "3"), ("1", "4")])
def test_training_refuses_an_impossible_range(program, k_range):
    code, _, error = program(TRAIN, "--k-range", *k_range)
    assert code == 2
    assert "k_range" in error


@pytest.mark.parametrize(
    ("centroids", "assignments", "metadata"),
    [("three", "six", "three"), ("six", "three", "six"), ("three", "three", "six")],
)
def test_labelling_refuses_files_of_different_trainings(program, trainings, centroids, assignments, metadata):
    code, _, error = program(
        LABEL,
        *("--centroids", trainings / centroids / "cluster_centroids.csv"),
        *("--assignments", trainings / assignments / "cluster_assignments.csv"),
        *("--metadata", trainings / metadata / "cluster_metadata.json"),
    )
    assert code == 2
    assert "must come from the same training" in error


def test_program_goes_on_from_no_clusters_of_another_warehouse(program, warehouse, data, tmp_path):
    other = shutil.copytree(data / "clustering", tmp_path / "published")
    for name in ("cluster_labels.csv", "cluster_assignments.csv"):
        table = pd.read_csv(other / name, dtype=str)
        table.assign(dfu_ck="other " + table["dfu_ck"]).to_csv(other / name, index=False)
    model = read_json(other / "cluster_model.json")
    before = (data / "clustering" / "cluster_metadata.json").read_bytes()
    for name in (TRAIN, LABEL):
        code, out, err = program(name, "--published", other)
        assert (code, out) == (2, "")
        assert "only 0% of the " in err
        assert "another assortment or warehouse" in err
        assert "move data/published away" in err
    assert (data / "clustering" / "cluster_metadata.json").read_bytes() == before
    assert read_json(other / "cluster_model.json") == model
