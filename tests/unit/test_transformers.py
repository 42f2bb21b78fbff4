import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder as SklearnOneHotEncoder
from sklearn.preprocessing import StandardScaler

from dfu_clustering.errors import DataError
from dfu_clustering.preprocessing.attribute_encoding import AttributeEncoder, FrequencyEncoder, OneHotEncoder
from dfu_clustering.preprocessing.learner import learn, learned
from dfu_clustering.preprocessing.transformers import (
    NULL,
    BlockWeight,
    ClippedRobustScaler,
    LowVarianceFilter,
    MatrixColumns,
    MedianImputer,
    PrincipalComponents,
    SeasonPlane,
    StandardScaling,
    Winsorizer,
)


def column(*values):
    return np.array(values, dtype=np.float64)[:, None]


class TestMatrixColumns:
    def test_numbers_become_float_and_categories_text_with_null_as_a_value(self):
        matrix = pd.DataFrame({"n": [1, 2, 3], "all_null": [None] * 3, "c": ["é", None, np.nan], "other": [0, 0, 0]})
        columns = MatrixColumns(["n", "all_null"], ["c"]).fit_transform(matrix)
        assert columns["n"].tolist() == [1.0, 2.0, 3.0]
        assert columns["all_null"].isna().all()
        assert columns.dtypes[["n", "all_null"]].tolist() == [np.float64, np.float64]
        assert columns["c"].tolist() == ["é", NULL, NULL]
        assert list(columns) == ["n", "all_null", "c"]

    def test_missing_columns_are_all_named(self):
        with pytest.raises(DataError, match=r"\(2: 'a', 'b'\)"):
            MatrixColumns(["a", "n"], ["b"]).fit_transform(pd.DataFrame({"n": [1]}))

    @pytest.mark.parametrize(("values", "found"), [(["1", "x"], "'x'"), ([1.0, np.inf], "1 infinite values")])
    def test_numeric_columns_hold_finite_numbers_only(self, values, found):
        with pytest.raises(DataError, match=f"n must hold finite numbers or NULL.*{found}"):
            MatrixColumns(["n"]).fit_transform(pd.DataFrame({"n": values}))


class TestMedianImputer:
    def test_nothing_known_becomes_the_median_of_what_was_known_when_fitted(self):
        fitted = np.array([[1.0, np.nan], [np.nan, 5.0], [4.0, 7.0], [2.0, np.nan]])
        imputer = MedianImputer().fit(fitted)
        assert imputer.transform(np.array([[np.nan, np.nan], [9.0, np.nan]])).tolist() == [[2.0, 6.0], [9.0, 6.0]]

    def test_a_column_without_any_value_becomes_zero(self):
        assert MedianImputer().fit_transform(np.array([[np.nan, 1.0], [np.nan, 3.0]])).tolist() == [[0, 1], [0, 3]]

    def test_what_is_given_stays_as_it_is(self):
        given = pd.DataFrame({"a": [1.0, np.nan]})
        assert MedianImputer().fit_transform(given).tolist() == [[1.0], [1.0]]
        assert given["a"].isna().tolist() == [False, True]

    def test_values_are_those_of_scikit_learn(self):
        space = np.random.default_rng(4).lognormal(size=(501, 3))
        space[np.random.default_rng(5).random((501, 3)) < 0.2] = np.nan
        assert (MedianImputer().fit_transform(space) == SimpleImputer(strategy="median").fit_transform(space)).all()


def test_winsorizing_pulls_in_to_the_fitted_quantiles():
    # 0..100: the quantiles 0.05 and 0.9 are 5 and 90
    winsorizer = Winsorizer(0.05, 0.9).fit(np.arange(101.0)[:, None])
    assert winsorizer.transform(column(-7, 5, 50, 90, 1e6)).ravel().tolist() == [5, 5, 50, 90, 90]


class TestLowVarianceFilter:
    def test_a_column_exactly_at_the_limit_stays(self):
        # variances (ddof 0): 0.25, 0.0625, 0
        space = np.array([[0.0, 0.0, 7.0], [1.0, 0.5, 7.0]])
        low_variance = LowVarianceFilter(0.25).fit(space)
        assert low_variance.transform(space).tolist() == [[0.0], [1.0]]
        assert low_variance.get_feature_names_out(["a", "b", "c"]).tolist() == ["a"]

    def test_constants_go_even_where_no_variance_is_asked_for(self):
        # the mean of three times 0.1 is not 0.1 in floating point
        space = np.array([[0.1, 0.0], [0.1, 1e-9], [0.1, 0.0]])
        assert LowVarianceFilter(0.0).fit_transform(space).tolist() == [[0.0], [1e-9], [0.0]]

    def test_of_a_space_without_variance_one_column_stays(self):
        assert LowVarianceFilter(0.01).fit_transform(np.full((3, 2), 7.0)).tolist() == [[7.0]] * 3

    def test_a_single_row_keeps_all_columns(self):
        assert LowVarianceFilter(0.01).fit_transform(np.array([[1.0, 2.0]])).tolist() == [[1.0, 2.0]]

    def test_dropping_everything_can_be_allowed(self):
        assert LowVarianceFilter(0.0, may_drop_all=True).fit_transform(np.zeros((3, 2))).shape == (3, 0)


