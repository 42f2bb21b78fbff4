"""Columns that a short or noisy history cannot tell from chance count less."""

import math

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.features.histories import Histories
from dfu_clustering.features.matrix import time_series_features
from dfu_clustering.preprocessing.pipeline import build_preprocessing
from dfu_clustering.preprocessing.shape import (
    NOISY_COLUMNS,
    SEASON_PLANE,
    SHAPE_COLUMNS,
    shape_columns,
    standard_errors,
    variance_between,
)

AS_OF = np.datetime64("2026-10", "M")


def matrix_of(demand, history=None):
    """Features of DFUs with the same months of sales, the last ``history`` of which are the window."""
    n_dfus, n_months = demand.shape
    keys = np.array([f"dfu_{i:05}" for i in range(n_dfus)], dtype=object)
    of_season = np.full(n_dfus, n_months // 12 * 12 if n_months >= 24 else 0)
    return time_series_features(Histories(keys, demand, np.full(n_dfus, history or n_months), AS_OF, of_season))


def noise(n_dfus=4000, n_months=24, cv=0.2, seed=1):
    sigma = math.sqrt(math.log1p(cv**2))
    return 100 * np.random.default_rng(seed).lognormal(-(sigma**2) / 2, sigma, (n_dfus, n_months))


def named_space(matrix, **overrides):
    pipeline = build_preprocessing(load_config(min_variance=0.0, **overrides))
    return pd.DataFrame(pipeline.fit_transform(matrix), columns=pipeline.get_feature_names_out())


class TestShapeColumns:
    def test_none_depends_on_the_unit_of_demand(self):
        demand = noise(300) * np.random.default_rng(7).integers(0, 2, (300, 24))
        pieces, pallets = (shape_columns(matrix_of(demand[demand.any(axis=1)] * unit)) for unit in (1, 1 / 1024))
        assert tuple(pieces) == SHAPE_COLUMNS
        assert (pieces.fillna(-9) == pallets.fillna(-9)).all(axis=None)


class TestStandardErrors:
    @pytest.mark.parametrize(
        ("season_months", "delta"),
        [
            # S = 0.4: SSD = 22 / 0.6 = 36.67, SSR = 11, season 25.67, noncentrality 14.67
            (24, 22 / 11 * math.sqrt(25.6667**2 * 22 + 121 * 2 * (11 + 2 * 14.6667)) / 36.6667**2),
            # SSD = 46 / 0.6 = 76.67, SSR = 35, season 41.67, noncentrality 30.67
            (48, 46 / 35 * math.sqrt(41.6667**2 * 70 + 35**2 * 2 * (11 + 2 * 30.6667)) / 76.6667**2),
        ],
    )
    def test_they_are_hand_worked(self, season_months, delta):
        dfu = {"residual_cv": 0.5, "seasonality_strength": 0.4, "history_months": 24, "season_months": season_months}
        # the clip at 0, by the draws of a normal variable
        strength = np.random.default_rng(0).normal(0.4, delta, 4_000_000).clip(0).std()
        expected = {
            "annual_trend": 12 * 0.5 * math.sqrt(12 / (24**3 - 24)),
            "log_growth": 0.5 * math.sqrt(2 / 12) / 1.1,
            "log_recent": 0.5 * math.sqrt(1 / 6 + 1 / 18) / 1.1,
            "lag1_autocorrelation": 1 / math.sqrt(24),
            "seasonality_strength": strength,
            "season_sin": strength / math.sqrt(2),
            "season_cos": strength / math.sqrt(2),
        }
        assert standard_errors(pd.DataFrame([dfu])).iloc[0].to_dict() == pytest.approx(expected, rel=2e-3)

    def test_a_short_history_has_shorter_means_and_no_season(self):
        dfu = {"residual_cv": 0.5, "seasonality_strength": 0.0, "history_months": 15, "season_months": 0}
        errors = standard_errors(pd.DataFrame([dfu])).iloc[0]
        assert errors["log_growth"] == pytest.approx(0.5 * math.sqrt(2 / 7) / 1.1)
        assert errors["log_recent"] == pytest.approx(0.5 * math.sqrt(1 / 6 + 1 / 9) / 1.1)
        assert errors[["seasonality_strength", "season_sin", "season_cos"]].isna().all()

    @pytest.mark.parametrize("months", [1, 2, 6, 7, 23, 24])
    def test_they_are_there_as_soon_as_the_column_is(self, months):
        of_season = 24 if months == 24 else 0
        dfu = {
            "residual_cv": 0.5,
            "seasonality_strength": 0.3,
            "history_months": months,
            "season_months": of_season,
        }
        known = standard_errors(pd.DataFrame([dfu])).iloc[0].notna()
        defined_from = dict(zip(NOISY_COLUMNS, (2, 2, 7, 1, 24, 24, 24), strict=True))
        assert known.to_dict() == {name: months >= first for name, first in defined_from.items()}

    def test_that_of_a_season_is_known_wherever_it_has_a_window_however_short_the_history(self):
        dfu = {"residual_cv": 0.5, "seasonality_strength": 0.3, "history_months": 12, "season_months": 36}
        short, long = (standard_errors(pd.DataFrame([dfu | {"history_months": n}])).iloc[0] for n in (12, 36))
        of_season = ["seasonality_strength", *SEASON_PLANE]
        assert short[of_season].tolist() == long[of_season].tolist()
        assert (short[of_season] > 0).all()

    @pytest.mark.parametrize("name", ["seasonality_strength", *SEASON_PLANE])
    def test_a_season_of_four_years_scatters_as_four_years_do_in_a_window_of_two(self, name):
        matrix = matrix_of(noise(n_months=48), history=24)
        scatter, expected = shape_columns(matrix)[name].std(), standard_errors(matrix)[name].mean()
        assert 0.9 < expected / scatter < 1.25
        two_years = matrix_of(noise(n_months=24))
        assert expected < 0.6 * standard_errors(two_years)[name].mean()

    @pytest.mark.parametrize("n_months", [24, 36])
    @pytest.mark.parametrize("name", NOISY_COLUMNS)
    def test_they_are_what_pure_noise_scatters(self, name, n_months):
        # Growth: where months happen to look like a season residual_cv is too small, by 5-7 %. Season and
        # autocorrelation: the error is that of the S or r that was measured, which noise makes larger than it is.
        matrix = matrix_of(noise(n_months=n_months))
        scatter, expected = shape_columns(matrix)[name].std(), standard_errors(matrix)[name].mean()
        assert 0.9 < expected / scatter < 1.25

    @pytest.mark.parametrize("amplitude", [0.2, 0.4])
    def test_that_of_a_real_season_is_no_less_than_it_scatters_and_not_by_half_more(self, amplitude):
        season = 1 + amplitude * np.sin(2 * np.pi * np.arange(24) / 12)
        matrix = matrix_of(noise(cv=0.2) * season)
        scatter = matrix["seasonality_strength"].std()
        assert 1.0 < standard_errors(matrix)["seasonality_strength"].mean() / scatter < 1.5

    def test_a_perfect_season_has_next_to_none(self):
        dfu = {"residual_cv": 0.0, "seasonality_strength": 1.0, "history_months": 24, "season_months": 24}
        assert 0 <= standard_errors(pd.DataFrame([dfu])).iloc[0]["seasonality_strength"] < 0.01

    def test_they_are_the_same_bits_in_whatever_blocks(self, monkeypatch):
        matrix = matrix_of(noise(50, n_months=36)).set_index("dfu_ck")
        at_once = standard_errors(matrix)
        monkeypatch.setattr("dfu_clustering.preprocessing.shape._ROWS_AT_A_TIME", 7)
        pd.testing.assert_frame_equal(standard_errors(matrix), at_once, check_exact=True)
        assert standard_errors(matrix.iloc[:0]).shape == (0, len(NOISY_COLUMNS))


class TestVarianceBetween:
    def test_it_is_found_again_under_uneven_errors(self):
        rng = np.random.default_rng(2)
        errors = rng.lognormal(-1, 1, 20_000)
        values = rng.normal(0.1, 0.3, 20_000) + errors * rng.normal(size=20_000)
        assert variance_between(values, errors) == pytest.approx(0.09, rel=0.05)

    def test_it_solves_the_equation_of_paule_and_mandel(self):
        values, errors = np.array([1.0, 2.0, 4.0, 4.5]), np.array([0.5, 1.0, 0.2, 0.4])
        variance = variance_between(values, errors)
        weights = 1 / (variance + errors**2)
        mean = (weights * values).sum() / weights.sum()
        assert (weights * (values - mean) ** 2).sum() == pytest.approx(3.0)

    def test_without_errors_it_is_the_variance_of_the_values(self):
        values = np.array([1.0, 2.0, 4.0])
        assert variance_between(values, np.zeros(3)) == pytest.approx(values.var(ddof=1))

    def test_chance_alone_leaves_nothing(self):
        values = np.array([0.1, -0.1, 0.05])
        assert variance_between(values, np.ones(3)) == 0.0

    @pytest.mark.parametrize("noise_of_values", [0.1, 10.0])
    def test_mirrored_values_have_that_of_the_values_and_their_opposites(self, noise_of_values):
        values = np.array([0.3, 0.1, -0.4, np.nan, 0.2])
        errors = noise_of_values * np.array([1.0, 0.5, 0.7, 0.2, np.nan])
        both = variance_between(np.concatenate([values, -values]), np.tile(errors, 2))
        assert variance_between(values, errors, mirrored=True) == pytest.approx(both, rel=1e-8)
        assert (both > 0) is (noise_of_values < 1)

    @pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0], [np.nan, 3.0]])
    def test_fewer_than_two_different_values_have_none(self, values):
        assert variance_between(np.array(values), np.full(len(values), 0.1)) == 0.0


