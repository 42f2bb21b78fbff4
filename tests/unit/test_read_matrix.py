"""Of a feature matrix that is what clustering uses: features, and attributes that have or had a weight."""

import shutil
from pathlib import Path

import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.features.attributes import DFU_ATTRIBUTES, ITEM_ATTRIBUTES
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES
from dfu_clustering.files.tables import write_table
from dfu_clustering.outputs.feature_matrix import read_matrix
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.published_files import PublishedFiles

STORED = Path(__file__).parents[1] / "stored_runs" / "schema_2"
FEATURES = ["dfu_ck", *(feature.name for feature in TIME_SERIES_FEATURES)]
OF_ITEM, OF_DFU = ([one.name for one in attributes] for attributes in (ITEM_ATTRIBUTES, DFU_ATTRIBUTES))


@pytest.fixture
def files():
    return RunFolder(STORED).placing(RunFile.MATRIX, STORED / "matrix_with_attributes.parquet")


@pytest.fixture
def published_with_attributes(tmp_path):
    folder = shutil.copytree(STORED, tmp_path / "published")
    shutil.copy(STORED / "model_of_all_features.json", folder / RunFile.MODEL)
    return PublishedFiles.in_folder(folder)


def test_attributes_without_a_weight_are_not_read(files):
    assert list(read_matrix(files, load_config())) == FEATURES


def test_attributes_with_a_weight_are(files):
    assert list(read_matrix(files, load_config(attributes={"item": 1.0}))) == FEATURES + OF_ITEM
    assert list(read_matrix(files, load_config(attributes={"dfu": 0.5}))) == FEATURES + OF_DFU


def test_those_of_the_run_that_is_continued_are_too(files, published_with_attributes):
    assert list(read_matrix(files, load_config(), published_with_attributes)) == FEATURES + OF_ITEM + OF_DFU
    with_item = read_matrix(files, load_config(attributes={"item": 1.0}), published_with_attributes)
    assert list(with_item) == FEATURES + OF_ITEM + OF_DFU


def test_texts_that_look_like_numbers_stay_texts_in_a_csv_file(files, tmp_path):
    matrix = read_matrix(files, load_config(attributes={"item": 1.0}))
    text = next(one.name for one in ITEM_ATTRIBUTES if one.kind == "categorical")
    write_table(matrix.assign(**{text: "007"}), tmp_path / "matrix.csv")
    placed = RunFolder(tmp_path).placing(RunFile.MATRIX, tmp_path / "matrix.csv")
    assert set(read_matrix(placed, load_config(attributes={"item": 1.0}))[text]) == {"007"}
