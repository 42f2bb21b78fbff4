"""Whether the DFUs still look like those that the clusters were fitted on."""

import numpy as np
import pytest

from dfu_clustering.segments.drift import DriftReference

RNG = np.random.default_rng(4)
FITTED = np.column_stack([RNG.normal(size=4000), np.where(RNG.random(4000) < 0.7, 0.0, RNG.normal(size=4000))])
REFERENCE = DriftReference.of(FITTED, ("level", "season"), np.abs(FITTED[:, 0]))


def test_the_same_dfus_have_an_index_of_zero():
    assert REFERENCE.psi(FITTED) == {"level": pytest.approx(0.0), "season": pytest.approx(0.0)}


def test_the_index_is_the_sum_over_bins_of_the_share_change_times_its_log():
    reference = DriftReference(100, {"x": [0.0]}, {"x": [0.25, 0.75]}, 1.0)
    now = np.array([-1.0] * 50 + [1.0] * 49)[:, None]
    q = np.array([50.5, 49.5]) / 100
    p = np.array([0.25, 0.75])
    assert reference.psi(now)["x"] == pytest.approx(float(((q - p) * np.log(q / p)).sum()))


def test_a_shift_by_one_standard_deviation_is_a_drift_of_that_column_only():
    moved = FITTED + np.array([1.0, 0.0])
    psi = REFERENCE.psi(moved)
    assert psi["level"] > 0.5
    assert psi["season"] < 0.01


def test_a_column_where_most_share_one_value_has_fewer_bins():
    assert 0.0 in REFERENCE.edges["season"]
    assert len(REFERENCE.edges["season"]) < 9
    assert sum(REFERENCE.shares["season"]) == pytest.approx(1.0)


def test_two_samples_of_one_population_have_about_the_index_that_chance_gives():
    index = [
        DriftReference.of(RNG.normal(size=(200, 1)), ("x",), np.ones(200)).psi(RNG.normal(size=(200, 1)))["x"]
        for _ in range(200)
    ]
    reference = DriftReference.of(RNG.normal(size=(200, 1)), ("x",), np.ones(200))
    assert np.mean(index) == pytest.approx(reference.chance_psi(200), rel=0.25)


def test_one_in_a_hundred_lies_far_out_when_the_clusters_are_fitted():
    assert REFERENCE.far_share(np.abs(FITTED[:, 0])) == pytest.approx(0.01, abs=0.001)
    assert REFERENCE.far_share(np.abs(FITTED[:, 0]) + 3) == pytest.approx(1.0, abs=0.3)


def test_a_reference_survives_json():
    assert DriftReference(**REFERENCE.to_dict()) == REFERENCE
