"""The segments of one month applied to the DFUs of another: one meaning, no memory."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.errors import DataError
from dfu_clustering.features.histories import select_histories
from dfu_clustering.features.matrix import time_series_features
from dfu_clustering.features.panel import PanelBuilder
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.segments.applied import LIFE, SegmentSet, apply_segments
from dfu_clustering.segments.continuation import as_published, continue_published
from dfu_clustering.segments.first_fit import segment_from_scratch
from dfu_clustering.steps.build_features import _left_out
from tests.random_panels import random_panel, settings

CONFIG = settings(k_range=(5, 7), gap_references=2, n_init=5)
TIERS = ("low", "medium", "high")


@pytest.fixture(scope="module")
def panel():
    tables = generate_panel(1500, 60, 5, "2026-08")
    sales = tables.sales.select(["dmdunit", "dmdgroup", "loc", "startdate", "qty"])
    months = sales.column("startdate").to_numpy().astype("datetime64[M]")
    keys = tables.dfus.select(["dfu_ck", "dmdunit", "dmdgroup", "loc"])
    builder = PanelBuilder(keys, first_month=months.min(), as_of_month=months.max())
    for batch in sales.set_column(4, "qty", sales.column("qty").cast("float64")).to_batches():
        builder.add(batch)
    return builder.build()


def histories_of(panel, config=CONFIG):
    """Return the histories and the DFUs left out, as a run has them."""
    return select_histories(
        panel,
        window_months=config.time_window_months,
        season_window_months=config.season_window_months,
        min_months_history=config.min_months_history,
    )


def known_as_of(panel, month):
    histories, exclusions = histories_of(panel.as_of(month))
    return time_series_features(histories), _left_out(exclusions)


@pytest.fixture(scope="module")
def fitted(panel):
    matrix, left_out = known_as_of(panel, panel.as_of_month)
    segmentation = segment_from_scratch(CONFIG, matrix)
    return segmentation, matrix, left_out


def labels_of(segmentation, matrix):
    texts = np.array([label.text for label in segmentation.labels], dtype=object)[segmentation.segment]
    return pd.Series(texts, index=matrix["dfu_ck"])


def test_a_first_fit_applied_to_its_own_month_gives_its_labels(fitted):
    segmentation, matrix, left_out = fitted
    applied = apply_segments(SegmentSet.of(segmentation, CONFIG.labeling), matrix, left_out).set_index("dfu_ck")
    of_fit = labels_of(segmentation, matrix)
    assert (applied.loc[of_fit.index, "label"] == of_fit).all()
    np.testing.assert_array_equal(applied.loc[of_fit.index, "distance"], segmentation.distance)


def test_every_month_has_labels_of_the_one_month_and_no_others(panel, fitted):
    segmentation, _, _ = fitted
    segments = SegmentSet.of(segmentation, CONFIG.labeling)
    allowed = {label.text for label in segments.sizes} | {"inactive"} | {f"new_{tier}_volume" for tier in TIERS}
    for month in panel.months[-30::6]:
        matrix, left_out = known_as_of(panel, month)
        applied = apply_segments(segments, matrix, left_out)
        assert set(applied["label"]) <= allowed
        assert applied["segment"].tolist() == [LABELS[text].segment_id for text in applied["label"]]
        sold = set(panel.dfu_ck[(panel.as_of(month).demand > 0).any(axis=1)])
        assert set(applied["dfu_ck"]) == sold
        assert applied["distance"].notna().sum() == len(matrix)


def test_a_dfu_has_the_same_segment_whoever_is_asked_with_it(panel, fitted):
    segments = SegmentSet.of(fitted[0], CONFIG.labeling)
    matrix, left_out = known_as_of(panel, panel.as_of_month - 9)
    whole = apply_segments(segments, matrix, left_out)
    half = apply_segments(segments, matrix.iloc[::2].reset_index(drop=True), left_out.iloc[:0])
    pd.testing.assert_frame_equal(half, whole[whole["dfu_ck"].isin(half["dfu_ck"])].reset_index(drop=True))


def test_what_was_published_by_memory_may_differ_and_mostly_does_not(panel, fitted):
    before, _ = known_as_of(panel, panel.as_of_month - 1)
    first = segment_from_scratch(CONFIG, before)
    _, matrix, left_out = fitted
    now, continuity = continue_published(CONFIG, matrix, as_published(before, first))
    applied = apply_segments(SegmentSet.of(now, CONFIG.labeling), matrix, left_out).set_index("dfu_ck")
    held = labels_of(now, matrix)
    agreement = (applied.loc[held.index, "label"] == held).mean()
    assert 0.85 < agreement < 1
    assert continuity.held_share > 0


def test_labels_that_nobody_has_today_are_given_to_nobody(panel, fitted):
    segmentation, matrix, left_out = fitted
    without_new = left_out[left_out["reason"] != "insufficient_history"]
    today = SegmentSet.of(segmentation, CONFIG.labeling).closed(matrix, without_new)
    assert [label.text for label in today.life] == ["inactive"]
    earlier, others = known_as_of(panel, panel.as_of_month - 20)
    applied = apply_segments(today, earlier, others).set_index("dfu_ck")
    new = others.loc[others["reason"] == "insufficient_history", "dfu_ck"]
    assert len(new)
    assert applied.loc[new, ["segment", "label"]].isna().all().all()
    assert set(applied["segment"].dropna()) <= set(today.numbers())


def test_a_new_dfu_of_a_tier_without_new_ones_today_is_called_by_the_nearest(panel, fitted):
    segmentation, _, _ = fitted
    of_tier = {label.text: label for label in LIFE}
    today = replace(SegmentSet.of(segmentation, CONFIG.labeling), life=(of_tier["new_low_volume"],))
    earlier, others = known_as_of(panel, panel.as_of_month - 20)
    applied = apply_segments(today, earlier, others).set_index("dfu_ck")
    new = others.loc[others["reason"] == "insufficient_history", "dfu_ck"]
    assert set(applied.loc[new, "label"]) == {"new_low_volume"}


@pytest.mark.parametrize("seed", range(40))
def test_a_panel_cut_at_a_month_is_the_panel_of_the_sales_up_to_it(seed):
    random = random_panel(seed)
    if not random.keys:
        return
    whole = random.panel(np.random.default_rng(seed))
    for back in {0, 1, min(13, random.sales.shape[1] - 1)} & set(range(random.sales.shape[1])):
        cut = whole.as_of(whole.as_of_month - back)
        alone = alone_up_to(random, back)
        assert cut.demand.T.tobytes() == alone.demand.T.tobytes()
        assert facts_of(cut) == facts_of(alone)
        assert features_of(cut, random.config) == features_of(alone, random.config)


def features_of(panel, config):
    """Return keys and bytes of the features; what is refused where nobody can be clustered."""
    try:
        histories, _ = histories_of(panel, config)
    except DataError as refused:
        return refused.rule
    # the calendar months differ: the shorter panel ends in the same month as the longer one
    matrix = time_series_features(replace(histories, as_of_month=np.datetime64("2026-10", "M")))
    return {name: matrix[name].to_numpy().tobytes() for name in matrix.select_dtypes("number")}, list(matrix["dfu_ck"])


def alone_up_to(random, back):
    """Return the panel of the rows up to a month, read in another order."""
    n_months = random.sales.shape[1]
    earlier = replace(random, sales=random.sales[:, : n_months - back])
    return earlier.panel(np.random.default_rng(back))


def facts_of(panel):
    return panel.facts.rows - panel.facts.duplicate_rows, panel.facts.clipped_months, panel.facts.null_qty_rows
