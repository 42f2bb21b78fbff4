"""The parts of a report: words, bands, selections and flows hold what the run's numbers say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.clusters.nominations import KSelection, KStatistics, Nominations
from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.rules import Bounds
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.publishing.outcome import PublishSummary, Transition
from dfu_clustering.report.changes import changes
from dfu_clustering.report.demand_bands import quartile_band, rounded, since_first_sale
from dfu_clustering.report.inputs import RunArtifacts
from dfu_clustering.report.page import script_json, share_text
from dfu_clustering.report.provenance import k_choice
from dfu_clustering.report.sample import DFUS_OF_A_KIND, select_dfus
from dfu_clustering.report.segments import pattern_matrix
from dfu_clustering.report.wording import (
    exclusion_meaning,
    forecast_words,
    label_title,
    month_in_words,
    profile_words,
    reason_lines,
)
from dfu_clustering.runs.answer import Answer
from dfu_clustering.runs.summaries import Profiles, SegmentSummary, TrainingMetadata
from dfu_clustering.segments.continuity import Continuity
from tests.report_runs import FIGURES, stability_of

CONFIG = load_config(min_cluster_size_pct=1.0)
LABELING = CONFIG.labeling


def selection_of(*, selected, feasible, **nominated):
    curves = tuple(
        KStatistics(k, wcss=1.0 / k, silhouette=0.5, gap=0.1, gap_standard_error=0.01, sizes=(9, 1), feasible=feasible_)
        for k, feasible_ in ((k, k in feasible) for k in range(3, 7))
    )
    return KSelection(
        selected=selected,
        nominations=Nominations(**nominated),
        curves=curves,
        one_past=None,
        sample_size=10,
        silhouette_sample_size=10,
        warning=None,
    )


def artifacts_of(*, continuity=None, **artifacts):
    """Return a run with K 5, chosen out of 4 and 5, and what else it has left."""
    profiles = Profiles(
        as_of_month="2026-10",
        code_version="0",
        seed=0,
        training_digest="d",
        labeling=LABELING,
        figures=FIGURES,
        segments=[],
    )
    metadata = TrainingMetadata(
        as_of_month="2026-10",
        config_digest="d",
        code_version="0",
        seed=0,
        n_dfus=10,
        k=5,
        segments=[],
        figures=FIGURES,
        warnings=[],
        space_settings=CONFIG.of_the_space(),
        clustered_columns=["log_growth"],
        k_selection=selection_of(selected=5, feasible=(4, 5), elbow=5, silhouette=4, gap=6),
        continuity=continuity,
        feature_scales={},
        features=None,
        config=CONFIG.of_the_run(),
        volume_bounds=Bounds(10.0, 100.0),
        map_explained_variance=(0.5, 0.5),
    )
    return RunArtifacts(profiles, metadata, pd.DataFrame(), **artifacts)


def continuity_of(**told):
    return Continuity(published_run="r1", psi={}, far_share=0.0, held_share=0.0, **told)


def profile_of(**values):
    usual = {
        "mean_demand": 120.0, "q25_mean_demand": 40.0, "q75_mean_demand": 300.0, "zero_demand_pct": 0.0,
        "sparsity_score": 1.0, "seasonality_strength": 0.0, "peak_month": None, "peak_agreement": 0.0,
        "growth_rate": 0.01, "log_growth": 0.0, "rising_share": 0.0, "falling_share": 0.0, "cv_demand": 0.2,
        "history_months": 24,
    }  # fmt: skip
    return usual | values


@pytest.mark.parametrize(
    ("base", "traits", "title"),
    [
        ("seasonal_high_volume", [], "Seasonal, high volume"),
        ("intermittent_low_volume", ["sparser", "fading"], "Intermittent, low volume, sparser, fading"),
        ("medium_volume_growing", ["peak_q2"], "Medium volume, growing, peak in Q2"),
        ("low_volume", ["2"], "Low volume, 2"),
        ("some_other_name", ["x"], "Some other name"),
    ],
)
def test_label_is_told_in_words(base, traits, title):
    assert label_title(base, traits) == title


def test_dfus_left_out_are_told_by_the_name_of_the_companys_table():
    assert exclusion_meaning("never_sold", "dim_sku") == "in dim_sku, but never sold: no label"
    assert exclusion_meaning("not_in_dim_dfu", "sku {0} %s") == "have sales, but are not in sku {0} %s: no label"
    assert exclusion_meaning("some_other_reason", "dim_sku") == "some other reason"


def test_profile_in_words_follows_the_thresholds_of_the_labels():
    assert profile_words(profile_of(), LABELING) == [
        "120 units a month; half of the DFUs between 40 and 300",
        "Sells every month",
        "No clear season",
        "Level: no growth and no decline",
        "Steady from month to month: a month differs from the mean by 20% of it (CV 0.20)",
    ]
    other = profile_of(
        zero_demand_pct=0.45, sparsity_score=1.8, seasonality_strength=0.7, peak_month=12.4, peak_agreement=0.9,
        growth_rate=-0.3, falling_share=0.6, cv_demand=1.2,
    )  # fmt: skip
    assert profile_words(other, LABELING)[1:] == [
        "Sells in 13 of 24 months",
        "Strong season with its peak around December",
        "Down 30% a year",
        "Volatile from month to month: a month differs from the mean by 120% of it (CV 1.20)",
    ]


def test_nothing_absurd_is_said_of_demand_that_is_sparse():
    sparse = profile_of(zero_demand_pct=0.96, sparsity_score=24.0, growth_rate=-1.0, falling_share=0.9, log_growth=-0.6)
    words = profile_words(sparse, LABELING)
    assert "Sells in 1 of 24 months" in words
    assert "Sold less in the last year than before" in words
    assert "No clear trend" in profile_words(sparse | {"log_growth": 0.05}, LABELING)
    assert "Has all but stopped selling" in profile_words(profile_of(growth_rate=-1.0, falling_share=0.9), LABELING)
    assert "Many times as much as in the first year" in profile_words(
        profile_of(growth_rate=3.0, rising_share=0.9), LABELING
    )


def test_forecast_in_words_says_what_is_known():
    assert forecast_words(0.224, 0.26) == [
        "Repeating last year's months would have missed the last six by 22% of the demand",
        "Trend and season explain 26% of a typical DFU's ups and downs",
    ]
    assert forecast_words(1.2, None)[0].endswith(
        "missed the last six by 120% of the demand; a forecast of zero misses 100%"
    )
    assert forecast_words(None, None) == []


def test_peaks_that_are_spread_over_months_are_not_one_peak():
    wide = profile_of(seasonality_strength=0.7, peak_month=7.0, peak_agreement=0.6)
    assert "Strong season; most of the DFUs peak in the months around July" in profile_words(wide, LABELING)


def test_growth_of_which_most_dfus_pass_no_test_is_no_trend():
    words = profile_words(profile_of(growth_rate=-0.5, falling_share=0.1, rising_share=0.6), LABELING)
    assert "No clear trend" in words


def test_season_whose_members_disagree_names_no_month():
    words = profile_words(profile_of(seasonality_strength=0.3, peak_month=5.0, peak_agreement=0.2), LABELING)
    assert "Some season, but the peaks of the DFUs differ" in words


def test_undefined_growth_is_not_a_direction():
    words = profile_words(profile_of(growth_rate=None, log_growth=-0.4), LABELING)
    assert "Fading recently" in words


def test_reason_becomes_a_line_a_rule_with_the_signs_that_people_write():
    reason = "steady: median cv_demand 0.21 <= 0.3; high volume: median mean_demand 322 >= 210 (75 % quantile)"
    assert reason_lines(reason) == [
        "Steady: median cv_demand 0.21 ≤ 0.3",
        "High volume: median mean_demand 322 ≥ 210 (75 % quantile)",
    ]


def test_month_in_words():
    assert month_in_words("2026-02") == "February 2026"
    assert month_in_words("") == ""


def test_band_holds_the_quartiles_of_demand_on_each_dfus_own_scale():
    demand = np.array([[10.0, 20.0], [100.0, 50.0], [3.0, 6.0], [2.0, 4.0], [8.0, 8.0]])
    mean = np.array([10.0, 100.0, 3.0, 2.0, 4.0])
    band = quartile_band(demand, mean)
    assert (band.low, band.mid, band.high, band.dfus) == ([1.0, 2.0], [1.0, 2.0], [1.0, 2.0], 5)
    assert quartile_band(demand[:2], mean[:2]).mid == [1.0, 1.25]


def test_band_of_dfus_that_pause_in_most_months_says_how_often_and_how_much_they_sell():
    demand = np.array([[np.nan, 4.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 8.0]])
    band = quartile_band(demand, np.ones(3), window_months=3)
    assert band.selling == [0.5, 0.333, 0.0, 0.333]
    assert band.sizes == (5.0, 6.0, 7.0)  # of the 4 and the 8 in the window
    often = quartile_band(np.array([[1.0, 0.0], [2.0, 3.0]]), np.ones(2))
    assert (often.selling, often.sizes) == (None, None)


def test_mean_tells_the_course_where_the_median_is_zero():
    band = quartile_band(np.array([[0.0, 6.0], [0.0, 0.0], [3.0, 0.0]]), np.array([1.0, 1.0, 1.0]))
    assert (band.mid, band.mean) == ([0.0, 0.0], [1.0, 2.0])


def test_band_leaves_out_months_in_which_few_dfus_had_begun():
    demand = since_first_sale(np.array([[0.0, 0.0, 5.0]] * 7 + [[1.0, 0.0, 1.0]]))
    assert quartile_band(demand, np.ones(8)).mid == [None, None, 5.0]
    assert demand[7].tolist() == [1.0, 0.0, 1.0]


def test_rounding_keeps_three_significant_digits_and_undefined_values():
    values = rounded(np.array([0.0, 12.345, 123456.0, 0.0012345, np.nan, -4.5678]))
    assert values[:4].tolist() == [0.0, 12.3, 123000.0, 0.00123]
    assert np.isnan(values[4])
    assert values[5] == -4.57


def members_of(n=3000, k=3, **columns):
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "dfu_ck": [f"D{i:05d}" for i in range(n)],
            "number": np.arange(n) % k,
            "distance": rng.random(n),
            "mean_demand": rng.lognormal(3, 1, n),
            "margin": rng.random(n),
            **columns,
        }
    )


def test_typical_dfus_are_the_nearest_and_borderline_ones_have_the_smallest_margin():
    members = members_of(margin=np.random.default_rng(2).random(3000))
    selection = select_dfus(members, None)
    for cluster in range(3):
        own = members[members["number"] == cluster]
        nearest = own.nsmallest(DFUS_OF_A_KIND, "distance").index.tolist()
        rest = own.drop(index=nearest)
        assert selection.typical[cluster].tolist() == nearest
        assert selection.borderline[cluster].tolist() == rest.nsmallest(DFUS_OF_A_KIND, "margin").index.tolist()


def test_equal_distances_are_taken_in_the_order_of_their_keys():
    selection = select_dfus(members_of(60, distance=np.ones(60)), None)
    assert selection.typical[0].tolist() == [0, 3, 6, 9, 12]


def test_sample_is_bounded_and_the_same_each_time():
    members = members_of(90_000)
    one, other = (select_dfus(members, members["dfu_ck"][::1000]) for _ in range(2))
    assert [len(rows) for rows in one.band] == [2000, 2000, 2000]
    assert np.array_equal(one.needed, other.needed)
    assert set(range(0, 90_000, 1000)) <= set(one.shown.tolist())
    assert len(one.shown) <= 90 + 3 * 2 * DFUS_OF_A_KIND


def test_segment_smaller_than_the_samples_shows_every_dfu_once():
    selection = select_dfus(members_of(8, k=2), None)
    assert [rows.tolist() for rows in selection.band] == [[0, 2, 4, 6], [1, 3, 5, 7]]
    assert [len(rows) for rows in selection.borderline] == [0, 0]
    assert selection.shown.tolist() == list(range(8))


def changes_of(*flows, **artifacts):
    transitions = tuple(Transition(old_label=old, new_label=new, dfus=dfus) for old, new, dfus in flows)
    published = PublishSummary(transitions=transitions, not_found=0, not_found_keys=(), dry_run=False)
    return changes(artifacts_of(published=published, **artifacts))


def test_changes_add_up_to_the_rows_of_dim_dfu_that_have_or_had_a_label():
    found = changes_of(("a", "a", 50), ("a", "b", 7), ("b", None, 2), (None, "b", 5), (None, None, 9))
    assert (found.kept, found.moved, found.gained, found.lost) == (50, 7, 5, 2)
    assert sum(flow.dfus for flow in found.flows) == 64
    moves = [flow.old_label != flow.new_label for flow in found.flows]
    assert moves == sorted(moves, reverse=True)
    assert not found.first


@pytest.mark.parametrize(
    ("dry_run", "asked", "publish", "status"),
    [
        (False, False, None, "published"),
        (False, False, True, "published"),
        (False, False, False, "published"),  # refused, and promoted later
        (True, False, None, "dry_run"),
        (True, True, None, "waiting"),
        (True, True, False, "refused"),
        (True, True, True, "not_published"),  # approved, and overtaken
    ],
)
def test_status_of_a_run_is_what_became_of_its_labels(dry_run, asked, publish, status):
    published = PublishSummary(transitions=(), not_found=0, not_found_keys=(), dry_run=dry_run)
    answer = None if publish is None else Answer(publish=publish, answered_by="Ann", reason="")
    assert artifacts_of(published=published, asked=asked, answer=answer).status == status


def test_first_publish_is_told_as_such():
    assert changes_of((None, "a", 5), (None, None, 1)).first


def test_measures_and_moved_dfus_of_the_comparison_are_shown_where_they_are_there():
    moved = pd.DataFrame(
        {
            "dfu_ck": [f"D{i:03d}" for i in range(300)],
            "old_label": "a",
            "new_label": ["b"] * 299 + [None],
            "word": "rising",
            "feature": "log_growth",
            "before": 0.1,
            "after": [0.5] * 299 + [np.nan],
        }
    )
    found = changes_of(("a", "b", 300), stability=stability_of(churn_share=0.125, ari=0.9), label_changes=moved)
    assert [(fact.name, fact.value) for fact in found.facts] == [
        ("Clusters", "fitted again"),
        ("DFUs with another label", "12.5%"),
        ("Agreement of the groupings", "0.90"),
    ]
    assert len(found.moved_dfus) == 200
    assert {dfu.change for dfu in found.moved_dfus} == {"now rising"}
    assert found.moved_dfus_total == 300
    assert ("–", "–") in {(dfu.new_label, dfu.after) for dfu in found.moved_dfus}


def test_dfus_that_grew_up_or_fell_silent_are_a_fact_of_their_own_where_there_are_any():
    found = changes_of(("a", "a", 300), stability=stability_of(lifecycle_changes=1200))
    assert ("DFUs no longer new, or inactive, or selling again", "1,200") in {
        (fact.name, fact.value) for fact in found.facts
    }
    names = {fact.name for fact in changes_of(("a", "a", 300), stability=stability_of()).facts}
    assert "DFUs no longer new, or inactive, or selling again" not in names


def test_the_change_of_a_dfu_whose_words_all_hold_is_told_without_values():
    names = ("dfu_ck", "old_label", "new_label", "word", "feature", "before", "after")
    values = ("D1", "low_volume", "medium_volume", "too few DFUs in low_volume", "", np.nan, np.nan)
    moved = pd.DataFrame({name: [value] for name, value in zip(names, values, strict=True)})
    (shown,) = changes_of(("low_volume", "medium_volume", 1), label_changes=moved).moved_dfus
    assert (shown.change, shown.feature, shown.before, shown.after) == ("too few DFUs in low_volume", "", "–", "–")


def test_json_in_a_script_cannot_end_it():
    assert script_json('{"key": "</script>&\u2028"}') == '{"key": "\\u003c/script\\u003e\\u0026\\u2028"}'


@pytest.mark.parametrize(
    ("share", "text"),
    [
        *[(0.0, "0%"), (0.0004, "<0.1%"), (0.0123, "1.2%"), (0.41, "41%")],
        *[(0.99, "99%"), (0.995, "99.5%"), (0.9996, ">99.9%"), (1, "100%")],
    ],
)
def test_shares_are_told_with_two_digits_and_none_and_all_only_where_it_is_so(share, text):
    assert share_text(share) == text


@pytest.mark.parametrize(
    ("continuity", "told"),
    [
        (None, "at which every cluster holds at least 1 % of the DFUs."),
        (continuity_of(refit=False, reason="no drift"), "that chose the number."),
        (continuity_of(refit=True, reason="refit is always"), "were fitted again: refit is always."),
    ],
)
def test_choice_of_k_says_when_the_published_number_is_kept(continuity, told):
    assert k_choice(artifacts_of(continuity=continuity)).explanation.endswith(told)


def segment_of(label, **told):
    words = LABELS[label]
    usual: dict[str, Any] = {
        "size": 10,
        "share": 0.1,
        "volume_share": 0.2,
        "true_share": 1.0,
        "reason": "",
        "profile": {},
    }
    return SegmentSummary(
        **(usual | told),
        cluster_id=words.segment_id,
        label=label,
        base=words.base,
        traits=list(words.traits),
        pattern=words.pattern,
        tier=words.tier,
    )


def test_segments_are_a_matrix_of_pattern_and_tier_from_high_to_low_volume():
    labels = ("high_volume_steady", "seasonal_low_volume_peak_q4", "low_volume_steady", "seasonal_medium_volume")
    artifacts = artifacts_of()
    profiles = artifacts.profiles.model_copy(update={"segments": [segment_of(label) for label in labels]})
    rows = pattern_matrix(replace(artifacts, profiles=profiles))
    assert {row.title: [cell and cell.numbers for cell in row.cells] for row in rows} == {
        "Steady": [[0], None, [2]],
        "Seasonal, peak in Q4": [None, None, [1]],
        "Seasonal": [None, [3], None],
    }
    cell = rows[0].cells[0]
    assert cell is not None
    assert (cell.dfus, cell.share, cell.volume_share) == (10, 0.1, 0.2)


def test_volume_of_less_than_a_unit_a_month_is_said_by_the_year():
    words = profile_words(profile_of(mean_demand=1 / 12, q25_mean_demand=1 / 24, q75_mean_demand=0.25), LABELING)
    assert words[0] == "1 unit a year; half of the DFUs between 0.5 and 3"
