"""The suites as declared: every expectation is named and explained, and they know what the library knows."""

import re
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.archetypes import draw_traits, simulate_demand
from dfu_clustering.errors import ConfigError
from dfu_clustering.features.histories import Histories
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES, time_series_features
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.months import month_range, parse_month
from dfu_clustering.publishing.outcome import PublishSummary, Transition
from dfu_clustering.quality.gate_reports import SUITES
from dfu_clustering.runs.summaries import FeatureSummary
from dfu_clustering.warehouse.catalog import FoundTable
from expectations.engine.checks import PARAMETER, Moment
from expectations.suites import assignments, dim_dfu, dim_item, fact_sales_monthly, features
from expectations.suites.attributes import attribute_columns
from expectations.suites.columns import columns_batches
from expectations.suites.feature_profile import Broken, FeatureProfile
from expectations.suites.sales_bounds import sales_bounds
from tests.unit.test_expected_levels import months

CONFIG = load_config()
OCTOBER = parse_month("2026-10")
MOMENT = Moment(OCTOBER, chosen=False, dfus_before=None)
LABELS_FILE = pd.DataFrame({"dfu_ck": ["a", "b"], "cluster_id": [0, 1], "cluster_label": ["low_volume", "high_volume"]})


def publishing(*transitions, not_found=0):
    counts: dict[str, Any] = {"updated": 1, "unchanged": 1, "cleared": 0, "unlabelled": 0}
    rows = tuple(Transition(old_label=old, new_label=new, dfus=dfus) for old, new, dfus in transitions)
    return PublishSummary(**counts, not_found=not_found, not_found_keys=(), transitions=rows, dry_run=True)


def histories(n_dfus=300, n_months=36, fewest_months=3):
    rng = np.random.default_rng(3)
    traits = draw_traits(rng, n_dfus, n_months)
    demand = np.maximum(simulate_demand(rng, traits, month_range(OCTOBER, n_months)), 0)
    length = rng.integers(fewest_months, n_months + 1, n_dfus)
    demand[np.arange(n_months) < n_months - length[:, None]] = 0
    demand[np.arange(n_dfus), n_months - length] += 1
    return Histories(np.array([f"d{i}" for i in range(n_dfus)], dtype=object), demand, length, OCTOBER)


def summary(**counts):
    return FeatureSummary.model_construct(**({"n_dfus": 2, "clustered": 2, "sales_rows": 0} | counts))


def profiled(rows):
    """Return the profile of a matrix in which nothing is wrong."""
    right = {name: Broken() for name in features.RANGES}
    same = dict.fromkeys(features.RANGES, 1.0)
    return FeatureProfile(rows, Broken(), right, right, same, same)


def columns_of(suite):
    names = CONFIG.warehouse
    table = FoundTable(getattr(names.tables, suite.ROLE))
    return columns_batches(table, suite.columns(names), attribute_columns(names, suite.ROLE))


def all_batches():
    excluded = pd.DataFrame({"dfu_ck": [], "reason": []})
    for suite in (fact_sales_monthly, dim_dfu, dim_item):
        yield suite.TABLE, [*columns_of(suite), *suite.batches(CONFIG, MOMENT)]
    yield fact_sales_monthly.TABLE, fact_sales_monthly.batches_of_what_sells(CONFIG, MOMENT)
    yield "features", features.batches(profiled(1), excluded, summary())
    labels = assignments.label_batches(CONFIG, LABELS_FILE, LABELS_FILE["dfu_ck"])
    yield "assignments", [*labels, assignments.publishing_batch(CONFIG, publishing())]


def meta(expectation):
    return expectation.meta


DECLARED = [(suite, e) for suite, batches in all_batches() for batch in batches for e in batch.expectations]


@pytest.mark.parametrize(("refit", "severity"), [("auto", "critical"), ("always", "critical"), ("never", "warning")])
def test_small_segment_stops_a_run_only_where_clusters_may_be_fitted_again(refit, severity):
    batches = assignments.label_batches(load_config(refit=refit), LABELS_FILE, LABELS_FILE["dfu_ck"])
    by_name = {meta(e)["name"]: e.severity.value for batch in batches for e in batch.expectations}
    assert by_name["segment_is_large_enough"] == severity


def test_every_suite_is_declared_and_has_a_name_that_may_be_skipped():
    assert tuple(dict.fromkeys(suite for suite, _ in DECLARED)) == SUITES


def test_every_expectation_has_a_name_a_severity_and_a_sentence():
    for _, expectation in DECLARED:
        assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", meta(expectation)["name"])
        assert expectation.severity.value in ("critical", "warning")
        assert re.fullmatch(r"\w.{15,}\.", expectation.description)


