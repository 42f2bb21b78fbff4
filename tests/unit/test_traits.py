"""Traits: each word at its threshold, which trait is taken, and groups of two to twelve clusters of one base name."""

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.profiles import COMPARED_FEATURES
from dfu_clustering.labels.traits import as_suffix, as_text, tell_apart

ALIKE = {
    "mean_demand": 100.0,
    "cv_demand": 0.5,
    "zero_demand_pct": 0.0,
    "sparsity_score": 2.0,
    "cv2_demand": 0.2,
    "seasonality_strength": 0.0,
    "peak_month": np.nan,
    "peak_agreement": 0.0,
    "growth_rate": 0.0,
    "log_growth": 0.0,
}
SCALES = pd.DataFrame({"median": 0.0, "scale": 0.5}, index=list(COMPARED_FEATURES))
CONFIG = load_config().labeling


def suffixes_of(
    *changes: dict[str, float], config: LabelingConfig = CONFIG, published: dict[int, str] | None = None
) -> list[str]:
    group = pd.DataFrame([ALIKE | change for change in changes])
    words = tell_apart(group, SCALES, config, published or {})
    return [as_suffix(word.text for word in words[cluster]) for cluster in group.index]


def reasons_of(*changes: dict[str, float]) -> list[list[str]]:
    words = tell_apart(pd.DataFrame([ALIKE | change for change in changes]), SCALES, CONFIG, {})
    return [[word.because for word in words[cluster]] for cluster in range(len(changes))]


def peaking(month: float, strength: float = 0.6, agreement: float = 0.9) -> dict[str, float]:
    return {"seasonality_strength": strength, "peak_month": month, "peak_agreement": agreement}


def test_a_single_cluster_needs_no_word() -> None:
    assert suffixes_of({"log_growth": 1.0}) == [""]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"log_growth": 0.4}, {"log_growth": -0.4}, ["_rising", "_fading"]),
        ({"log_growth": 0.4}, {"log_growth": 0.1}, ["_rising", ""]),
        ({"log_growth": 0.0}, {"log_growth": -0.16}, ["", "_fading"]),
        ({"sparsity_score": 5.0}, {"sparsity_score": 2.0}, ["_sparser", "_denser"]),
        ({"cv2_demand": 0.49}, {"cv2_demand": 0.4899}, ["_erratic", "_regular"]),  # from 0.49 erratic
        ({"mean_demand": 120.0}, {"mean_demand": 100.0}, ["_larger", "_smaller"]),
        (peaking(1.0), peaking(7.0), ["_peak_q1", "_peak_q3"]),
        (peaking(5.0), {}, ["_peak_q2", ""]),
    ],
)
def test_two_clusters_that_differ_in_one_trait_take_its_words(
    one: dict[str, float], other: dict[str, float], expected: list[str]
) -> None:
    assert suffixes_of(one, other) == expected
    assert suffixes_of(other, one) == expected[::-1]


def test_rising_begins_above_its_threshold() -> None:
    assert suffixes_of({"log_growth": 0.15}, {"log_growth": 0.0}) == ["_1", "_2"]  # not beyond 0.15: no word is true
    assert suffixes_of({"log_growth": 0.1501}, {"log_growth": 0.0}) == ["_rising", ""]
    assert suffixes_of({"log_growth": -0.15}, {"log_growth": 0.0}) == ["_1", "_2"]
    assert suffixes_of({"log_growth": -0.1501}, {"log_growth": 0.0}) == ["_fading", ""]


@pytest.mark.parametrize(
    ("month", "quarter"), [(0.6, 1), (1.0, 1), (3.5, 1), (3.6, 2), (6.4, 2), (6.6, 3), (9.5, 3), (9.6, 4), (12.5, 4)]
)
def test_a_month_lies_in_its_calendar_quarter(month: float, quarter: int) -> None:
    assert suffixes_of(peaking(month), {}) == [f"_peak_q{quarter}", ""]


def test_a_peak_needs_strength_and_members_that_agree() -> None:
    assert suffixes_of(peaking(5.0, strength=0.25), {}) == ["_peak_q2", ""]  # >= 0.25
    assert suffixes_of(peaking(5.0, strength=0.2499), {}) == ["_1", "_2"]
    assert suffixes_of(peaking(5.0, agreement=0.5), {}) == ["_peak_q2", ""]
    assert suffixes_of(peaking(5.0, agreement=0.4999), {}) == ["_1", "_2"]


def test_thresholds_come_from_the_configuration() -> None:
    settings = {"momentum_threshold": 0.5, "peak_threshold": 0.7, "erratic_threshold": 0.1}
    config = load_config(labeling=settings).labeling
    assert suffixes_of({"log_growth": 0.4}, {}, config=config) == ["_1", "_2"]
    assert suffixes_of(peaking(5.0), {}, config=config) == ["_1", "_2"]
    assert suffixes_of({"cv2_demand": 0.05}, {}, config=config) == ["_regular", "_erratic"]


def test_the_trait_in_which_clusters_differ_most_is_taken() -> None:
    # in robust units of 0.5: growth (0.4 - -0.4) / 0.5 = 1.6, volume log(v / 100) / 0.5: 0.8 at 150 and 1.8 at 250
    assert suffixes_of({"log_growth": 0.4, "mean_demand": 150.0}, {"log_growth": -0.4}) == ["_rising", "_fading"]
    assert suffixes_of({"log_growth": 0.4, "mean_demand": 250.0}, {"log_growth": -0.4}) == ["_larger", "_smaller"]


