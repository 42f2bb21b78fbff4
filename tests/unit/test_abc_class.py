"""ABC classes: the largest DFUs that carry 80 % of the volume, those up to 95 %, the others."""

import numpy as np
import pytest

from dfu_clustering.labels.abc_class import abc_classes


def classes(*volume):
    return "".join(abc_classes(np.array(volume, dtype=float)))


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ((80, 15, 5), "ABC"),
        ((5, 80, 15), "CAB"),  # whatever the order
        ((79, 16, 5), "AAC"),  # the second begins below 80 % and takes the others past 95 %
        ((50, 30, 10, 6, 4), "AABBC"),
        ((100,), "A"),
        ((96, 4), "AC"),
        ((), ""),
    ],
)
def test_a_dfu_is_of_the_class_in_which_its_share_begins(volume, expected):
    assert classes(*volume) == expected


def test_dfus_of_one_volume_are_of_one_class():
    assert classes(10, 10, 10, 10, 10, 10, 10, 10, 10, 10) == "AAAAAAAAAA"
    assert classes(70, 8, 8, 8, 6) == "AAAAB"
    assert classes(80, 5, 5, 5, 5) == "ABBBB"


def test_dfus_without_volume_are_of_class_c():
    assert classes(100, 0, np.nan) == "ACC"
    assert classes(0, 0) == "CC"
    assert classes(np.nan) == "C"


def test_the_order_of_the_dfus_does_not_matter():
    rng = np.random.default_rng(2)
    volume = rng.lognormal(3, 2, 500).round(1)
    order = rng.permutation(500)
    assert abc_classes(volume[order]).tolist() == abc_classes(volume)[order].tolist()


def test_each_class_carries_its_share_of_the_volume():
    volume = np.random.default_rng(3).lognormal(3, 2, 2000)
    found = abc_classes(volume)
    largest = volume.max() / volume.sum()
    assert 0.80 <= volume[found == "A"].sum() / volume.sum() < 0.80 + largest
    assert 0.95 <= volume[found != "C"].sum() / volume.sum() < 0.95 + largest
    assert volume[found == "A"].min() > volume[found == "B"].max() > volume[found == "C"].max()