def test_every_expectation_says_in_words_of_its_own_what_is_wrong_where_it_fails():
    for _, expectation in DECLARED:
        assert re.fullmatch(r"\w.{15,}\.", expectation.meta["failure"])
        assert expectation.meta["failure"] != expectation.description


def test_an_expectation_is_declared_once_a_severity():
    names = [(suite, meta(e)["name"], e.severity.value) for suite, e in DECLARED]
    assert len(names) == len(set(names)) > 100


def test_an_essential_batch_is_critical():
    essential = [e for _, batches in all_batches() for b in batches if b.essential for e in b.expectations]
    assert len(essential) >= 7
    assert {e.severity.value for e in essential} == {"critical"}


def test_graded_expectations_warn_before_they_stop():
    limits: dict[tuple[str, str], dict[str, float]] = {}
    for suite, e in DECLARED:
        high = getattr(e, "max_value", None)
        if isinstance(high, int | float) and high < sys.float_info.max:
            limits.setdefault((suite, meta(e)["name"]), {})[e.severity.value] = high
    graded = {name: found for name, found in limits.items() if len(found) == 2}
    assert len(graded) >= 6
    assert [name for name, found in graded.items() if found["warning"] > found["critical"]] == []


def test_every_parameter_of_the_sales_is_a_bound_that_the_history_gives():
    given = sales_bounds(CONFIG, months([400.0] * 36), chosen=False)
    asked = {
        setting[PARAMETER]
        for suite, e in DECLARED
        if suite == "fact_sales_monthly"
        for setting in e.configuration.kwargs.values()
        if isinstance(setting, dict) and PARAMETER in setting
    }
    assert len(asked) > 15
    assert asked - {"stray_months"} <= {name for name, value in given.items() if value is not None}
    chosen = sales_bounds(CONFIG, months([400.0] * 36), chosen=True)
    assert chosen["before_next_month"] is None  # whoever asks for a month may ask for an old one


# What the suites know of the library


def test_ranges_cover_every_numeric_feature_and_nothing_else():
    assert set(features.RANGES) == {feature.name for feature in TIME_SERIES_FEATURES} - {"demand_class"}
    assert set(features.CLUSTERED) | features.MAY_BE_UNDEFINED <= set(features.RANGES)


def test_features_of_histories_from_three_months_on_keep_their_ranges():
    matrix = time_series_features(histories())
    assert matrix["history_months"].min() == 3
    for name, (low, high) in features.RANGES.items():
        values = matrix[name].to_numpy(dtype=float)
        assert name in features.MAY_BE_UNDEFINED or not np.isnan(values).any(), name
        assert np.nanmin(values) >= low - 1e-9, name
        assert np.nanmax(values) <= high + 1e-9, name


def test_features_that_are_declared_so_are_really_undefined_now_and_then():
    matrix = time_series_features(histories())
    demand = np.ones((3, 36))
    demand[1, :3] = 0  # a pause when the window begins
    demand[2, 12:] = 0  # no demand in the season's window, which is shorter
    keys = np.array(["flat", "paused", "stopped"], dtype=object)
    lengths, of_season = np.array([36, 36, 36]), np.array([36, 36, 24])
    special = time_series_features(Histories(keys, demand, lengths, OCTOBER, of_season))
    undefined = {name for name in features.RANGES if matrix[name].isna().any() or special[name].isna().any()}
    assert undefined == features.MAY_BE_UNDEFINED


def test_labels_that_the_rules_make_are_known():
    assert [text for text in LABELS if not re.search(assignments.LABEL, text)] == []


@pytest.mark.parametrize(
    "label", ["", "Cluster 3", "huge_volume", "high_volume ", "High_volume", "x_high_volume", "low_volume_3", "new"]
)
def test_labels_that_no_rule_makes_are_not(label):
    assert not re.search(assignments.LABEL, label)


def test_columns_are_those_that_the_project_reads_and_writes():
    sales, dfus, items = (
        suite.columns(CONFIG.warehouse) | attribute_columns(CONFIG.warehouse, suite.ROLE)
        for suite in (fact_sales_monthly, dim_dfu, dim_item)
    )
    assert {"startdate", "qty", "type", "load_ts"} < set(sales)
    assert {"cluster_assignment", "modified_ts", "region", "alcoh_pct"} < set(dfus)
    assert (items["case_weight"], items["class"]) == ("number", "text")


