"""Origins lie three months apart where there is room, and few months are refused."""

import pytest

from dfu_clustering.errors import DataError
from dfu_clustering.forecast_value.origins import rolling_origins


@pytest.mark.parametrize(
    ("n_months", "wanted", "horizon_months", "origins"),
    [
        (60, 8, 6, (32, 35, 38, 41, 44, 47, 50, 53)),
        (51, 8, 6, (23, 26, 29, 32, 35, 38, 41, 44)),
        (48, 8, 6, (23, 26, 29, 32, 35, 38, 41)),  # as many as fit
        (36, 8, 6, (23, 25, 27, 29)),  # closer, so that there are four
        (33, 8, 6, (23, 24, 25, 26)),
        (32, 8, 6, (23, 24, 25)),
        (60, 3, 12, (41, 44, 47)),
    ],
)
def test_origins_end_a_horizon_before_the_newest_month(n_months, wanted, horizon_months, origins):
    assert rolling_origins(n_months, wanted=wanted, horizon_months=horizon_months) == origins


@pytest.mark.parametrize(("n_months", "wanted", "horizon_months"), [(31, 8, 6), (60, 2, 6), (60, 8, 13), (60, 8, 0)])
def test_too_few_months_or_origins_are_refused(n_months, wanted, horizon_months):
    with pytest.raises(DataError, match="must be"):
        rolling_origins(n_months, wanted=wanted, horizon_months=horizon_months)


def test_the_error_says_how_many_months_are_needed():
    with pytest.raises(DataError, match="on 32 months of sales at least"):
        rolling_origins(20, horizon_months=6)
