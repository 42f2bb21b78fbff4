"""A row of a forecaster knows nothing of a month after its as-of month, whatever column it has."""

import numpy as np
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.features.panel import Panel
from dfu_clustering.features.sales_facts import SalesFacts
from dfu_clustering.forecast_value.arms import ARMS
from dfu_clustering.forecast_value.known_demand import KnownDemand, base_columns
from dfu_clustering.forecast_value.known_groups import KnownGroups, own_indices, shrunk_to
from dfu_clustering.forecast_value.known_world import KnownAtOrigin
from dfu_clustering.forecast_value.learner import table
from dfu_clustering.forecast_value.origin_segments import segments_at
from dfu_clustering.forecast_value.rows import forecast_rows, targets, training_rows, weights
from dfu_clustering.steps.measure_forecast_value import known_of

ORIGIN, H = 33, 6
CONFIG = load_config(k_range=(3, 4), n_init=5, gap_references=2)


def panel_of(demand):
    """Return the panel of (n_dfus, n_months) demand from January 2020 on."""
    keys = np.array([f"I{i:03d}_G_L" for i in range(len(demand))], dtype=object)
    newest = np.datetime64("2020-01", "M") + demand.shape[1] - 1
    return Panel(keys, np.ascontiguousarray(demand.T).T, newest, SalesFacts())


@pytest.fixture(scope="module")
def demand():
    rng = np.random.default_rng(3)
    season = 1 + 0.6 * np.sin((np.arange(46) + rng.integers(0, 12, (60, 1))) / 6 * np.pi)
    demand = rng.poisson(rng.gamma(2, 15, (60, 1)) * season).astype(np.float64)
    for dfu, start in enumerate(rng.integers(0, 40, 60)):
        demand[dfu, : start if dfu % 3 == 0 else 0] = 0
    return demand


def at_origin(demand):
    """Return all that is known at the origin, segments and all."""
    panel = panel_of(demand)
    known = known_of(panel, (ORIGIN,), CONFIG, None)
    groups = segments_at(known.features, ORIGIN, CONFIG, panel.dfu_ck)
    random = groups.shuffled(np.random.default_rng(1))
    return KnownAtOrigin(known, groups, shrunk_to(known.own, groups), random)


@pytest.fixture(scope="module")
def two_worlds(demand):
    """Return the same with all sales, and with the sales cut at the origin."""
    return at_origin(demand), at_origin(demand[:, : ORIGIN + 1])


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_training_rows_are_the_same_bytes_where_the_sales_end_at_the_origin(two_worlds, arm):
    found = []
    for world in two_worlds:
        known = world.known.demand
        rows = training_rows(known, ORIGIN, horizon_months=H, seed=5)
        columns = table(world.columns(arm, rows))
        parts = (rows.dfu, rows.as_of, rows.horizon, targets(known, rows), weights(known, rows, ORIGIN), columns)
        found.append(b"".join(np.ascontiguousarray(part).tobytes() for part in parts))
    assert found[0] == found[1]
    assert len(found[0]) > 1000


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_rows_that_are_forecast_know_nothing_after_the_origin_either(two_worlds, arm):
    rows = [forecast_rows(world.known.demand, ORIGIN, horizon_months=H) for world in two_worlds]
    whole, cut = (table(world.columns(arm, of)).tobytes() for world, of in zip(two_worlds, rows, strict=True))
    assert whole == cut


def test_every_target_is_known_at_the_origin_and_every_horizon_is_drawn(demand):
    known = KnownDemand(demand.T, 1)
    rows = training_rows(known, ORIGIN, horizon_months=H, seed=0)
    assert rows.month.max() == ORIGIN
    assert set(rows.horizon.tolist()) == set(range(1, H + 1))
    assert (known.lengths[rows.as_of, rows.dfu] > 0).all()
    pairs = set(zip(rows.dfu.tolist(), rows.month.tolist(), strict=True))
    assert len(pairs) == len(rows.dfu)


def test_more_rows_than_allowed_are_a_random_sample(demand):
    known = KnownDemand(demand.T, 1)
    some = training_rows(known, ORIGIN, horizon_months=H, seed=0, most=100)
    assert len(some.dfu) == 100
    assert len(set(some.dfu.tolist())) > 30


def test_every_dfu_that_has_sold_is_forecast_at_every_horizon(demand):
    known = KnownDemand(demand.T, 1)
    rows = forecast_rows(known, ORIGIN, horizon_months=H)
    assert len(rows.dfu) == H * np.count_nonzero(demand[:, : ORIGIN + 1].any(axis=1))
    assert set(rows.as_of.tolist()) == {ORIGIN}


def test_base_columns_are_demand_by_the_scale_and_the_calendar():
    known = KnownDemand(np.arange(1.0, 37.0)[:, None], first_calendar_month=3)
    columns = base_columns(known, np.array([0]), np.array([30]), np.array([4]))
    scale = 0.8 * np.mean(np.arange(20, 32)) + 0.2 * np.mean(np.arange(1, 32))
    expected = {
        **{f"demand_{lag}_months_before": (31 - lag) / scale for lag in (0, 1, 2, 5, 11)},
        **{f"mean_of_{n}_months": np.mean(np.arange(32 - n, 32)) / scale for n in (3, 6, 12)},
        "demand_a_year_before": 23 / scale,
        "calendar_month": (3 + 34 - 1) % 12 + 1,
        "horizon_months": 4,
    }
    assert {name: float(values[0]) for name, values in columns.items()} == pytest.approx(expected)


def test_nothing_is_known_of_months_before_the_first_sale():
    known = KnownDemand(np.array([0.0] * 6 + [4.0] * 4)[:, None], 1)
    columns = base_columns(known, np.array([0]), np.array([8]), np.array([1]))
    assert np.isnan(columns["demand_5_months_before"])
    assert np.isnan(columns["demand_a_year_before"])
    assert columns["mean_of_12_months"] == pytest.approx(1.0)


def test_targets_are_clipped_and_weights_bounded():
    known = KnownDemand(np.array([[1.0] * 24 + [1000.0] + [0.001] * 12]).T, 1)
    rows = training_rows(known, 36, horizon_months=1, seed=0)
    assert targets(known, rows).max() == 10
    assert 0.02 <= weights(known, rows, 36).min() < weights(known, rows, 36).max() <= 4


def test_a_random_partition_has_the_sizes_of_the_segments_in_every_month(two_worlds):
    world = two_worlds[0]
    same = np.sort(world.segments.code, axis=1) == np.sort(world.random.code, axis=1)
    assert same.all()
    assert (world.segments.code != world.random.code).mean() > 0.3


def test_indices_of_groups_are_of_the_rows_month():
    demand = np.tile([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], (3, 3)).T
    known = KnownDemand(demand, 1)
    index = shrunk_to(own_indices(known, range(36)), KnownGroups(np.zeros((36, 3), np.int64)))
    rows = forecast_rows(known, 33, horizon_months=3)
    columns = index.columns(known, rows)
    assert columns["index"][:3] == pytest.approx(np.array([11, 12, 1]) / 6.5, rel=1e-6)
    assert columns["index_by_index_now"][:3] == pytest.approx(np.array([11, 12, 1]) / 10, rel=1e-6)