class TestClippedRobustScaler:
    def test_scaling_is_hand_worked(self):
        # 0..8: median 4, quartiles 2 and 6, IQR 4; unit 4/1.349 = 2.9652; (8 - 4)/2.9652 = 1.349
        scaler = ClippedRobustScaler().fit(np.arange(9.0)[:, None])
        assert scaler.transform(column(4, 6, 8)).ravel() == pytest.approx([0, 0.6745, 1.349])

    def test_results_are_clipped_to_three(self):
        scaler = ClippedRobustScaler().fit(np.arange(9.0)[:, None])
        # 3 units above the median are 4 + 3 x 2.9652 = 12.896
        assert scaler.transform(column(12.8, 12.9, -100)).ravel() == pytest.approx([8.8 * 1.349 / 4, 3, -3])

    def test_a_normal_column_gets_unit_variance(self):
        space = np.random.default_rng(0).normal(50, 7, size=(20_000, 1))
        # clipping at 3 takes 0.3 % of the rows and less than 1 % of the variance
        assert ClippedRobustScaler().fit_transform(space).std() == pytest.approx(1, abs=0.02)

    def test_without_an_iqr_the_unit_is_the_standard_deviation(self):
        # nine zeros and 10: quartiles 0 and 0, mean 1, variance (9 x 1 + 81)/10 = 9
        scaled = ClippedRobustScaler().fit_transform(column(*[0] * 9, 10)).ravel()
        assert scaled.tolist() == [0.0] * 9 + [3.0]
        assert ClippedRobustScaler().fit(column(*[0] * 9, 10)).scale_.tolist() == [3.0]

    def test_an_iqr_of_mere_noise_does_not_become_the_unit(self):
        rng = np.random.default_rng(1)
        seasonal = np.concatenate([np.full(100, 1.0), np.full(100, -1.0), rng.normal(0, 0.001, 800)])[:, None]
        scaler = ClippedRobustScaler().fit(seasonal)
        assert scaler.scale_ == pytest.approx(seasonal.std())

    def test_a_constant_column_becomes_zero(self):
        assert ClippedRobustScaler().fit_transform(column(5, 5)).ravel().tolist() == [0.0, 0.0]


def plane_of(strength, peak_month):
    """Strength x (sin, cos) of the peak month, as the columns of the space have it."""
    angle = 2 * np.pi * np.asarray(peak_month) / 12
    return np.column_stack([strength * np.sin(angle), strength * np.cos(angle)])


class TestSeasonPlane:
    # most peak around one month, and by very different strengths
    STRENGTH = np.random.default_rng(8).beta(0.5, 3, 300)
    PEAK = np.round(np.random.default_rng(9).normal(9, 1, 300)) % 12 + 1

    def distances(self, scaler, k):
        """Return all distances between DFUs, the names of the months moved by k."""
        return pdist(scaler.fit_transform(plane_of(self.STRENGTH, (self.PEAK - 1 + k) % 12 + 1)))

    @pytest.mark.parametrize("k", range(1, 12))
    def test_it_turns_with_the_calendar(self, k):
        assert self.distances(SeasonPlane(0.01), k) == pytest.approx(self.distances(SeasonPlane(0.01), 0), abs=1e-12)

    def test_columns_scaled_one_by_one_would_not_turn(self):
        apart = [self.distances(ClippedRobustScaler(), k) for k in (0, 2)]
        assert np.abs(apart[0] - apart[1]).max() > 1

    def test_both_columns_share_one_unit_that_is_hand_worked(self):
        # squared lengths 25 and 0: their mean over two columns is 25 / 4, its root 2.5
        scaled = SeasonPlane(0.01).fit_transform(np.array([[3.0, 4.0], [0.0, 0.0]]))
        assert scaled.ravel().tolist() == pytest.approx([1.2, 1.6, 0.0, 0.0])

    def test_no_season_is_the_origin(self):
        plane = plane_of(np.array([0.0, 0.0, 0.8]), [1, 7, 7])
        scaled = SeasonPlane(0.01).fit(plane).transform(np.vstack([plane[:2], [[np.nan, np.nan]]]))
        assert (scaled == 0).all()

    def test_nan_counts_as_no_season_when_fitted(self):
        known, gaps = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[3.0, 4.0], [np.nan, np.nan]])
        assert SeasonPlane(0.01).fit(gaps).scale_ == SeasonPlane(0.01).fit(known).scale_

    def test_a_vector_longer_than_three_units_keeps_its_direction(self):
        # 3-4-5 once in a hundred: mean square 25 / 200, unit 0.3536, length 14.1 units
        plane = np.vstack([[[3.0, 4.0]], np.zeros((99, 2))])
        assert SeasonPlane(0.01).fit_transform(plane)[0].tolist() == pytest.approx([3 * 0.6, 3 * 0.8])

    def test_vectors_are_drawn_in_to_a_circle_not_to_a_square(self):
        # (2.5, 2.5) is 3.54 units long, although neither column is above 3
        fitted = SeasonPlane(0.01).fit(np.array([[math.sqrt(2), 0.0]]))  # unit 1
        assert fitted.transform(np.array([[2.9, 0.0]])).ravel().tolist() == pytest.approx([2.9, 0.0])
        assert fitted.transform(np.array([[2.5, 2.5]])).ravel().tolist() == pytest.approx([3 / math.sqrt(2)] * 2)

    @pytest.mark.parametrize(("least", "kept"), [(0.125, ["sin", "cos"]), (0.1251, [])])
    def test_both_columns_stay_from_the_least_mean_square_on_or_go_together(self, least, kept):
        # squared lengths of 1/4 make 1/8 a column; by itself the second would have none
        plane = np.array([[0.5, 0.0], [-0.5, 0.0]])
        season = SeasonPlane(least).fit(plane)
        assert season.transform(plane).shape == (2, len(kept))
        assert season.get_feature_names_out(["sin", "cos"]).tolist() == kept

    def test_dfus_without_any_season_have_no_plane_even_where_no_variance_is_asked_for(self):
        assert SeasonPlane(0.0).fit_transform(np.zeros((3, 2))).shape == (3, 0)

    @pytest.mark.parametrize("strength", [0.0, 0.5])
    def test_what_was_learned_survives_json(self, strength):
        plane = plane_of(np.full(3, strength), [1, 2, 3])
        fitted = SeasonPlane(0.01).fit(plane)
        restored = learn(SeasonPlane(0.01), json.loads(json.dumps(learned(fitted))))
        assert (restored.transform(plane) == fitted.transform(plane)).all()