class TestDiscount:
    def test_a_value_counts_by_the_share_of_its_variance_that_is_no_chance(self):
        matrix = pd.concat([matrix_of(noise(500, cv=0.05)), matrix_of(noise(500, cv=0.8, seed=3))], ignore_index=True)
        matrix["log_growth"] += np.linspace(-0.5, 0.5, 1000)
        ours, plain = named_space(matrix), named_space(matrix, discount_noise=False)
        errors = standard_errors(matrix)["log_growth"]
        variance = variance_between(matrix["log_growth"].to_numpy(), errors.to_numpy())
        assert ours["log_growth"].to_numpy() == pytest.approx(
            (plain["log_growth"] * variance / (variance + errors**2)).to_numpy()
        )
        assert (variance / (variance + errors**2)).groupby(matrix.index >= 500).median().tolist() == pytest.approx(
            [0.99, 0.5], abs=0.1
        )

    def test_columns_without_an_error_are_as_they_were(self):
        demand = noise(300) * np.linspace(1, 50, 300)[:, None]
        demand[:, 0] *= np.arange(300) % 2  # half of them lack a month
        matrix = matrix_of(demand)
        ours, plain = (named_space(matrix, discount_noise=flag) for flag in (True, False))
        others = [name for name in ours if name not in NOISY_COLUMNS]
        assert set(others) == {"log_sparsity_score", "log1p_cv2_demand", "log1p_residual_cv"}
        assert (ours[others] == plain[others]).all(axis=None)

    def test_dfus_that_differ_by_chance_only_hardly_differ_in_growth(self):
        demand = np.random.default_rng(4).poisson(0.4, (3000, 24)) * 1.0
        matrix = matrix_of(demand[demand.any(axis=1)])
        ours, plain = (named_space(matrix, discount_noise=flag) for flag in (True, False))
        assert (ours["log_growth"].std() / plain["log_growth"].std()) < 0.3

    def test_a_history_too_short_for_a_season_lies_in_the_middle_of_the_others(self):
        seasonal = noise(400) * (1 + 0.5 * np.sin(2 * np.pi * np.arange(24) / 12) * np.linspace(0, 1, 400)[:, None])
        matrix = pd.concat([matrix_of(seasonal), matrix_of(noise(5, n_months=15))], ignore_index=True)
        space = named_space(matrix)
        assert (space.loc[400:, ["seasonality_strength", "season_sin", "season_cos"]] == 0).all(axis=None)

    @pytest.mark.parametrize("k", [0, 1, 5])
    def test_the_plane_of_the_season_has_one_variance_around_the_origin_in_every_direction(self, k):
        # All have the same error e. A column of the 4 n values +-sin, +-cos has the mean 0, and the squares of both
        # signs add up to 2 x the squared lengths: t2 = 2 x their sum / (4 n - 1) - e^2.
        strength = np.full(60, 0.6)
        peak = np.where(np.arange(60) % 3, 3, 12)
        matrix = matrix_of(noise(60, cv=0.8)).assign(seasonality_strength=strength, peak_month=(peak - 1 + k) % 12 + 1)
        discount = build_preprocessing(load_config()).fit(matrix).named_steps["space"].blocks_["time_series"]
        error = standard_errors(matrix)["season_sin"].iloc[0]
        expected = 2 * 60 * 0.6**2 / (4 * 60 - 1) - error**2
        assert [discount.variances_[name] for name in SEASON_PLANE] == pytest.approx([expected] * 2, rel=1e-6)

    def test_dfus_that_differ_by_chance_only_are_one_point(self):
        space = build_preprocessing(load_config()).fit_transform(matrix_of(noise(300)))
        assert len(np.unique(space, axis=0)) == 1

    def test_a_dfu_is_discounted_as_when_it_was_fitted(self):
        matrix = matrix_of(noise(300) * np.linspace(1, 50, 300)[:, None])
        matrix["log_growth"] += np.linspace(-0.5, 0.5, 300)
        pipeline = build_preprocessing(load_config()).fit(matrix)
        assert pipeline.named_steps["space"].blocks_["time_series"].variances_["log_growth"] > 0.01
        assert (pipeline.transform(matrix.iloc[[7, 3]]) == pipeline.transform(matrix)[[7, 3]]).all()
