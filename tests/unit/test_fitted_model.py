"""A stored model is data: what was stored is read to the last bit, and nothing else is."""

import json
import pickle
from pathlib import Path
from typing import Any

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

RUNS = Path(__file__).parents[1] / "stored_runs"  # never written again, see its README.md
STORED = RUNS / "schema_2"
SETTINGS: dict[str, Any] = {"k_range": (3, 5), "gap_references": 2, "n_init": 5}
MODEL = (STORED / "cluster_model.json").read_bytes()
BLOCK = ("preprocessing", "space", "time_series", "block", "parts")
LEVELS = (*BLOCK, "levels")


def refused(content, match):
    with pytest.raises(DataError, match=match) as refusal:
        parse_model(content, source="cluster_model.json of some run")
    assert "cluster_model.json of some run" in refusal.value.found
    assert "make labels from scratch: give the flow an override_reason" in refusal.value.remedy


def changed(*path, value):
    """Return the stored model with one value changed."""
    model = json.loads(MODEL)
    inner = model
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return json.dumps(model).encode()


class TestRunStoredInSchema2:
    def test_its_model_puts_every_dfu_into_the_cluster_that_it_was_in(self):
        matrix = read_matrix(RunFolder(STORED), load_config())
        stored = read_table(STORED / "cluster_assignments.csv", text_columns=frozenset({"dfu_ck"}))
        assert load_model(STORED / "cluster_model.json").predict(matrix).tolist() == stored["kmeans_cluster"].tolist()

    def test_a_model_of_all_features_attributes_and_components_is_read_as_well(self):
        folder = RunFolder(STORED).placing(RunFile.MATRIX, STORED / "matrix_with_attributes.parquet")
        model = load_model(STORED / "model_of_all_features.json")
        expected = read_json(STORED / "clusters_of_all_features.json")["kmeans_cluster"]
        assert model.predict(read_matrix(folder, model.settings)).tolist() == expected
        assert len(set(expected)) > 1

    def test_it_is_continued_and_the_same_month_gives_the_same_labels(self):
        matrix = read_matrix(RunFolder(STORED), load_config())
        published = PublishedFiles.in_folder(STORED).model
        segmentation, continuity = continue_published(load_config(**SETTINGS), matrix, published)
        labels = [segmentation.labels[segment].text for segment in segmentation.segment]
        assert dict(zip(matrix["dfu_ck"], labels, strict=True)) == published.labels.to_dict()
        assert not continuity.refit

    @pytest.mark.parametrize("name", ["cluster_model.json", "model_of_all_features.json"])
    def test_it_is_written_as_it_was_read(self, name):
        content = (STORED / name).read_bytes()
        assert parse_model(content, source=name).to_dict() == json.loads(content)


class TestRunStoredInSchema1:
    def test_it_is_not_continued_and_the_refusal_says_what_to_do(self):
        with pytest.raises(DataError) as refusal:
            _ = PublishedFiles.in_folder(RUNS / "schema_1").model
        assert refusal.value.found.endswith(
            "schema_version 1, whose labels are words of whole clusters, not of each DFU; this version reads 2"
        )
        assert refusal.value.remedy.startswith("look at the report of a run with dry_run=true, then make labels")
        assert "make labels from scratch: give the flow an override_reason" in refusal.value.remedy
        assert "leave out --published" in refusal.value.remedy

    @pytest.mark.parametrize("name", ["cluster_model.json", "model_of_all_features.json"])
    def test_none_of_its_models_is_read(self, name):
        with pytest.raises(DataError, match="schema_version 1, whose labels are words of whole clusters"):
            load_model(RUNS / "schema_1" / name)


class TestRefused:
    def test_a_pickle(self):
        refused(pickle.dumps({"format": "dfu-clustering model"}), "text that is not JSON")

    @pytest.mark.parametrize("content", [b"", b"{", MODEL[: len(MODEL) // 2], b"[" * 100_000, b"\xff\xfe{}"])
    def test_half_a_file_or_no_json(self, content):
        refused(content, "text that is not JSON")

    @pytest.mark.parametrize("content", [b"[]", b"{}", b"null", b'{"format": "scikit-learn", "schema_version": 2}'])
    def test_json_of_another_kind(self, content):
        refused(content, "JSON that is not a")

    @pytest.mark.parametrize("written", [0, 3, "2", None, True, 2.0])
    def test_another_schema_version(self, written):
        refused(changed("schema_version", value=written), f"schema_version {written!r}, while this version reads 2")

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("unknown",), 1),
            (("settings", "feature_set"), "os.system"),
            (("settings", "unknown"), 1),
            (("settings", "min_variance"), -1),
            (("columns",), "all"),
            (("kmeans_centroids", 0, 0), "1.5"),
            (("kmeans_centroids", 0, 0), None),
            (("clusters", 0, "centroid", 0), "1.5"),
            (("clusters", 0, "pattern"), None),
            (("clusters", 0, "traits"), "rising"),
            (("clusters", 0, "sparsity_bound_months"), "2"),
            (("clusters", 0, "unknown"), 1),
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
            (("kmeans_centroids",), []),
            (("kmeans_centroids",), [[1.0], [2.0]]),
            (("kmeans_centroids", 0), [1.0]),
            (("clusters",), []),
            (("clusters", 0, "centroid"), [1.0]),
            (("clusters", 0, "pattern"), "popular"),
            (("clusters", 0, "pattern"), "inactive"),  # of DFUs that are not clustered
            (("clusters", 0, "traits"), ["larger"]),
            (("preprocessing",), {}),
            (("preprocessing", "space", "time_series", "variances"), {}),
            ((*LEVELS, "imputation", "medians"), [1.0]),
            ((*LEVELS, "imputation", "medians"), "1.0"),
            ((*LEVELS, "winsorising", "bounds"), [[0.0], [1.0, 2.0]]),
            ((*LEVELS, "low_variance", "kept"), [1, 0, 1]),
            ((*LEVELS, "scaling", "scale"), [True]),
            ((*BLOCK, "season", "scale"), 0.0),
            ((*BLOCK, "season", "scale"), [1.0]),
            (("drift_reference", "edges"), {}),
            (("drift_reference", "n_dfus"), 0),
            (("drift_reference", "shares", "log_growth"), [0.5, 0.5]),
            (("drift_reference", "shares", "log_growth"), [0.0] * 10),
            (("drift_reference", "edges", "log_growth"), [1.0, 0.5]),
            (("preprocessing", "foreign"), "import os"),
            ((*LEVELS, "scaling", "scale"), [0.0] * 8),
            ((*LEVELS, "scaling", "foreign"), 1),
        ],
    )
    def test_values_that_do_not_fit_together(self, path, value):
        refused(changed(*path, value=value), "values that do not fit together")

    def test_numbers_that_are_none(self):
        refused(MODEL.replace(b'"far_distance": ', b'"far_distance": NaN, "x": '), "text that is not JSON")
