"""One configuration tree: defaults once, overrides through the same model, errors that say what to do."""

import pytest
import yaml
from pydantic import BaseModel

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import DEFAULTS_PATH, load_config
from dfu_clustering.errors import ConfigError

# the user's own keys and defaults, as the project was ordered
USERS_CONFIG = """
clustering:
  min_months_history: 12
  time_window_months: 24
  k_range: [3, 12]
  min_cluster_size_pct: 1.0
  feature_scaling: "standard"
  use_pca: false
  labeling:
    volume_thresholds: { high: 0.75, low: 0.25 }
    cv_thresholds: { steady: 0.3, volatile: 0.8 }
    seasonality_threshold: 0.5
    zero_demand_threshold: 0.2
"""


def contains(whole, part):
    return all(contains(whole[k], v) if isinstance(v, dict) else whole[k] == v for k, v in part.items())


def test_yaml_holds_the_users_defaults():
    ours = yaml.safe_load(DEFAULTS_PATH.read_text())["clustering"]
    assert contains(ours, yaml.safe_load(USERS_CONFIG)["clustering"])


def test_users_own_file_is_completed_by_the_defaults(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(USERS_CONFIG.replace("12\n", "18\n", 1))
    config = load_config(path)
    assert config.min_months_history == 18
    assert config.gap_references == load_config().gap_references


def test_model_itself_holds_no_default():
    assert [name for name, field in ClusteringConfig.model_fields.items() if not field.is_required()] == []


def undescribed(model, prefix=""):
    for name, field in model.model_fields.items():
        if not field.description:
            yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from undescribed(field.annotation, f"{prefix}{name}.")


def test_every_key_says_what_it_means():
    bounds_of_limits = ("warning", "critical")  # Limits says once what they are
    assert [key for key in undescribed(ClusteringConfig) if not key.endswith(bounds_of_limits)] == []


def test_override_changes_only_its_key():
    changed = load_config(k_range=(4, 6), labeling={"seasonality_threshold": 0.7})
    assert changed.k_range == (4, 6)
    assert changed.labeling.seasonality_threshold == 0.7
    assert changed.labeling.cv_thresholds == load_config().labeling.cv_thresholds


def test_override_by_none_leaves_the_files_value():
    assert load_config(seed=None).seed == load_config().seed


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"k_rang": (3, 5)}, r"unknown key k_rang \(did you mean k_range\?\)"),
        ({"seasonality_threshold": 0.4}, r"\(did you mean labeling.seasonality_threshold\?\)"),
        ({"labeling": {"volume_thresholds": {"hgh": 0.8}}}, r"did you mean labeling.volume_thresholds.high\?"),
        ({"winsorize_quantiles": {"hgh": 0.8}}, r"did you mean winsorize_quantiles.high\?"),
        (
            {"labeling": {"zero_demand": 0.2}},
            r"unknown key labeling.zero_demand \(did you mean labeling.zero_demand_threshold",
        ),
        ({"seed": -1}, r"seed = -1: .*greater than or equal to 0"),
        ({"k_range": (9, 3)}, r"from smaller to larger, not from 9 to 3"),
        ({"time_window_months": 6}, r"time_window_months \(6\) must not be shorter than min_months_history \(12\)"),
        ({"time_window_months": "some"}, r"time_window_months.*'some'"),
        ({"min_cluster_size_pct": 80}, r"min_cluster_size_pct = 80: .*less than or equal to 50"),
        ({"feature_set": "shapes"}, r"feature_set = 'shapes'"),
        ({"silhouette_sample": 1_000_000}, r"silhouette_sample = 1000000: .*less than or equal to 100000"),
        ({"selection_sample": 2_000_000}, r"selection_sample = 2000000: .*less than or equal to 1000000"),
        ({"tracking": {"registered_model": "dfu' OR '1"}}, r"tracking.registered_model = .*match pattern"),
        ({"tracking": {"experiment": ""}}, r"tracking.experiment = '': it must not be blank"),
        ({"labeling": {"volume_thresholds": {"low": 0.9}}}, r"low must be below high, not 0.9 and 0.75"),
    ],
)
def test_bad_setting_is_named_with_its_value_and_bound(overrides, message):
    with pytest.raises(ConfigError, match=message):
        load_config(**overrides)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("clustering: [1", "readable YAML"),
        ("min_months_history: 12", "single top-level key 'clustering'"),
        ("- clustering", "single top-level key 'clustering'"),
    ],
)
def test_unusable_file_is_an_error_that_names_it(tmp_path, content, message):
    path = tmp_path / "broken.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(path)
    assert str(path) in str(caught.value)


def test_missing_file_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match="readable YAML"):
        load_config(tmp_path / "absent.yaml")


def test_digest_changes_with_what_changes_results_only():
    base = load_config()
    assert load_config().digest() == base.digest()
    assert load_config(seed=43).digest() != base.digest()
    assert load_config(labeling={"growth_threshold": 0.06}).digest() != base.digest()
    assert load_config(tracking={"experiment": "other"}).digest() == base.digest()


def test_digest_changes_with_the_sales_and_attributes_that_count_and_not_with_what_tables_are_called():
    base = load_config()
    assert load_config(warehouse={"sales_filter": {"type": 2}}).digest() != base.digest()
    assert load_config(warehouse={"attributes": []}).digest() != base.digest()
    assert load_config(warehouse={"tables": {"dfu": "dim_sku"}, "schema": "Sales Data"}).digest() == base.digest()


def test_configuration_file_may_be_named_by_the_environment(tmp_path, monkeypatch):
    path = tmp_path / "mine.yaml"
    path.write_text("clustering: {seed: 5}")
    monkeypatch.setenv("DFU_CLUSTERING_CONFIG", str(path))
    assert load_config().seed == 5


def test_weight_of_attributes_that_the_list_does_not_name_is_an_error():
    of_dfus = {"attributes": [{"name": "channel", "table": "dfu", "kind": "categorical"}], "shown": None}
    assert load_config(attributes={"dfu": 1.0}, warehouse=of_dfus).attributes.dfu == 1.0
    with pytest.raises(ConfigError, match=r"attributes\.item is above 0 and warehouse\.attributes names no feature"):
        load_config(attributes={"item": 1.0}, warehouse=of_dfus)
