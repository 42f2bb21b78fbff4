"""Verdicts of whole measurements, segments found at every origin, on panels of which it is known what is in them."""

import functools

import numpy as np
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.forecast_value.arms import BY_NAME
from dfu_clustering.forecast_value.evaluation import Design, evaluate
from dfu_clustering.forecast_value.known_groups import KnownGroups
from dfu_clustering.forecast_value.origins import rolling_origins
from dfu_clustering.forecast_value.paired import overlap_of
from dfu_clustering.forecast_value.verdict import judge
from dfu_clustering.steps.measure_forecast_value import known_of, segments_of
from tests.planted_panels import pure_noise, short_lives

pytestmark = pytest.mark.slow

CONFIG = load_config(n_init=5, gap_references=2)
H = 6
ARMS = tuple(
    BY_NAME[name]
    for name in (
        *("base", "recommended", "recommended, random groups", "index to segment", "index to random"),
        *("segment", "random partition"),
    )
)


def found(panel, *, seeds=2, shuffled=None):
    """Return what is found of each arm; with ``shuffled`` the segments are those of other DFUs."""
    origins = rolling_origins(panel.demand.shape[1], horizon_months=H)
    known = known_of(panel, origins, CONFIG, None)
    segments_at = functools.cache(segments_of(known, panel, CONFIG))

    def given(origin):
        if shuffled is None:
            return segments_at(origin)
        others = np.random.default_rng(shuffled).permutation(len(panel.dfu_ck))
        return KnownGroups(segments_at(origin).code[:, others])

    errors = evaluate(known, Design(origins, H, seeds, workers=2, arms=ARMS), given)
    _, judged = judge(errors, overlapping=overlap_of(H, int(np.diff(origins).min())))
    return {arm.name: arm for arm in judged}


def test_segments_that_know_the_season_of_short_histories_pay():
    recommended = found(short_lives(300, seed=1))["recommended"]
    assert recommended.finding == "pays"
    assert recommended.against_base["wape"].ratio < 0.97


def test_segments_of_pure_noise_are_no_evidence():
    assert "pays" not in {arm.finding for arm in found(pure_noise(200, seed=1)).values()}


def test_segments_of_other_dfus_are_no_evidence():
    assert "pays" not in {arm.finding for arm in found(short_lives(200, seed=2), shuffled=5).values()}
