"""The feature matrix counted slice by slice: the same as a plain look at the whole, with the keys of what is wrong."""

import numpy as np
import pandas as pd
import pytest

from expectations.suites import feature_profile
from expectations.suites.feature_profile import profile_features

RANGES = {"share": (0.0, 1.0), "level": (0.0, 1e300)}
INFINITE, UNKNOWN = np.inf, np.nan


@pytest.fixture
def profile_of(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_profile, "_ROWS_AT_A_TIME", 3)  # several slices of a small matrix

    def profile(**columns):
        frame = pd.DataFrame(columns)
        if "dfu_ck" not in frame:
            frame["dfu_ck"] = [f"d{i}" for i in range(len(frame))]
        frame.to_parquet(tmp_path / "matrix.parquet")
        return profile_features(tmp_path / "matrix.parquet", RANGES)

    return profile


def found(broken):
    return broken.rows, broken.keys


def test_undefined_and_out_of_range_are_counted_apart_and_named_in_the_order_of_the_rows(profile_of):
    profile = profile_of(share=[0.5, UNKNOWN, 1.2, -0.1, UNKNOWN, 1, 0], level=[1, 2, INFINITE, 4, -INFINITE, 6, 7])
    assert profile.rows == 7
    assert found(profile.undefined["share"]) == (2, ["d1", "d4"])
    assert found(profile.outside["share"]) == (2, ["d2", "d3"])
    assert found(profile.undefined["level"]) == (0, [])
    assert found(profile.outside["level"]) == (2, ["d2", "d4"])


def test_five_keys_are_kept_of_any_number_of_rows(profile_of):
    profile = profile_of(share=[2.0] * 20, level=[1] * 20)
    assert found(profile.outside["share"]) == (20, ["d0", "d1", "d2", "d3", "d4"])


def test_dfus_that_occur_several_times_are_counted_wherever_their_rows_lie(profile_of):
    profile = profile_of(share=[0.1] * 6, level=[1] * 6, dfu_ck=["a", "b", "c", "a", "d", "a"])
    assert found(profile.repeated) == (3, ["a"])
    assert found(profile_of(share=[0.1] * 2, level=[1] * 2).repeated) == (0, [])


def test_distinct_values_are_told_apart_as_none_one_or_more(profile_of):
    profile = profile_of(share=[0.3] * 5, level=[1, 1, 1, 1, 2])
    assert (profile.distinct_values("share"), profile.distinct_values("level")) == (1, 2)
    assert profile_of(share=[UNKNOWN] * 2, level=[1, 1]).distinct_values("share") == 0


def test_whole_numbers_are_features_too(profile_of):
    profile = profile_of(share=pd.Series([0, 1, 2], dtype="int64"), level=[1, 2, 3])
    assert found(profile.outside["share"]) == (1, ["d2"])


def test_counts_equal_a_plain_look_at_the_whole(profile_of):
    rng = np.random.default_rng(4)
    share = rng.normal(0.5, 0.5, 500)
    share[rng.random(500) < 0.1] = UNKNOWN
    profile = profile_of(share=share, level=np.ones(500))
    assert profile.undefined["share"].rows == np.isnan(share).sum()
    assert profile.outside["share"].rows == ((share < 0) | (share > 1)).sum()
    assert (profile.lowest["share"], profile.highest["share"]) == (np.nanmin(share), np.nanmax(share))
