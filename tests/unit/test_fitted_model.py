"""A stored model is data: what was stored is read to the last bit, and nothing else is."""

import json
import pickle
from pathlib import Path

import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import read_json, read_table
from dfu_clustering.mlflow_loader import load_model
from dfu_clustering.outputs.feature_matrix import read_matrix
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.segments.continuation import continue_published
from dfu_clustering.segments.fitted_model import parse_model

# written by the commit that brought schema 1 (tests/stored_runs/README.md); never written again
STORED = Path(__file__).parents[1] / "stored_runs" / "schema_1"
SETTINGS = {"k_range": (3, 5), "gap_references": 2, "n_init": 5}
MODEL = (STORED / "cluster_model.json").read_bytes()


def refused(content, match):
    with pytest.raises(DataError, match=match) as refusal:
        parse_model(content, source="cluster_model.json of some run")
    assert "cluster_model.json of some run" in refusal.value.found
    assert "have labels made from scratch, with override_reason" in refusal.value.remedy


def changed(*path, value):
    """Return the stored model with one value changed."""
    model = json.loads(MODEL)
    inner = model
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return json.dumps(model).encode()


class TestRunStoredInSchema1:
    def test_its_model_puts_every_dfu_into_the_cluster_that_it_was_in(self):
        matrix = read_matrix(RunFolder(STORED))
        stored = read_table(STORED / "cluster_assignments.csv", text_columns=frozenset({"dfu_ck"}))
        assert load_model(STORED / "cluster_model.json").predict(matrix).tolist() == stored["cluster_id"].tolist()

    def test_a_model_of_all_features_attributes_and_components_is_read_as_well(self):
        matrix = read_matrix(RunFolder(STORED).placing(RunFile.MATRIX, STORED / "matrix_with_attributes.parquet"))
        expected = read_json(STORED / "clusters_of_all_features.json")["cluster_id"]
        assert load_model(STORED / "model_of_all_features.json").predict(matrix).tolist() == expected
        assert len(set(expected)) > 1

    def test_it_is_continued_and_the_same_month_gives_the_same_clusters(self):
        matrix = read_matrix(RunFolder(STORED))
        published = PublishedFiles.in_folder(STORED).model
        segmentation, continuity = continue_published(load_config(**SETTINGS), matrix, published, months=0)
        assert segmentation.assignment.cluster_id.tolist() == published.members["cluster_id"].tolist()
        assert not continuity.refit

    @pytest.mark.parametrize("name", ["cluster_model.json", "model_of_all_features.json"])
    def test_it_is_written_as_it_was_read(self, name):
        content = (STORED / name).read_bytes()
        assert parse_model(content, source=name).to_dict() == json.loads(content)


class TestRefused:
    def test_a_pickle(self):
        refused(pickle.dumps({"format": "dfu-clustering model"}), "something else than JSON")

    @pytest.mark.parametrize("content", [b"", b"{", MODEL[: len(MODEL) // 2], b"[" * 100_000, b"\xff\xfe{}"])
    def test_half_a_file_or_no_json(self, content):
        refused(content, "something else than JSON")

    @pytest.mark.parametrize("content", [b"[]", b"{}", b"null", b'{"format": "scikit-learn", "schema_version": 1}'])
    def test_json_of_another_kind(self, content):
        refused(content, "JSON of another kind")

    @pytest.mark.parametrize("written", [0, 2, "1", None, True, 1.0])
    def test_another_schema_version(self, written):
        refused(changed("schema_version", value=written), f"schema_version {written!r}, while this version reads 1")

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("unknown",), 1),
            (("settings", "feature_set"), "os.system"),
            (("settings", "unknown"), 1),
            (("settings", "min_variance"), -1),
            (("columns",), "all"),
            (("centroids", 0, 0), "1.5"),
            (("centroids", 0, 0), None),
            (("drift_reference", "n_dfus"), "many"),
        ],
    )
    def test_foreign_content(self, path, value):
        refused(changed(*path, value=value), "wrong values, the first")

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("columns",), ["one"]),
            (("matrix_columns",), ["one"]),
            (("settings", "use_pca"), True),
            (("settings", "feature_set"), "all"),
            (("settings", "discount_noise"), False),
            (("centroids",), []),
            (("centroids",), [[1.0], [2.0]]),
            (("centroids", 0), [1.0]),
            (("preprocessing",), {}),
            (("preprocessing", "space", "time_series", "variances"), {}),
            (("preprocessing", "space", "time_series", "block", "imputation", "medians"), [1.0]),
            (("preprocessing", "space", "time_series", "block", "imputation", "medians"), "1.0"),
            (("preprocessing", "space", "time_series", "block", "winsorising", "bounds"), [[0.0], [1.0, 2.0]]),
            (("preprocessing", "space", "time_series", "block", "low_variance", "kept"), [1, 0, 1]),
            (("preprocessing", "space", "time_series", "block", "scaling", "scale"), [True]),
            (("drift_reference", "edges"), {}),
            (("drift_reference", "n_dfus"), 0),
            (("drift_reference", "shares", "log_growth"), [0.5, 0.5]),
            (("drift_reference", "shares", "log_growth"), [0.0] * 10),
            (("drift_reference", "edges", "log_growth"), [1.0, 0.5]),
            (("preprocessing", "foreign"), "import os"),
            (("preprocessing", "space", "time_series", "block", "scaling", "scale"), [0.0] * 11),
            (("preprocessing", "space", "time_series", "block", "scaling", "foreign"), 1),
        ],
    )
    def test_values_that_do_not_fit_together(self, path, value):
        refused(changed(*path, value=value), "values that do not fit together")

    def test_numbers_that_are_none(self):
        refused(MODEL.replace(b'"far_distance": ', b'"far_distance": NaN, "x": '), "something else than JSON")
