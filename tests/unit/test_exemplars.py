"""Which DFUs a segment is shown by."""

import numpy as np

from dfu_clustering.segments.exemplars import exemplars

ROWS = np.array([0, 1, 2, 3, 4])
KEYS = np.array(["e", "d", "c", "b", "a", "of another cluster"], dtype=object)
DISTANCE = np.array([0.1, 0.2, 0.9, 0.9, 0.5, 0.0])


def test_borderline_have_the_smallest_margin_of_those_that_are_not_typical():
    margin = np.array([0.0, 0.3, 0.2, -0.1, 0.4, -9.0])
    chosen = exemplars(ROWS, distance=DISTANCE, margin=margin, dfu_ck=KEYS, n=2)
    assert (chosen.typical.tolist(), chosen.borderline.tolist()) == ([0, 1], [3, 2])


def test_margins_that_tie_go_by_key():
    margin = np.array([0.0, 0.3, 0.2, 0.2, 0.4, -9.0])
    chosen = exemplars(ROWS, distance=DISTANCE, margin=margin, dfu_ck=KEYS, n=2)
    assert (chosen.typical.tolist(), chosen.borderline.tolist()) == ([0, 1], [3, 2])


def test_cluster_without_another_one_has_no_border():
    chosen = exemplars(ROWS, distance=DISTANCE, margin=np.full(6, np.nan), dfu_ck=KEYS, n=2)
    assert (chosen.typical.tolist(), chosen.borderline.tolist()) == ([0, 1], [])


def test_small_cluster_is_typical_whole():
    chosen = exemplars(ROWS, distance=DISTANCE, margin=np.zeros(6), dfu_ck=KEYS, n=9)
    assert (chosen.typical.tolist(), chosen.borderline.tolist()) == ([0, 1, 4, 3, 2], [])
