"""Archetypes with known classes are recovered, on panels that no threshold was chosen on."""

import functools

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.features.histories import select_histories
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES, time_series_features
from dfu_clustering.features.panel import PanelBuilder
from dfu_clustering.labels.rules import own_values
from dfu_clustering.segments.first_fit import segment_from_scratch

# the archetypes' ranges were settled on seeds 1-34 and 20261101
HELD_OUT_SEEDS = (1001, 1002, 1003)
SEEDS = [HELD_OUT_SEEDS[0], *(pytest.param(seed, marks=pytest.mark.slow) for seed in HELD_OUT_SEEDS[1:])]
N_DFUS = 2500
FEWER_STARTS = load_config(n_init=5, gap_references=2)


def matrix_and_truth(seed):
    demo = generate_panel(N_DFUS, 48, seed)
    first, last = (np.datetime64(day, "M") for day in ("2022-11-01", "2026-10-01"))
    builder = PanelBuilder(
        demo.dfus.select(["dfu_ck", "dmdunit", "dmdgroup", "loc"]), first_month=first, as_of_month=last
    )
    sales = demo.sales.select(["dmdunit", "dmdgroup", "loc", "startdate", "qty"])
    sales = sales.set_column(4, "qty", sales.column("qty").cast("float64"))
    for batch in sales.to_batches():
        builder.add(batch)
    histories, _ = select_histories(builder.build(), window_months=24, season_window_months=48, min_months_history=12)
    matrix = time_series_features(histories)
    truth = demo.truth.to_pandas().set_index("dfu_ck").loc[matrix["dfu_ck"], "archetype"]
    return matrix, truth


@functools.cache
def segmented(seed):
    """Return the segments of a panel, with its feature matrix and the known classes."""
    matrix, truth = matrix_and_truth(seed)
    return segment_from_scratch(load_config(), matrix), matrix, truth


@pytest.mark.parametrize("seed", SEEDS)
def test_archetypes_are_recovered_by_pattern_and_traits(seed):
    result, _, truth = segmented(seed)
    words = [" ".join((label.pattern, *label.traits)) for label in result.labels]
    score = adjusted_rand_score(truth, [words[segment] for segment in result.segment])
    assert score >= 0.76  # METHOD's floor; its aim is 0.80


@pytest.mark.slow
def test_kmeans_in_the_shape_space_beats_the_plain_recipe_on_the_same_panels():
    ratios = []
    for result, matrix, truth in map(segmented, HELD_OUT_SEEDS):
        plain = segment_from_scratch(load_config(feature_set="all"), matrix)
        ours, theirs = (adjusted_rand_score(truth, one.kmeans_cluster) for one in (result, plain))
        ratios.append(ours / theirs)
    # twice the plain recipe was aimed at; measured 1.85-2.01 times (docs/decisions/0004), so 1.7 is held here
    assert np.median(ratios) >= 1.7, ratios


@pytest.mark.parametrize("seed", SEEDS)
def test_all_words_are_true_of_nearly_all_dfus_and_every_trait_word_of_its_bearers(seed):
    result, matrix, _ = segmented(seed)
    assert result.figures.true_share >= 0.95
    assert result.figures.within_margin_share >= 0.97
    values = own_values(matrix)
    for i, claim in enumerate(result.claims):
        members = {name: of_all[result.segment == i] for name, of_all in values.items()}
        for trait in claim.traits():
            assert trait.holds(members, load_config().labeling).mean() >= 0.9


@pytest.mark.parametrize("seed", SEEDS)
def test_clusters_with_words_explain_nearly_what_kmeans_does(seed):
    figures = segmented(seed)[0].figures
    assert figures.variance_explained_share >= 0.93 * figures.kmeans_variance_explained_share


@functools.cache
def matrix_and_segments():
    """Return a panel's feature matrix and its segments, of fewer starts: no claim is about how good they are."""
    _, matrix, _ = segmented(HELD_OUT_SEEDS[0])
    return matrix, segment_from_scratch(FEWER_STARTS, matrix)


@pytest.mark.parametrize("shift", [3, *(pytest.param(shift, marks=pytest.mark.slow) for shift in (6, 9))])
def test_moving_the_names_of_the_months_by_quarters_moves_nobody(shift):
    matrix, result = matrix_and_segments()
    moved = matrix.assign(peak_month=(matrix["peak_month"] - 1 + shift) % 12 + 1)
    other = segment_from_scratch(FEWER_STARTS, moved)
    assert adjusted_rand_score(result.segment, other.segment) >= 0.99


def test_moving_the_names_of_the_months_by_any_number_leaves_the_clusters_of_kmeans():
    matrix, result = matrix_and_segments()
    moved = matrix.assign(peak_month=(matrix["peak_month"] - 1 + 2) % 12 + 1)
    other = segment_from_scratch(FEWER_STARTS, moved)
    assert adjusted_rand_score(result.kmeans_cluster, other.kmeans_cluster) >= 0.99


def test_the_unit_of_demand_changes_no_label():
    matrix, result = matrix_and_segments()
    in_units = [feature.name for feature in TIME_SERIES_FEATURES if feature.unit.startswith("units")]
    scaled = matrix.assign(**{name: matrix[name] * 12 for name in in_units})
    other = segment_from_scratch(FEWER_STARTS, scaled)
    assert [result.labels[at].text for at in result.segment] == [other.labels[at].text for at in other.segment]
