import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist

from dfu_clustering.clusters.k_selection import select_k
from dfu_clustering.config.clustering import ClusteringConfig, Space
from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.features.attributes import DFU_ATTRIBUTES, ITEM_ATTRIBUTES
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES
from dfu_clustering.preprocessing.learner import learn, learned
from dfu_clustering.preprocessing.pipeline import NUMERIC_FEATURES, build_preprocessing, column_names
from dfu_clustering.preprocessing.shape import SHAPE_COLUMNS, SHAPE_SOURCES, shape_columns


def config(**overrides) -> ClusteringConfig:
    return load_config(**overrides)


def matrix_of(n_dfus=200, seed=0) -> pd.DataFrame:
    """Every column of the feature matrix; attributes are NULL unless a test sets them."""
    rng = np.random.default_rng(seed)
    columns = {feature.name: rng.normal(1, 1, n_dfus) for feature in TIME_SERIES_FEATURES}
    columns |= {"dfu_ck": [f"item_{i}_Zürich" for i in range(n_dfus)], "demand_class": ["smooth"] * n_dfus}
    columns |= {"mean_demand": rng.lognormal(4, 1, n_dfus), "sparsity_score": rng.uniform(1, 4, n_dfus)}
    columns |= {"cv2_demand": rng.uniform(0, 2, n_dfus), "residual_cv": rng.uniform(0, 2, n_dfus)}
    columns |= {"seasonality_strength": rng.uniform(0, 1, n_dfus), "peak_month": rng.integers(1, 13, n_dfus)}
    columns |= {"history_months": rng.integers(24, 49, n_dfus), "lag1_autocorrelation": rng.uniform(-1, 1, n_dfus)}
    columns |= {"trend_slope": columns["mean_demand"] * rng.normal(0, 0.02, n_dfus)}
    columns |= {"season_months": 12 * rng.integers(2, 5, n_dfus)}
    attributes = {attribute.name: [None] * n_dfus for attribute in (*ITEM_ATTRIBUTES, *DFU_ATTRIBUTES)}
    return pd.DataFrame(columns | attributes)