def test_a_domain_of_a_column_that_nobody_reads_is_a_configuration_error():
    config = load_config(data_quality={"domains": {"dim_dfu.colour": ["RED"]}})
    with pytest.raises(ConfigError, match=r"text columns that the project reads.*colour"):
        dim_dfu.batches(config, MOMENT)
    assert len(dim_item.batches(config, MOMENT)) == 2  # it is not this table's


def test_a_domain_may_be_switched_off():
    config = load_config(data_quality={"domains": {"dim_dfu.abc_vol": []}})
    names = [meta(e)["name"] for batch in dim_dfu.batches(config, MOMENT) for e in batch.expectations]
    assert "abc_vol_is_known" not in names


# What the run's own results are judged by


def facts(batch):
    return batch.source.iloc[0].to_dict()


def test_changed_share_counts_labels_that_change_or_go_among_those_that_were_there():
    # of 10 labelled DFUs 3 get another label and 1 loses its own; 5 new ones do not count
    moves = publishing(("a", "a", 6), (None, "b", 5), ("a", "b", 3), ("c", None, 1))
    batch = assignments.publishing_batch(CONFIG, moves)
    assert facts(batch)["changed_share"] == 0.4
    assert meta(batch.expectations[0])["keys"] == ["a -> b: 3", "c -> no label: 1"]


def test_a_label_that_disappears_counts_with_the_dfus_that_bore_it():
    # "gone" is borne by no DFU afterwards, "a" still is; of 10 labelled DFUs 3 bore the larger label that goes
    moves = publishing(("a", "a", 6), ("gone", "b", 3), ("small", None, 1), (None, "b", 5))
    batch = assignments.publishing_batch(CONFIG, moves)
    assert facts(batch)["vanished_label_share"] == 0.3
    keys = {meta(e)["name"]: meta(e)["keys"] for e in batch.expectations}["labels_do_not_disappear"]
    assert keys == ["gone: 3", "small: 1"]


def test_coverage_falls_by_the_dfus_that_are_fewer_and_never_by_less_than_none():
    fewer = publishing(("a", "a", 6), ("a", None, 4), (None, "a", 1))
    assert facts(assignments.publishing_batch(CONFIG, fewer))["coverage_drop"] == pytest.approx(0.3)
    more = publishing(("a", "a", 6), (None, "a", 9))
    assert facts(assignments.publishing_batch(CONFIG, more))["coverage_drop"] == 0.0


def test_first_labels_change_nothing_that_could_be_judged():
    assert facts(assignments.publishing_batch(CONFIG, publishing((None, "b", 5))))["changed_share"] is None


def test_coverage_counts_dfus_that_are_missing_on_either_side():
    *_, coverage = assignments.label_batches(CONFIG, LABELS_FILE, pd.Series(["b", "c", "d"]))
    assert facts(coverage) == {"unlabelled_dfus": 2, "strange_dfus": 1, "within_margin_share": None}


def test_labels_of_dfus_that_are_not_clustered_are_no_segment_and_not_strange():
    others = {"dfu_ck": ["n", "i"], "cluster_id": [81, 9], "cluster_label": ["new_low_volume", "inactive"]}
    labels = pd.concat([LABELS_FILE, pd.DataFrame(others)], ignore_index=True)
    _, segments, coverage = assignments.label_batches(CONFIG, labels, LABELS_FILE["dfu_ck"], 0.99)
    source = segments.source
    assert isinstance(source, pd.DataFrame)
    assert source["cluster_label"].tolist() == ["high_volume", "low_volume"]
    assert source["share"].tolist() == [0.5, 0.5]
    assert facts(coverage) == {"unlabelled_dfus": 0, "strange_dfus": 0, "within_margin_share": 0.99}


def test_words_must_be_true_of_nine_dfus_in_ten_within_the_margin():
    *_, coverage = assignments.label_batches(CONFIG, LABELS_FILE, LABELS_FILE["dfu_ck"], 0.89)
    (truth,) = (e for e in coverage.expectations if meta(e)["name"] == "words_are_true")
    assert (truth.severity.value, vars(truth)["min_value"]) == ("critical", 0.9)


def test_features_account_for_every_dfu():
    excluded = pd.DataFrame({"dfu_ck": ["b", "c"], "reason": ["never_sold", "not_in_dim_dfu"]})
    *_, coverage = features.batches(profiled(1), excluded, summary(n_dfus=5, clustered=2, sales_rows=70))
    # five DFUs, two clustered of which one is in the matrix, two left out of which one is not in dim_dfu
    assert facts(coverage) == {"missing_rows": 1, "unaccounted_dfus": 1, "dfus_of_dim_dfu": 4, "sales_rows": 70}
