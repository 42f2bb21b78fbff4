"""Trait words: what each claims of a DFU's own values, strictly and within a margin."""

import numpy as np
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.rules import JUDGED_FEATURES
from dfu_clustering.labels.traits import FAMILIES, density, trait_words
from dfu_clustering.labels.vocabulary import TRAIT_NUMBERS

CONFIG = load_config().labeling
BOUND_MONTHS = 2.0  # between sparser and denser
ALIKE = dict.fromkeys(JUDGED_FEATURES, 0.0) | {
    "mean_demand": 100.0,
    "season_months": 48.0,
    "peak_month": 6.0,
    "cv2_demand": 0.2,
    "sparsity_score": 1.0,
}


def true_words(*changes, slack=0.0, config=CONFIG, bound=BOUND_MONTHS):
    merged = dict(ALIKE)
    for change in changes:
        merged |= change
    values = {name: np.array([value]) for name, value in merged.items()}
    return {word for word, trait in trait_words(bound).items() if trait.holds(values, config, slack)[0]}


def peaking(month, strength=0.6, clarity=0.9):
    return {"seasonality_strength": strength, "peak_month": month, "peak_clarity": clarity}


def test_the_words_are_those_of_the_closed_list():
    assert set(trait_words(BOUND_MONTHS)) == set(TRAIT_NUMBERS)


@pytest.mark.parametrize(
    ("feature", "value", "word"),
    [
        ("log_growth", 0.1501, "rising"),
        ("log_growth", -0.1501, "fading"),
        ("cv2_demand", 0.49, "erratic"),  # from 0.49 on
        ("cv2_demand", 0.4899, "regular"),
        ("sparsity_score", 2.01, "sparser"),
        ("sparsity_score", 2.0, "denser"),  # up to and including the bound
    ],
)
def test_a_word_is_true_from_its_threshold(feature, value, word):
    assert word in true_words({feature: value})


@pytest.mark.parametrize("growth", [0.15, 0.0, -0.15])
def test_growth_that_does_not_exceed_its_threshold_is_neither_rising_nor_fading(growth):
    assert not true_words({"log_growth": growth}) & {"rising", "fading"}


@pytest.mark.parametrize(
    ("month", "quarter"),
    [(month, (month - 1) // 3 + 1) for month in range(1, 13)],
)
def test_a_peak_lies_in_the_calendar_quarter_of_its_month(month, quarter):
    assert {word for word in true_words(peaking(month)) if word.startswith("peak")} == {f"peak_q{quarter}"}


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        (peaking(5, strength=0.31), True),
        (peaking(5, strength=0.2499), False),
        (peaking(5, clarity=0.5), True),
        (peaking(5, clarity=0.4999), False),
        (peaking(5, clarity=np.nan), False),
        (peaking(np.nan), False),
    ],
)
def test_a_peak_needs_strength_and_a_single_wave_a_year(values, holds):
    assert ("peak_q2" in true_words(values)) == holds


def test_a_peak_needs_a_significant_season_to_be_said_and_none_to_be_kept():
    weak = peaking(5, strength=0.29)  # below 0.30, which 48 months ask for
    assert "peak_q2" not in true_words(weak)
    assert "peak_q2" in true_words(weak, slack=0.1)
    assert "peak_q2" not in true_words(peaking(5), {"season_months": 0.0})


@pytest.mark.parametrize(
    ("word", "feature", "within", "beyond"),
    [
        ("rising", "log_growth", 0.136, 0.134),
        ("fading", "log_growth", -0.136, -0.134),
        ("erratic", "cv2_demand", 0.442, 0.440),
        ("regular", "cv2_demand", 0.538, 0.540),
        ("sparser", "sparsity_score", 1.81, 1.79),
        ("denser", "sparsity_score", 2.19, 2.21),
    ],
)
def test_a_margin_eases_the_threshold_by_a_tenth_and_no_further(word, feature, within, beyond):
    assert word not in true_words({feature: within})
    assert word in true_words({feature: within}, slack=0.1)
    assert word not in true_words({feature: beyond}, slack=0.1)


def test_within_the_margin_strength_and_clarity_of_a_peak_are_eased_too():
    assert "peak_q2" in true_words(peaking(5, strength=0.226, clarity=0.451), slack=0.1)
    assert "peak_q2" not in true_words(peaking(5, strength=0.224), slack=0.1)
    assert "peak_q2" not in true_words(peaking(5, clarity=0.449), slack=0.1)


@pytest.mark.parametrize(
    ("word", "months"),
    [
        ("peak_q1", {12, 1, 2, 3, 4}),  # across the turn of the year
        ("peak_q2", {3, 4, 5, 6, 7}),
        ("peak_q3", {6, 7, 8, 9, 10}),
        ("peak_q4", {9, 10, 11, 12, 1}),
    ],
)
def test_within_the_margin_a_peak_may_lie_a_month_outside_of_its_quarter(word, months):
    assert {month for month in range(1, 13) if word in true_words(peaking(month), slack=0.1)} == months


def test_values_that_are_not_defined_make_no_word_true():
    undefined = dict.fromkeys(JUDGED_FEATURES, np.nan)
    assert true_words(undefined) == true_words(undefined, slack=0.1) == set()


def test_thresholds_come_from_the_configuration():
    other = {"momentum_threshold": 0.5, "peak_threshold": 0.7, "erratic_threshold": 0.1}
    config = load_config(labeling=other).labeling
    assert "rising" not in true_words({"log_growth": 0.4}, config=config)
    assert "peak_q2" not in true_words(peaking(5), config=config)
    assert "erratic" in true_words({"cv2_demand": 0.2}, config=config)


@pytest.mark.parametrize("family", [*FAMILIES, density(BOUND_MONTHS)], ids=lambda family: family.name)
def test_of_one_family_one_word_at_most_is_true_of_a_dfu(family):
    rng = np.random.default_rng(7)
    values = {name: rng.uniform(-1, 1, 2000) for name in JUDGED_FEATURES}
    values |= {"peak_month": rng.integers(1, 13, 2000).astype(float), "season_months": np.full(2000, 48.0)}
    values["sparsity_score"] = rng.uniform(1, 4, 2000)
    said = np.sum([trait.holds(values, CONFIG) for trait in family.words], axis=0)
    assert set(said.tolist()) <= {0, 1}
    assert said.any()