class TestShape:
    def test_columns_are_hand_worked(self):
        dfu = {
            "mean_demand": 99.0,
            "sparsity_score": 2.0,
            "cv2_demand": 0.5,
            "residual_cv": 0.25,
            "trend_slope": 1.65,
            "log_growth": 0.3,
            "log_recent": -0.2,
            "lag1_autocorrelation": 0.4,
            "seasonality_strength": 0.8,
            "peak_month": 3,
        }
        expected = {
            "log_sparsity_score": math.log(2),
            "log1p_cv2_demand": math.log(1.5),
            "log1p_residual_cv": math.log(1.25),
            "annual_trend": 0.2,  # 12 x 1.65 / 99
            "log_growth": 0.3,
            "log_recent": -0.2,
            "lag1_autocorrelation": 0.4,
            "seasonality_strength": 0.8,
            "season_sin": 0.8,  # March is a quarter of the year: 0.8 x sin(pi/2)
            "season_cos": 0.0,
        }
        row = shape_columns(pd.DataFrame([dfu])).iloc[0]
        assert row.to_dict() == pytest.approx(expected, abs=1e-12)
        assert tuple(row.index) == SHAPE_COLUMNS

    def test_annual_trend_is_clipped_to_twice_the_mean(self):
        dfus = matrix_of(2).assign(mean_demand=[1.0, 1.0], trend_slope=[5.0, -0.5])
        assert shape_columns(dfus)["annual_trend"].tolist() == [2.0, -2.0]

    def test_december_is_as_near_to_january_as_to_november(self):
        dfus = matrix_of(3).assign(seasonality_strength=1.0, peak_month=[11, 12, 1])
        season = shape_columns(dfus)[["season_sin", "season_cos"]].to_numpy()
        assert math.dist(season[0], season[1]) == pytest.approx(math.dist(season[1], season[2]))

    def test_the_matrix_gives_ten_named_columns_of_float(self):
        pipeline = build_preprocessing(config())
        space = pipeline.fit_transform(matrix_of())
        assert (space.shape, space.dtype) == ((200, 10), np.float64)
        assert column_names(pipeline) == SHAPE_COLUMNS
        assert np.abs(space).max() <= 3.0

    @pytest.mark.parametrize("discount_noise", [True, False])
    @pytest.mark.parametrize("k", [1, 2, 3, 7])
    def test_moving_the_names_of_the_months_changes_no_distance(self, k, discount_noise):
        peak = np.random.default_rng(6).choice([10, 11, 12, 12, 12, 1, 6], 200)
        chosen = config(discount_noise=discount_noise)
        before, after = (
            pdist(build_preprocessing(chosen).fit_transform(matrix_of().assign(peak_month=months)))
            for months in (peak, (peak - 1 + k) % 12 + 1)
        )
        assert after == pytest.approx(before, rel=1e-6)

    def test_the_volume_of_demand_is_no_part_of_the_space(self):
        dfus = matrix_of()
        factor = np.random.default_rng(1).choice([2.0**-20, 0.25, 1.0, 1024.0], 200)  # powers of two do not round
        louder = dfus.assign(mean_demand=dfus["mean_demand"] * factor, trend_slope=dfus["trend_slope"] * factor)
        spaces = [build_preprocessing(config()).fit_transform(matrix) for matrix in (dfus, louder)]
        assert (spaces[0] == spaces[1]).all()

    def test_dfus_without_any_season_are_compared_without_its_plane(self):
        pipeline = build_preprocessing(config()).fit(matrix_of().assign(seasonality_strength=0.0))
        assert column_names(pipeline) == SHAPE_COLUMNS[: SHAPE_COLUMNS.index("seasonality_strength")]

    def test_the_season_of_a_dfu_without_a_window_of_its_own_lies_in_the_origin(self):
        pipeline = build_preprocessing(config()).fit(matrix_of())
        dfus = matrix_of().assign(seasonality_strength=0.0, season_months=0)
        space = pd.DataFrame(pipeline.transform(dfus), columns=list(column_names(pipeline)))
        assert (space[["seasonality_strength", "season_sin", "season_cos"]] == 0).all(axis=None)

    def test_without_the_discount_columns_are_clipped_at_three_units(self):
        dfus = matrix_of().assign(log_growth=np.linspace(-1, 1, 200) ** 3)  # the tails are five units out
        space = build_preprocessing(config(discount_noise=False)).fit_transform(dfus)
        assert np.abs(space).max() == 3.0

    def test_columns_are_winsorised_before_they_are_scaled(self):
        # 1, 2, ..., 101 with log_growth: quantiles 0.1 and 0.9 are 11 and 91, median 51, IQR 50: (91 - 51)/50 x 1.349
        dfus = matrix_of(101).assign(log_growth=np.arange(1.0, 102.0))
        chosen = config(winsorize_quantiles={"low": 0.1, "high": 0.9}, discount_noise=False)
        scaled = build_preprocessing(chosen).fit_transform(dfus)[:, SHAPE_COLUMNS.index("log_growth")]
        assert scaled.max() == pytest.approx(40 / 50 * 1.349)
        assert scaled[50] == 0

    def test_feature_scaling_does_not_touch_the_shape(self):
        spaces = [
            build_preprocessing(config(feature_scaling=scaling)).fit_transform(matrix_of())
            for scaling in ("standard", "robust")
        ]
        assert (spaces[0] == spaces[1]).all()


class TestAllFeatures:
    def test_every_numeric_feature_is_a_column(self):
        pipeline = build_preprocessing(config(feature_set="all"))
        pipeline.fit(matrix_of())
        assert column_names(pipeline) == NUMERIC_FEATURES
        assert len(NUMERIC_FEATURES) == len(TIME_SERIES_FEATURES) - 1
        assert "demand_class" not in NUMERIC_FEATURES

    def test_standard_scaling_gives_unit_variance(self):
        space = build_preprocessing(config(feature_set="all")).fit_transform(matrix_of())
        assert space.mean(axis=0) == pytest.approx(np.zeros(space.shape[1]), abs=1e-12)
        assert space.std(axis=0) == pytest.approx(np.ones(space.shape[1]))

    def test_robust_scaling_is_clipped(self):
        chosen = config(feature_set="all", feature_scaling="robust")
        space = build_preprocessing(chosen).fit_transform(matrix_of())
        assert np.abs(space).max() == 3.0


