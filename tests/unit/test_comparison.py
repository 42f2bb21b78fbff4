"""Two runs beside one another: what changed, in words and numbers."""

import dataclasses

import pandas as pd
import pytest

from dfu_clustering.comparison.comparison import IncomparableError, RunSide, compare
from dfu_clustering.comparison.model import ComparedRun
from dfu_clustering.comparison.recorded import recorded_thresholds
from dfu_clustering.comparison.settings import differing_settings
from dfu_clustering.comparison.sides import Side, Thresholds
from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.change_words import change_in_words
from dfu_clustering.labels.rules import JUDGED_FEATURES

CONFIG = load_config()
THRESHOLDS = Thresholds.of(CONFIG)
BEFORE = {
    "a": "medium_volume_steady",
    "b": "medium_volume_steady",
    "c": "medium_volume",
    "d": "low_volume",
    "gone": "low_volume",
}
AFTER = {"a": "medium_volume", "b": "medium_volume", "c": "medium_volume", "d": "inactive", "came": "new_low_volume"}
CV = {"a": (0.2, 0.5), "b": (0.3, 0.6), "c": (0.5, 0.5)}


def side(name, labels, when, thresholds=THRESHOLDS, **told):
    table = pd.DataFrame({"dfu_ck": list(labels), "cluster_label": list(labels.values())})
    rows = {
        key: dict.fromkeys(JUDGED_FEATURES, 0.0) | {"mean_demand": 100.0, "cv_demand": cv[when], "history_months": 24.0}
        for key, cv in CV.items()
        if key in labels
    }
    values = pd.DataFrame.from_dict(rows, orient="index", columns=list(JUDGED_FEATURES)).rename_axis(index="dfu_ck")
    run = ComparedRun(run=name, kind="published", as_of_month="2026-10", labelled=len(labels), segments=2, **told)
    return RunSide(
        run, Side(table, thresholds, values), {"seed": 1, "labeling": {"cv_thresholds": {"steady": 0.3 + when}}}
    )


def compared(before=BEFORE, after=AFTER, **how):
    return compare(side("r1", before, 0), side("r2", after, 1), **how)


def test_headline_says_how_many_the_largest_move_and_why():
    assert compared().headline == (
        "3 of 4 DFUs (75.0%) have another label. The largest move: 2 from medium_volume_steady to medium_volume, all "
        "of them because they are no longer steady (their median CV was 0.25 and is 0.55; the bound is 0.33)."
    )


def test_headline_of_the_same_labels_says_that_all_keep_theirs():
    assert compared(after=BEFORE).headline == "All 5 DFUs that have a label in both runs keep it."


def test_moves_are_the_largest_first_with_their_causes_and_first_dfus():
    first, second = compared().moves
    assert (first.old_label, first.new_label, first.dfus) == ("medium_volume_steady", "medium_volume", 2)
    assert first.examples == ["a", "b"]
    assert [(cause.change, cause.dfus) for cause in first.causes] == [("no longer steady", 2)]
    assert (second.new_label, second.causes[0].change) == ("inactive", "no demand in the window")


def test_words_that_changed_are_counted_with_the_middle_values_and_the_bound():
    word = compared().words[0]
    assert (word.word, word.feature, word.dfus) == ("steady", "cv_demand", 2)
    assert (word.median_before, word.median_after, word.threshold) == pytest.approx((0.25, 0.55, 0.33))


def test_sizes_and_matrix_count_every_dfu_once():
    found = compared()
    assert sum(one.before for one in found.sizes) == len(BEFORE)
    assert sum(one.after for one in found.sizes) == len(AFTER)
    assert sum(one.dfus for one in found.churn.flow) == len(BEFORE | AFTER)
    assert (found.churn.new_dfus, found.churn.left_dfus, found.labelled_in_both) == (1, 1, 4)


def test_settings_that_differ_are_listed_by_dotted_key_and_no_others():
    (one,) = compared().settings
    assert (one.key, one.before, one.after) == ("labeling.cv_thresholds.steady", 0.3, 1.3)
    (other,) = differing_settings({"a": {"b": 1}, "only": 2}, {"a": {"b": 1, "c": [1]}, "new": 3})
    assert (other.key, other.before, other.after) == ("a.c", None, [1])