def test_the_reason_of_a_word_is_its_value_and_threshold() -> None:
    assert reasons_of({"log_growth": -0.4}, {}) == [["median log_growth -0.4 < -0.15"], []]
    assert reasons_of({"cv2_demand": 0.6}, {}) == [
        ["median cv2_demand 0.6 >= 0.49"],
        ["median cv2_demand 0.2 < 0.49"],
    ]
    assert reasons_of(peaking(8.2), {})[0] == ["median seasonality_strength 0.6 >= 0.25, peak_month 8.2"]
    assert reasons_of({"mean_demand": 300.0}, {})[0] == [
        "median mean_demand 300 > 200, the median of the 2 clusters of this base name"
    ]


def test_three_clusters_along_one_trait_take_both_words_and_none() -> None:
    volumes = ({"mean_demand": 40.0}, {"mean_demand": 100.0}, {"mean_demand": 300.0})
    assert suffixes_of(*volumes) == ["_smaller", "", "_larger"]


def test_a_gap_too_narrow_to_matter_gives_way_to_another_trait() -> None:
    # 100 and 101 differ by 0.02 robust units of volume, but by 1.1 of size variability
    clusters = ({"mean_demand": 100.0, "cv2_demand": 0.9}, {"mean_demand": 101.0}, {"mean_demand": 300.0})
    assert suffixes_of(*clusters) == ["_erratic", "_regular", "_larger"]


def test_two_traits_are_taken_where_one_does_not_separate() -> None:
    grid = [{"mean_demand": v, "sparsity_score": s} for v in (50.0, 200.0) for s in (1.5, 4.0)]
    assert suffixes_of(*grid) == ["_denser_smaller", "_sparser_smaller", "_denser_larger", "_sparser_larger"]


def test_nine_clusters_on_a_grid_need_two_traits_and_no_number() -> None:
    grid = [{"mean_demand": v, "sparsity_score": s} for v in (20.0, 100.0, 500.0) for s in (1.5, 4.0, 10.0)]
    assert suffixes_of(*grid) == [
        "_denser_smaller", "_smaller", "_sparser_smaller",
        "_denser", "", "_sparser",
        "_denser_larger", "_larger", "_sparser_larger",
    ]  # fmt: skip


def test_clusters_that_no_trait_tells_apart_are_numbered_by_volume() -> None:
    assert suffixes_of({}, {}, {}) == ["_1", "_2", "_3"]
    only_growth_below_its_threshold = ({"log_growth": 0.1}, {"log_growth": 0.0}, {"log_growth": 0.9})
    assert suffixes_of(*only_growth_below_its_threshold) == ["_1", "_2", "_rising"]
    assert "numbered by volume" in reasons_of({}, {})[0][0]


def test_numbers_follow_volume_where_words_run_out() -> None:
    volumes = [{"mean_demand": v} for v in (300.0, 10.0, 90.0, 30.0, 900.0)]  # one trait parts five into three
    assert suffixes_of(*volumes) == ["_1", "_smaller", "_2", "_3", "_larger"]


def test_published_words_are_kept_for_the_whole_group_as_long_as_they_are_true() -> None:
    volumes = [{"mean_demand": 40.0, "sparsity_score": 5.0}, {"mean_demand": 100.0, "sparsity_score": 3.0}, {}]
    published = {0: "_sparser", 1: "", 2: "_denser"}
    assert suffixes_of(*volumes, published=published) == ["_sparser", "", "_denser"]


def test_published_numbers_stay_with_their_clusters_when_volumes_swap() -> None:
    pair = ({"mean_demand": 100.0}, {"mean_demand": 100.0})
    assert suffixes_of(*pair) == ["_1", "_2"]
    assert suffixes_of(*pair, published={0: "_2", 1: "_1"}) == ["_2", "_1"]
    assert suffixes_of({}, {}, {}, published={2: "_1"}) == ["_2", "_3", "_1"]


def test_new_clusters_never_take_a_suffix_that_is_kept() -> None:
    kept = {0: "_rising", 1: ""}
    three = ({"log_growth": 0.5}, {}, {"log_growth": 0.6, "mean_demand": 150.0})
    assert suffixes_of(*three, published=kept) == ["_rising", "", "_larger"]


@pytest.mark.parametrize("size", range(2, 13))
def test_random_groups_of_two_to_twelve_need_no_number(size: int) -> None:
    rng = np.random.default_rng(size)
    for _ in range(2):
        group = [
            {
                "mean_demand": float(rng.lognormal(3.0, 1.0)),
                "sparsity_score": 1.0 + float(rng.exponential(2.0)),
                "cv2_demand": float(rng.lognormal(-0.9, 0.7)),
                "log_growth": float(rng.normal(0.0, 0.3)),
                **peaking(float(rng.uniform(0.5, 12.5)), float(rng.uniform(0.0, 0.45)), float(rng.uniform(0.2, 1.0))),
            }
            for _ in range(size)
        ]
        suffixes = suffixes_of(*group)
        assert len(set(suffixes)) == size
        assert not any(suffix.rsplit("_", 1)[-1].isdecimal() for suffix in suffixes)


@pytest.mark.parametrize(
    ("value", "text"), [(0.71, "0.71"), (0.49999, "0.5"), (0.4999, "0.4999"), (812.3, "812.3"), (12345.6, "12,346")]
)
def test_values_are_written_with_four_digits(value: float, text: str) -> None:
    assert as_text(value) == text