class TestGaps:
    def test_nan_becomes_the_median(self):
        growth = [1.0, 2.0, np.nan, 4.0, 9.0]  # median of the others: 3
        dfus = matrix_of(5).assign(log_growth=growth)
        filled = matrix_of(5).assign(log_growth=[1.0, 2.0, 3.0, 4.0, 9.0])
        chosen = config(discount_noise=False)
        spaces = [build_preprocessing(chosen).fit_transform(frame) for frame in (dfus, filled)]
        assert (spaces[0] == spaces[1]).all()

    def test_a_column_of_nan_is_dropped_without_a_warning(self):
        pipeline = build_preprocessing(config())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pipeline.fit_transform(matrix_of().assign(log_recent=np.nan))
        assert column_names(pipeline) == tuple(name for name in SHAPE_COLUMNS if name != "log_recent")

    def test_columns_of_low_variance_are_dropped(self):
        growth = np.where(np.arange(200) % 2, 0.09, -0.09)  # variance 0.0081
        pipeline = build_preprocessing(config()).fit(matrix_of().assign(log_growth=growth))
        assert "log_growth" not in column_names(pipeline)
        pipeline = build_preprocessing(config(min_variance=0.008)).fit(matrix_of().assign(log_growth=growth))
        assert "log_growth" in column_names(pipeline)

    @pytest.mark.parametrize("name", SHAPE_SOURCES)
    def test_a_missing_column_is_named(self, name):
        with pytest.raises(DataError, match=f"missing columns \\(1: '{name}'\\)"):
            build_preprocessing(config()).fit(matrix_of().drop(columns=name))

    @pytest.mark.parametrize("use_pca", [False, True])
    def test_dfus_that_do_not_differ_are_one_point(self, use_pca):
        space = build_preprocessing(config(use_pca=use_pca)).fit_transform(matrix_of().iloc[[7, 7, 7]])
        assert np.isfinite(space).all()
        assert len(np.unique(space, axis=0)) == 1

    @pytest.mark.parametrize("use_pca", [False, True])
    def test_a_single_dfu_passes_to_be_refused_where_k_is_chosen(self, use_pca):
        chosen = config(use_pca=use_pca, attributes={"item": 1.0, "dfu": 1.0})
        space = build_preprocessing(chosen).fit_transform(matrix_of(1).assign(region="ost"))
        assert np.isfinite(space).all()
        with pytest.raises(DataError, match="DFUs to cluster, the smallest K of k_range"):
            select_k(space, volume=np.ones(1), config=chosen)

    def test_next_months_single_dfu_fits_into_the_space(self):
        pipeline = build_preprocessing(config(attributes={"dfu": 1.0})).fit(matrix_of().assign(region="ost"))
        assert pipeline.transform(matrix_of(1, seed=9)).shape == (1, 10)