def test_standard_scaling_is_that_of_scikit_learn():
    space = np.random.default_rng(6).lognormal(size=(300, 3)) * [1, 1e6, 0]
    assert (StandardScaling().fit_transform(space) == StandardScaler().fit_transform(space)).all()


def test_one_hot_columns_are_those_of_scikit_learn():
    rows = pd.DataFrame({"region": ["ost", "é", "ost", NULL], "brand": ["b", "a", "B", "b"]})
    unseen = pd.DataFrame({"region": ["west", "é"], "brand": ["a", "z"]})
    own, theirs = (
        OneHotEncoder().fit(rows),
        SklearnOneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(rows),
    )
    assert (own.transform(unseen) == theirs.transform(unseen)).all()
    assert own.categories_ == [list(known) for known in theirs.categories_]
    assert own.get_feature_names_out(["region", "brand"]).tolist()[:2] == ["region is NULL", "region=ost"]


def test_frequencies_are_shares_of_the_rows_fitted_on():
    fitted = FrequencyEncoder().fit(pd.DataFrame({"c": ["x", "x", "y", NULL]}))
    assert fitted.transform(pd.DataFrame({"c": ["x", "y", NULL, "new"]})).ravel().tolist() == [0.5, 0.25, 0.25, 0.0]


def test_block_weight_is_the_total_variance():
    space = np.random.default_rng(2).normal(size=(500, 4)) * [1, 5, 0.1, 30]
    assert BlockWeight(0.7).fit_transform(space).var(axis=0).sum() == pytest.approx(0.7)


def test_an_empty_block_has_nothing_to_weigh():
    assert BlockWeight(2.0).fit_transform(np.empty((3, 0))).shape == (3, 0)


def test_components_keep_distances_and_have_signs_of_their_own():
    space = np.random.default_rng(3).normal(size=(60, 5)) @ np.diag([5.0, 3.0, 2.0, 1.0, 0.5])
    pca = PrincipalComponents(0.9999)
    components = pca.fit_transform(space)
    assert np.linalg.norm(components[0] - components[1]) == pytest.approx(np.linalg.norm(space[0] - space[1]))
    largest = np.abs(pca.components_).argmax(axis=1)
    assert (pca.components_[np.arange(5), largest] > 0).all()
    mirrored = PrincipalComponents(0.9999).fit(2 * space.mean(axis=0) - space)
    assert mirrored.components_ == pytest.approx(pca.components_)


@pytest.mark.parametrize(
    "transformer",
    [
        Winsorizer(0.1, 0.9),
        LowVarianceFilter(0.5, may_drop_all=True),
        BlockWeight(3.0),
        MatrixColumns(["a"], ["b"]),
        MedianImputer(),
        SeasonPlane(0.02),
        AttributeEncoder(["a"], ["b"], 3, StandardScaling()),
    ],
)
def test_transformers_can_be_cloned(transformer):
    assert clone(transformer).get_params(deep=False).keys() == transformer.get_params(deep=False).keys()
    plain = {name: value for name, value in transformer.get_params(deep=False).items() if name != "scaler"}
    assert plain.items() <= clone(transformer).get_params(deep=False).items()
