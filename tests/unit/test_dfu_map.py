"""The map of the DFUs lies from month to month as it lay before."""

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.outputs.dfu_map import map_of

N = 300
KEYS = pd.Series([f"{i:05d}" for i in range(N)])
NOBODY = np.zeros(N, dtype=np.int64)


def space_of(seed, spread=(3.0, 2.9, 0.3)):
    return np.random.default_rng(seed).normal(size=(N, 3)) * spread


def points(table):
    return table[["x", "y"]].to_numpy()


def turned(angle, mirrored=False):
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return rotation @ np.diag([1.0, -1.0]) if mirrored else rotation


@pytest.mark.parametrize("angle", [0.1, np.pi / 2, np.pi, 4.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_map_that_was_turned_or_mirrored_before_is_turned_or_mirrored_alike(angle, mirrored):
    space = space_of(1)
    first, shares = map_of(space, KEYS, NOBODY, None)
    before = first.copy()
    before[["x", "y"]] = points(first) @ turned(angle, mirrored)
    after, of_after = map_of(space, KEYS, NOBODY, before)
    assert points(after) == pytest.approx(points(before))
    assert sum(of_after) == pytest.approx(sum(shares))


def test_two_months_of_the_same_dfus_neither_flip_nor_turn():
    # the axes explain nearly the same, so that a little noise is enough for PCA to turn them by any angle
    rng, space = np.random.default_rng(2), space_of(3, spread=(3.0, 3.0, 0.1))
    before, _ = map_of(space, KEYS, NOBODY, None)
    alone, aligned = [], []
    for _ in range(12):
        space = space + rng.normal(0, 0.15, space.shape)
        apart, _ = map_of(space, KEYS, NOBODY, None)
        after, _ = map_of(space, KEYS, NOBODY, before)
        alone.append(np.abs(points(apart) - points(before)).mean())
        aligned.append(np.abs(points(after) - points(before)).mean())
        before = after
    assert max(aligned) < 0.2
    assert max(alone) > 1.0


def test_shares_are_those_along_the_axes_of_the_map():
    space = space_of(4, spread=(3.0, 1.0, 0.1))
    first, (x, y) = map_of(space, KEYS, NOBODY, None)
    before = first.assign(x=first["y"], y=first["x"])
    swapped, shares = map_of(space, KEYS, NOBODY, before)
    assert shares == pytest.approx((y, x))
    assert shares == pytest.approx(points(swapped).var(axis=0) / space.var(axis=0).sum())


def test_dfus_that_came_or_went_change_nothing_for_the_others():
    space = space_of(5)
    before, _ = map_of(space[:200], KEYS[:200], NOBODY[:200], None)
    after, _ = map_of(space[50:], KEYS[50:].reset_index(drop=True), NOBODY[50:], before)
    both = before.merge(after, on="dfu_ck")
    assert len(both) == 150
    assert np.corrcoef(both["x_x"], both["x_y"])[0, 1] > 0.95
    assert np.corrcoef(both["y_x"], both["y_y"])[0, 1] > 0.95


def test_without_shared_dfus_or_columns_the_components_are_the_axes():
    space = space_of(6)
    first, _ = map_of(space, KEYS, NOBODY, None)
    strangers = first.assign(dfu_ck=[f"x{i}" for i in range(N)])
    assert points(map_of(space, KEYS, NOBODY, strangers)[0]) == pytest.approx(points(first))
    flat, shares = map_of(np.ones((4, 1)), KEYS[:4], NOBODY[:4], None)
    assert points(flat).tolist() == [[0.0, 0.0]] * 4
    assert shares == (0.0, 0.0)
