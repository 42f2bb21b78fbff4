"""Business labels: every rule at its boundary, the tiers, the reasons; hand-worked profiles."""

import json
import math
from dataclasses import asdict

import pandas as pd
import pytest

from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.labels.naming import ClusterLabel, label_clusters
from dfu_clustering.labels.profiles import COMPARED_FEATURES
from dfu_clustering.labels.rules import PATTERNS

BOUNDS = (20.0, 640.0)
NOTHING_STRONG = {
    "mean_demand": 100.0,
    "cv_demand": 0.5,
    "zero_demand_pct": 0.0,
    "sparsity_score": 1.0,
    "cv2_demand": 0.2,
    "seasonality_strength": 0.1,
    "peak_month": 6.0,
    "peak_agreement": 0.3,
    "growth_rate": 0.0,
    "rising_share": 0.0,
    "falling_share": 0.0,
    "log_growth": 0.0,
}
SCALES = pd.DataFrame({"median": 0.0, "scale": 0.5}, index=list(COMPARED_FEATURES))
CONFIG = load_config().labeling


def profiles_of(*changes: dict[str, float]) -> pd.DataFrame:
    rows = [NOTHING_STRONG | change for change in changes]
    return pd.DataFrame(rows).rename_axis(index="cluster_id").assign(demand_class="smooth")


def labels_of(*changes: dict[str, float], published: dict[int, str] | None = None) -> list[str]:
    made = label_clusters(profiles_of(*changes), SCALES, BOUNDS, CONFIG, published=published)
    return [label.label for label in made]


def only_label(config: LabelingConfig = CONFIG, bounds: tuple[float, float] = BOUNDS, **values: float) -> ClusterLabel:
    (label,) = label_clusters(profiles_of(values), SCALES, bounds, config)
    return label


def test_the_rules_stand_in_the_order_of_the_method() -> None:
    assert [pattern.name for pattern in PATTERNS] == [
        "seasonal", "growing", "declining", "intermittent", "volatile", "steady",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"seasonality_strength": 0.5}, "seasonal_medium_volume"),  # >= 0.5
        ({"seasonality_strength": 0.4999}, "medium_volume"),
        ({"growth_rate": 0.05, "rising_share": 0.5}, "medium_volume_growing"),  # both >=
        ({"growth_rate": 0.0499, "rising_share": 0.9}, "medium_volume"),
        ({"growth_rate": 0.9, "rising_share": 0.4999}, "medium_volume"),  # median growth that is not the members' own
        ({"growth_rate": 0.3, "falling_share": 0.9}, "medium_volume"),  # the direction contradicts the growth
        ({"growth_rate": -0.05, "falling_share": 0.5}, "medium_volume_declining"),
        ({"growth_rate": -0.0499, "falling_share": 0.9}, "medium_volume"),
        ({"growth_rate": -0.9, "falling_share": 0.4999}, "medium_volume"),
        ({"growth_rate": math.nan, "rising_share": 0.9}, "medium_volume"),  # histories under 12 months
        ({"zero_demand_pct": 0.2}, "medium_volume"),  # > 0.2
        ({"zero_demand_pct": 0.2001}, "intermittent_medium_volume"),
        ({"cv_demand": 0.8}, "medium_volume"),  # > 0.8
        ({"cv_demand": 0.8001}, "medium_volume_volatile"),
        ({"cv_demand": 0.3}, "medium_volume_steady"),  # <= 0.3
        ({"cv_demand": 0.3001}, "medium_volume"),
    ],
)
def test_each_rule_holds_exactly_from_its_threshold(values: dict[str, float], expected: str) -> None:
    assert only_label(**values).label == expected


@pytest.mark.parametrize(
    ("removed", "expected"),
    [
        ([], "seasonal_medium_volume"),
        (["seasonality_strength"], "medium_volume_growing"),
        (["seasonality_strength", "growth_rate"], "intermittent_medium_volume"),
        (["seasonality_strength", "growth_rate", "zero_demand_pct"], "medium_volume_volatile"),
        (["seasonality_strength", "growth_rate", "zero_demand_pct", "cv_demand"], "medium_volume"),
    ],
)
def test_the_first_rule_that_holds_wins(removed: list[str], expected: str) -> None:
    everything = {
        "seasonality_strength": 0.9,
        "growth_rate": 0.5,
        "rising_share": 1.0,
        "zero_demand_pct": 0.5,
        "cv_demand": 1.5,
    }
    assert only_label(**{name: value for name, value in everything.items() if name not in removed}).label == expected


