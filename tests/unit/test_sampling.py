import numpy as np
import pytest

from dfu_clustering.clusters.sampling import stratified_sample


def test_every_volume_tier_keeps_its_share_to_within_one_row():
    volume = np.random.default_rng(1).lognormal(3, 2, size=1237)
    rows = stratified_sample(volume, 100, np.random.default_rng(2))
    for low, high in ((0.0, 0.25), (0.25, 0.75), (0.75, 1.0), (0.9, 1.0)):
        lower, upper = np.quantile(volume, [low, high])
        share = np.mean((volume >= lower) & (volume <= upper))
        found = np.sum((volume[rows] >= lower) & (volume[rows] <= upper))
        assert abs(found - 100 * share) < 1


def test_rows_are_distinct_and_ascending():
    rows = stratified_sample(np.zeros(1000), 999, np.random.default_rng(0))
    assert len(rows) == 999
    assert (np.diff(rows) > 0).all()


@pytest.mark.parametrize("size", [5, 6, 100])
def test_a_panel_no_larger_than_the_sample_is_taken_whole(size):
    assert stratified_sample(np.arange(5.0), size, np.random.default_rng(0)).tolist() == [0, 1, 2, 3, 4]


def test_the_seed_decides_the_sample():
    volume = np.arange(1000.0)
    first, again, other = (stratified_sample(volume, 50, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