def test_where_no_word_ended_other_settings_are_the_cause():
    found = compared({"c": "medium_volume"}, {"c": "high_volume"})
    assert found.headline.endswith("all of them because the settings differ.")


def test_a_threshold_that_moved_is_the_cause_by_name():
    loose = CONFIG.labeling.model_copy(
        update={"cv_thresholds": CONFIG.labeling.cv_thresholds.model_copy(update={"steady": 0.5})}
    )
    before = side("r1", {"c": "medium_volume_steady"}, 0, Thresholds.of(CONFIG.model_copy(update={"labeling": loose})))
    found = compare(before, side("r2", {"c": "medium_volume"}, 1))
    assert found.headline.endswith(
        "all of them because they are no longer steady: its threshold moved (their median "
        "CV was 0.5 and is 0.5; the bound is 0.33)."
    )


def test_runs_without_a_common_dfu_are_refused():
    with pytest.raises(IncomparableError, match=r"none of 1 in r1 and 1 in r2"):
        compared({"x": "low_volume"}, {"y": "low_volume"})


def test_clusters_that_were_fitted_again_are_a_note_and_a_cause():
    before, after = (
        RunSide(one.run, one.side, {})
        for one in (side("r1", {"c": "medium_volume"}, 0), side("r2", {"c": "high_volume"}, 1))
    )
    found = compare(before, after, clusters_differ=True)
    assert found.moves[0].causes[0].change == "clusters fitted again"
    assert any("fitted again" in note for note in found.notes)


def test_runs_that_kept_no_values_are_compared_and_say_so():
    bare = RunSide(
        side("r1", BEFORE, 0).run,
        Side(side("r1", BEFORE, 0).side.labels, THRESHOLDS, side("r1", {}, 0).side.own_values),
        {},
    )
    found = compare(bare, side("r2", AFTER, 1))
    assert found.changed == 3
    assert any("No values of DFUs were kept of r1" in note for note in found.notes)


def test_labels_set_by_hand_are_a_note_because_the_machine_s_are_compared():
    after = dataclasses.replace(side("r2", AFTER, 1), overridden=2)
    (note,) = compare(side("r1", BEFORE, 0), after).notes
    assert note == "Compared are the machine's labels; 2 DFUs in r2 had one set by hand on top."


def test_other_settings_that_no_run_records_one_by_one_are_a_note():
    same = {"seed": 1}
    before, after = (
        RunSide(side(name, BEFORE, 0, config_digest=digest).run, side(name, BEFORE, 0).side, same)
        for name, digest in (("r1", "aa"), ("r2", "bb"))
    )
    assert any("settings differ although none is listed" in note for note in compare(before, after).notes)


@pytest.mark.parametrize(
    ("word", "old_label", "said"),
    [
        ("steady", "low_volume_steady", "no longer steady"),
        ("intermittent", "low_volume_steady", "now intermittent"),
        ("low volume: its bounds moved", "low_volume", "no longer low volume: its bounds moved"),
        ("steady: its threshold moved", "low_volume_steady", "no longer steady: its threshold moved"),
        ("peak_q4", "seasonal_low_volume_peak_q4", "no longer peak Q4"),
        ("seasonal: significant at 1 %", "low_volume", "now seasonal: significant at 1 %"),
        ("14 months of history", "new_low_volume", "history now long enough to judge"),
        ("too few DFUs in low_volume_steady", "low_volume_steady", "too few DFUs in low_volume_steady"),
    ],
)
def test_a_change_is_said_as_a_planner_would(word, old_label, said):
    assert change_in_words(word, old_label) == said


def test_thresholds_of_a_run_are_its_own_and_those_of_today_where_it_recorded_none():
    labeling = CONFIG.labeling.model_dump() | {"cv_thresholds": {"steady": 0.1, "volatile": 0.2}}
    assert recorded_thresholds({"labeling": labeling}, CONFIG).labeling.cv_thresholds.steady == 0.1
    assert recorded_thresholds({}, CONFIG) == Thresholds.of(CONFIG)
    assert recorded_thresholds({"labeling": {"of": "another version"}}, CONFIG) == Thresholds.of(CONFIG)