@pytest.mark.parametrize(
    ("mean_demand", "tier"),
    [(640.0, "high"), (639.9, "medium"), (20.1, "medium"), (20.0, "low"), (0.5, "low"), (9000.0, "high")],
)
def test_tiers_include_their_bounds(mean_demand: float, tier: str) -> None:
    assert only_label(mean_demand=mean_demand).label == f"{tier}_volume"


@pytest.mark.parametrize(("mean_demand", "tier"), [(50.0, "medium"), (50.1, "high"), (49.9, "low")])
def test_where_both_bounds_are_one_value_it_is_neither_high_nor_low(mean_demand: float, tier: str) -> None:
    assert only_label(mean_demand=mean_demand, bounds=(50.0, 50.0)).label == f"{tier}_volume"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"mean_demand": 800.0, "cv_demand": 0.2}, "high_volume_steady"),
        ({"mean_demand": 800.0, "seasonality_strength": 0.7}, "seasonal_high_volume"),
        ({"mean_demand": 3.0, "zero_demand_pct": 0.6}, "intermittent_low_volume"),
    ],
)
def test_the_labels_that_planners_know_come_out(values: dict[str, float], expected: str) -> None:
    assert only_label(**values).label == expected


def test_thresholds_come_from_the_configuration() -> None:
    strict = load_config(labeling={"seasonality_threshold": 0.8}).labeling
    assert only_label(strict, seasonality_strength=0.79).label == "medium_volume"
    assert only_label(strict, seasonality_strength=0.8).label == "seasonal_medium_volume"


def test_the_reason_tells_rule_value_and_threshold() -> None:
    label = only_label(mean_demand=812.0, seasonality_strength=0.71)
    assert label.reason == (
        "seasonal: median seasonality_strength 0.71 >= 0.5; high volume: median mean_demand 812 >= 640 (75 % quantile)"
    )


def test_the_reason_of_growth_shows_both_conditions() -> None:
    label = only_label(mean_demand=10.0, growth_rate=-0.2, falling_share=0.75)
    assert label.reason == (
        "declining: median growth_rate -0.2 <= -0.05, falling_share 0.75 >= 0.5; "
        "low volume: median mean_demand 10 <= 20 (25 % quantile)"
    )


def test_the_reason_of_no_pattern_shows_what_each_rule_missed() -> None:
    label = only_label(growth_rate=0.2, rising_share=0.25)
    assert label.reason == (
        "no pattern: not seasonal (median seasonality_strength 0.1 < 0.5), not growing (rising_share 0.25 < 0.5), "
        "not declining (median growth_rate 0.2 > -0.05), not intermittent (median zero_demand_pct 0 <= 0.2), "
        "not volatile (median cv_demand 0.5 <= 0.8), not steady (median cv_demand 0.5 > 0.3); "
        "medium volume: median mean_demand 100 between 20 (25 % quantile) and 640 (75 % quantile)"
    )


def test_the_reason_shows_an_undefined_growth_as_undefined() -> None:
    assert "not growing (median growth_rate undefined)" in only_label(growth_rate=math.nan).reason


def test_a_trait_adds_its_word_to_the_label_and_its_evidence_to_the_reason() -> None:
    rising, plain = label_clusters(profiles_of({"log_growth": 0.4}, {}), SCALES, BOUNDS, CONFIG)
    assert (rising.label, rising.base, rising.traits) == ("medium_volume_rising", "medium_volume", ("rising",))
    assert rising.reason.endswith("(75 % quantile); _rising: median log_growth 0.4 > 0.15")
    assert (plain.label, plain.traits) == ("medium_volume", ())


