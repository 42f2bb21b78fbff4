"""The closed list of labels: how each is written, read back and numbered."""

import re

import pytest

from dfu_clustering.labels.vocabulary import (
    LABELS,
    Label,
    label_pattern,
)


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (Label("seasonal", "high"), "seasonal_high_volume"),
        (Label("growing", "low"), "low_volume_growing"),
        (Label("declining", "medium"), "medium_volume_declining"),
        (Label("intermittent", "low"), "intermittent_low_volume"),
        (Label("volatile", "high"), "high_volume_volatile"),
        (Label("steady", "high"), "high_volume_steady"),
        (Label("plain", "medium"), "medium_volume"),
        (Label("new", "medium"), "new_medium_volume"),
        (Label("inactive", "low"), "inactive"),
        (Label("seasonal", "high", ("peak_q4",)), "seasonal_high_volume_peak_q4"),
        (Label("plain", "low", ("rising", "erratic")), "low_volume_rising_erratic"),
    ],
)
def test_a_label_is_written_as_its_words(label, text):
    assert label.text == text
    assert LABELS[text] == label


@pytest.mark.parametrize(
    ("text", "number"),
    [  # in ledgers and in other people's tables: never to be changed
        ("high_volume_steady", 63),
        ("seasonal_high_volume_peak_q4", 1304),
        ("inactive", 9),
        ("seasonal_low_volume", 11),
        ("medium_volume_growing", 22),
        ("high_volume_declining", 33),
        ("intermittent_low_volume_sparser", 4109),
        ("medium_volume_volatile_erratic", 5207),
        ("low_volume", 71),
        ("new_high_volume", 83),
        ("low_volume_rising_denser", 710510),
        ("medium_volume_fading_regular", 720608),
    ],
)
def test_the_number_of_a_text_is_bound_to_it_for_good(text, number):
    assert LABELS[text].segment_id == number


def test_no_two_labels_of_the_closed_list_share_a_text_or_a_number():
    pairs_of_two_families = 4 * 2 + 4 * 2 + 4 * 2 + 2 * 2 + 2 * 2 + 2 * 2
    assert len(LABELS) == 4 + 7 * 3 * (1 + 10 + pairs_of_two_families)
    assert len({label.segment_id for label in LABELS.values()}) == len(LABELS)


def test_every_number_fits_into_a_32_bit_integer():
    assert max(label.segment_id for label in LABELS.values()) < 2**31


def test_the_base_is_the_text_without_traits():
    assert Label("seasonal", "high", ("peak_q4", "rising")).base == "seasonal_high_volume"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "my_own_segment",
        "medium_volume_larger",  # of an earlier version
        "medium_volume_2",
        "huge_volume",
        "seasonal_high_volume_",
        "seasonal_high_volume_peak_q5",
        "high_volume_steady_steady",
        "steady_high_volume",
        "Seasonal_high_volume",
        "xinactive",
        "inactive_rising",
        "new_high_volume_peak_q4",
        "medium_volume_rising_fading",
        "medium_volume_erratic_rising",
    ],
)
def test_a_text_of_other_words_is_no_label(text):
    assert text not in LABELS
    assert re.search(label_pattern(), text) is None


def test_the_regular_expression_matches_every_label():
    pattern = re.compile(label_pattern())
    assert all(pattern.search(text) for text in LABELS)