class TestAttributes:
    def test_each_block_has_its_weight_as_total_variance(self):
        rng = np.random.default_rng(1)
        dfus = matrix_of().assign(
            category=rng.choice(np.array(["wine", "spirits", None], dtype=object), 200),
            case_weight=rng.lognormal(2, 1, 200),
            region=rng.choice(["Süd", "東", "east"], 200),
            brand=[f"brand {i % 50}" if i % 3 else "big" for i in range(200)],
        )
        pipeline = build_preprocessing(config(attributes={"item": 0.5, "dfu": 2.0}))
        space = pd.DataFrame(pipeline.fit_transform(dfus), columns=list(column_names(pipeline)))
        item = ["case_weight", "category is NULL", "category=spirits", "category=wine"]
        dfu = ["region=Süd", "region=east", "region=東", "brand"]
        assert list(space)[10:] == [*item, *dfu]
        assert space[item].var(ddof=0).sum() == pytest.approx(0.5)
        assert space[dfu].var(ddof=0).sum() == pytest.approx(2.0)

    def test_a_weight_of_zero_needs_no_attributes(self):
        attributes = [attribute.name for attribute in (*ITEM_ATTRIBUTES, *DFU_ATTRIBUTES)]
        space = build_preprocessing(config()).fit_transform(matrix_of().drop(columns=attributes))
        assert space.shape == (200, 10)

    def test_attributes_with_a_weight_must_be_there(self):
        with pytest.raises(DataError, match=r"missing columns.*'region'"):
            build_preprocessing(config(attributes={"dfu": 1.0})).fit(matrix_of().drop(columns="region"))

    def test_a_companys_own_list_takes_the_place_of_the_projects(self):
        listed = [
            {"name": "channel", "table": "dfu", "kind": "categorical", "column": "Channel %"},
            {"name": "litres", "table": "item", "kind": "numeric"},
            {"name": "judged_only", "table": "dfu", "kind": "numeric", "feature": False},
        ]
        own = config(attributes={"item": 0.5, "dfu": 2.0}, warehouse={"attributes": listed, "shown": None})
        rng = np.random.default_rng(4)
        dfus = matrix_of().assign(channel=rng.choice(["online", "shop"], 200), litres=rng.lognormal(0, 1, 200))
        fitted = build_preprocessing(own).fit(dfus)
        assert column_names(fitted)[10:] == ("litres", "channel=online", "channel=shop")
        stored = Space.model_validate_json(own.of_the_space().model_dump_json(), strict=True)
        restored = learn(build_preprocessing(stored), learned(fitted))
        assert (restored.transform(dfus) == fitted.transform(dfus)).all()
        assert [one.name for one in stored.attribute_list or ()] == ["channel", "litres"]

    def test_null_and_constant_attributes_leave_nothing(self):
        pipeline = build_preprocessing(config(attributes={"item": 1.0, "dfu": 1.0}))
        space = pipeline.fit_transform(matrix_of().assign(country="France", proof=40.0))
        assert column_names(pipeline) == SHAPE_COLUMNS
        assert space.shape == (200, 10)

    def test_categories_are_one_hot_up_to_the_limit_with_null_as_one_of_them(self):
        region = np.array(["north", "south", None, "north"] * 50, dtype=object)
        weight = {"dfu": 1.0}
        few = build_preprocessing(config(attributes=weight, max_categories=3)).fit(matrix_of().assign(region=region))
        many = build_preprocessing(config(attributes=weight, max_categories=2)).fit(matrix_of().assign(region=region))
        assert column_names(few)[10:] == ("region is NULL", "region=north", "region=south")
        assert column_names(many)[10:] == ("region",)

    def test_many_categories_are_told_apart_by_their_frequency(self):
        # b and c occur 50 times each, a 100 times: two values; standardised: half of the DFUs at +1, half at -1
        dfus = matrix_of().assign(brand=["a", "b", "a", "c"] * 50)
        chosen = config(feature_set="all", attributes={"dfu": 4.0}, max_categories=2)
        brand = build_preprocessing(chosen).fit_transform(dfus)[:, -1]
        assert brand[:4] == pytest.approx([2.0, -2.0, 2.0, -2.0])

    def test_a_category_not_seen_before_belongs_to_none_of_the_known(self):
        pipeline = build_preprocessing(config(attributes={"dfu": 1.0})).fit(matrix_of().assign(region=["n", "s"] * 100))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            space = pipeline.transform(matrix_of(3).assign(region=np.array(["n", "w", None], dtype=object)))
        assert (space[0, 10:] != 0).tolist() == [True, False]
        assert space[1:, 10:].tolist() == [[0.0, 0.0], [0.0, 0.0]]


class TestPipeline:
    def test_components_explain_the_wanted_share(self):
        pipeline = build_preprocessing(config(use_pca=True, pca_explained_variance=0.8))
        components = pipeline.fit_transform(matrix_of())
        plain = build_preprocessing(config()).fit_transform(matrix_of())
        shares = np.sort(np.linalg.eigvalsh(np.cov(plain.T)))[::-1] / np.trace(np.cov(plain.T))
        needed = int((np.cumsum(shares) < 0.8).sum()) + 1
        assert components.shape == (200, needed)
        assert column_names(pipeline) == tuple(f"principalcomponents{i}" for i in range(needed))

    def test_what_was_learned_survives_json(self):
        rng = np.random.default_rng(2)
        everything = config(use_pca=True, attributes={"item": 1.0, "dfu": 1.0}, max_categories=3)
        dfus = matrix_of().assign(region=rng.choice(list("abc"), 200), brand=rng.choice(list("abcdefg"), 200))
        pipeline = build_preprocessing(everything).fit(dfus)
        restored = learn(build_preprocessing(everything), json.loads(json.dumps(learned(pipeline))))
        unseen = matrix_of(20, seed=3).assign(region="a", brand="z")
        assert (restored.transform(unseen) == pipeline.transform(unseen)).all()
        assert column_names(restored) == column_names(pipeline)

    def test_what_was_learnt_is_kept_for_next_month(self):
        pipeline = build_preprocessing(config()).fit(matrix_of())
        some = matrix_of().iloc[[5, 3]]
        assert (pipeline.transform(some) == pipeline.transform(matrix_of())[[5, 3]]).all()