def test_clusters_of_different_bases_take_no_trait() -> None:
    assert labels_of({"log_growth": 0.9, "cv_demand": 0.2}, {"log_growth": -0.9, "zero_demand_pct": 0.5}) == [
        "medium_volume_steady", "intermittent_medium_volume",
    ]  # fmt: skip


def test_seasonal_clusters_of_one_tier_are_told_apart_by_their_quarter() -> None:
    seasons = [
        {"seasonality_strength": 0.7, "peak_agreement": 0.9, "mean_demand": 800.0 + 40 * month, "peak_month": month}
        for month in (2.0, 5.0, 8.0, 11.5)
    ]
    assert labels_of(*seasons) == [f"seasonal_high_volume_peak_q{quarter}" for quarter in (1, 2, 3, 4)]


def test_labels_carry_what_the_rules_looked_at_and_survive_json() -> None:
    label = only_label(seasonality_strength=0.71)
    shown = json.loads(json.dumps(asdict(label)))
    assert shown["values"] == NOTHING_STRONG | {"seasonality_strength": 0.71}
    assert shown["cluster_id"] == 0


def test_labels_do_not_depend_on_the_order_of_rows_and_come_by_cluster() -> None:
    profiles = profiles_of({"mean_demand": 50.0}, {"mean_demand": 400.0}, {"cv_demand": 0.1}, {"mean_demand": 120.0})
    expected = label_clusters(profiles, SCALES, BOUNDS, CONFIG)
    assert label_clusters(profiles.iloc[[2, 0, 3, 1]], SCALES, BOUNDS, CONFIG) == expected
    assert [label.cluster_id for label in expected] == [0, 1, 2, 3]


def test_profiles_that_were_read_from_json_give_the_same_labels() -> None:
    profiles = profiles_of({"peak_month": math.nan, "peak_agreement": 0.0}, {"mean_demand": 7.0})
    records = json.loads(profiles.reset_index().to_json(orient="records"))
    again = pd.DataFrame(records, dtype=object).set_index("cluster_id")
    assert [label.label for label in label_clusters(again, SCALES, BOUNDS, CONFIG)] == ["medium_volume", "low_volume"]


def test_a_published_suffix_is_kept_while_it_is_true() -> None:
    pair = ({"mean_demand": 100.0, "sparsity_score": 1.0}, {"mean_demand": 200.0, "sparsity_score": 1.2})
    assert labels_of(*pair) == ["medium_volume_smaller", "medium_volume_larger"]
    published = {0: "medium_volume_denser", 1: "medium_volume_sparser"}
    assert labels_of(*pair, published=published) == ["medium_volume_denser", "medium_volume_sparser"]


def test_a_published_suffix_is_dropped_once_it_is_untrue() -> None:
    pair = ({"mean_demand": 100.0, "sparsity_score": 1.0}, {"mean_demand": 200.0, "sparsity_score": 1.2})
    swapped = {0: "medium_volume_larger", 1: "medium_volume_smaller"}
    assert labels_of(*pair, published=swapped) == ["medium_volume_smaller", "medium_volume_larger"]


def test_a_published_label_of_another_base_has_no_say() -> None:
    pair = ({"mean_demand": 100.0, "sparsity_score": 1.0}, {"mean_demand": 200.0, "sparsity_score": 1.2})
    published = {0: "low_volume_steady_denser", 1: "intermittent_high_volume_sparser"}
    assert labels_of(*pair, published=published) == ["medium_volume_smaller", "medium_volume_larger"]


def test_profiles_without_a_value_that_rules_need_are_refused() -> None:
    with pytest.raises(DataError, match="cv2_demand"):
        label_clusters(profiles_of({}).drop(columns="cv2_demand"), SCALES, BOUNDS, CONFIG)
    with pytest.raises(DataError, match="zero_demand_pct"):
        label_clusters(profiles_of({"zero_demand_pct": math.nan}), SCALES, BOUNDS, CONFIG)


def test_profiles_with_a_cluster_twice_are_refused() -> None:
    twice = profiles_of({}, {"mean_demand": 5.0}).set_axis([3, 3], axis="index")
    with pytest.raises(DataError, match="2 rows for 1 clusters"):
        label_clusters(twice, SCALES, BOUNDS, CONFIG)
