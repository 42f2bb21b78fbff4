"""Verdicts on panels of which it is known what their groups are worth: LightGBM is trained for real."""

from datetime import UTC, datetime

import numpy as np
import pytest

from dfu_clustering.errors import ConfigError
from dfu_clustering.files.summary import read_summary
from dfu_clustering.forecast_value.arms import ARMS, BASE, BY_NAME, JUDGED
from dfu_clustering.forecast_value.evaluation import Design, evaluate, reference_forecasts
from dfu_clustering.forecast_value.known_demand import KnownDemand
from dfu_clustering.forecast_value.known_groups import KnownGroups, all_in_one_group, own_indices, shrunk_to
from dfu_clustering.forecast_value.known_world import Known
from dfu_clustering.forecast_value.learner import require_lightgbm
from dfu_clustering.forecast_value.measures import MEASURES
from dfu_clustering.forecast_value.origins import rolling_origins
from dfu_clustering.forecast_value.paired import Comparison, Finding
from dfu_clustering.forecast_value.presentation import verdict_lines, verdict_rows
from dfu_clustering.forecast_value.rows import forecast_rows
from dfu_clustering.forecast_value.verdict import JudgedArm, Verdict, judge, metrics_of, notes_of, sentence_of
from dfu_clustering.runs.forecast_value import VERDICT, keep_verdict, newest_verdict, verdict_folder
from tests.planted_panels import planted_seasons, pure_noise

H = 6
INDEX_ARMS = tuple(BY_NAME[name] for name in ("base", "index to segment", "index to random"))


def measured(panel, group, arms=INDEX_ARMS):
    """Return the errors of some arms where the segments are known groups."""
    demand = KnownDemand(panel.demand.T, 1)
    origins = rolling_origins(panel.demand.shape[1], wanted=5, horizon_months=H)
    own = own_indices(demand, range(origins[-1] + 1))
    known = Known(demand, {}, own, shrunk_to(own, all_in_one_group(*demand.by_month.shape)))
    design = Design(origins, H, seeds=1, arms=arms)
    return evaluate(known, design, lambda origin: KnownGroups(np.tile(group, (origin + 1, 1))))


@pytest.fixture(scope="module")
def planted():
    panel, group = planted_seasons(150, seed=1)
    return measured(panel, group)


def test_an_index_shrunk_to_segments_that_share_a_season_pays(planted):
    _, (arm,) = judge(planted, overlapping=1)
    assert (arm.name, arm.finding) == ("index to segment", "pays")
    assert arm.against_base["wape"].ratio < 0.95
    assert arm.against_control["wape"].ratio < 0.97


def test_groups_of_pure_noise_are_no_evidence():
    panel = pure_noise(150, seed=2)
    errors = measured(panel, np.random.default_rng(2).integers(0, 4, 150))
    decides, (arm,) = judge(errors, overlapping=1)
    assert arm.finding == "no evidence"
    assert sentence_of([arm], decides).startswith("Train on demand alone")


def test_the_same_seed_gives_the_same_errors_to_the_bit():
    panel, group = planted_seasons(40, seed=3, n_months=34)
    one, other = (measured(panel, group) for _ in range(2))
    assert {name: {m: v.tobytes() for m, v in of.items()} for name, of in one.items()} == {
        name: {m: v.tobytes() for m, v in of.items()} for name, of in other.items()
    }


def test_every_arm_has_a_control_that_is_measured_and_differs_by_meaning_alone():
    assert all(arm.control in BY_NAME for arm in JUDGED)
    for arm in JUDGED:
        control = BY_NAME[arm.control or ""]
        assert control == BASE or len(control.blocks) == len(arm.blocks)
    assert {arm.name for arm in ARMS} - {arm.name for arm in JUDGED} - {arm.control for arm in JUDGED} == set()


def test_references_are_the_mean_of_a_year_and_the_same_month_of_the_last():
    demand = KnownDemand(np.column_stack([np.arange(1.0, 31.0), [0.0] * 20 + [3.0] * 10]), 1)
    found = reference_forecasts(demand, forecast_rows(demand, 23, horizon_months=2))
    assert found["mean of 12 months"].tolist() == [18.5, 18.5, 3, 3]
    assert found["seasonal naive"].tolist() == [13, 14, 3, 3]
    assert found["zero"].tolist() == [0, 0, 0, 0]


def comparison(ratio, width=0.01):
    return Comparison(ratio=ratio, low=ratio - width, high=ratio + width, better_origins=7, origins=8)


def judged_arm(name, base, control):
    arm = BY_NAME[name]
    found, beside = (dict.fromkeys(MEASURES, comparison(ratio)) for ratio in (base, control))
    finding: Finding = "harms" if base > 1.01 else "pays" if max(base, control) < 0.99 else "no evidence"
    return JudgedArm(
        name=name,
        what=arm.what,
        control=arm.control or "",
        finding=finding,
        against_base=found,
        against_control=beside,
    )


def verdict_of(*judged):
    """Return a verdict with these arms."""
    return Verdict(
        measured_at=datetime(2026, 11, 29, 12, tzinfo=UTC),
        source="7400/16384/dim_dfu",
        as_of_month="2026-10",
        n_dfus=350,
        of_dfus=350,
        origins=["2024-07", "2026-04"],
        horizon_months=6,
        seeds=3,
        decided_by="wape",
        judged=list(judged),
        scores=[],
        notes=["a note"],
        sentence=sentence_of(judged, "wape"),
    )


def test_the_sentence_names_the_first_arm_that_pays_and_what_it_beats():
    found = verdict_of(judged_arm("recommended", 0.97, 0.98), judged_arm("own index", 0.95, 0.95))
    assert found.train_on is not None
    assert found.train_on.name == "recommended"
    assert found.sentence == (
        "Train on the seasonal index shrunk to the segment, and the segment applied backwards: WAPE was 3.0% lower "
        "than on demand alone (better at 7 of 8 origins; 95 % interval of the ratio 0.960 to 0.980), and lower than on "
        "the seasonal index shrunk to random groups, and the group."
    )


def test_the_sentence_says_where_segments_add_nothing_and_what_harms():
    own = verdict_of(judged_arm("recommended", 0.97, 1.0), judged_arm("own index", 0.95, 0.95))
    assert own.sentence.endswith("; that segments help was not shown.")
    both = verdict_of(judged_arm("index to all", 0.97, 0.97), judged_arm("segment", 0.96, 0.96))
    assert both.sentence.endswith("; segment did so, too.")
    unproven = verdict_of(judged_arm("recommended", 0.93, 1.0))
    assert unproven.sentence == (
        "Train on demand alone, or on an index without segments: WAPE was 7.0% lower on the seasonal index shrunk to"
        " the segment, and the segment applied backwards, but not beyond chance lower than on the seasonal index shrunk"
        " to random groups, and the group: that segments make it so was not shown."
    )
    nothing = verdict_of(judged_arm("segment", 1.0, 1.0), judged_arm("model a segment", 1.03, 1.0))
    assert nothing.train_on is None
    assert nothing.sentence == (
        "Train on demand alone: no column improved forecasts beyond chance; model a segment made forecasts worse."
    )


def errors_of(**means):
    """Return errors that are the same at three origins, of arms by their WAPE and RMSSE."""
    constant = {name.replace("_", " "): dict(zip(("wape", "rmsse"), of, strict=True)) for name, of in means.items()}
    return {name: {m: np.full((3, 1), value) for m, value in of.items()} for name, of in constant.items()}


def test_sparse_sales_and_a_weak_base_are_said():
    sparse = errors_of(base=(1.2, 0.5), mean_of_12_months=(1.5, 0.6))
    assert ["RMSSE decides" in note for note in notes_of(sparse, "rmsse")] == [True]
    weak = errors_of(base=(0.5, 0.7), mean_of_12_months=(0.4, 0.9))
    assert notes_of(weak, "wape")[0].startswith(
        "By WAPE demand alone is forecast no better than by the mean of 12 months (WAPE 0.500,"
    )
    assert notes_of(errors_of(base=(0.4, 0.7), mean_of_12_months=(0.5, 0.9)), "wape") == []


def test_a_verdict_is_kept_and_read_back(tmp_path):
    assert newest_verdict(tmp_path) is None
    verdict = verdict_of(judged_arm("recommended", 0.97, 0.98))
    keep_verdict(verdict, verdict_folder(tmp_path) / VERDICT)
    assert newest_verdict(tmp_path) == verdict == read_summary(Verdict, verdict_folder(tmp_path) / VERDICT)


def test_metrics_rows_and_lines_show_ratios_with_their_intervals():
    verdict = verdict_of(judged_arm("recommended", 0.97, 0.98))
    metrics = metrics_of(verdict)
    assert (metrics["wape_by_base.recommended"], metrics["wape_by_control.recommended.high"]) == (0.97, 0.99)
    (row,) = verdict_rows(verdict)
    assert row["WAPE by that of demand alone"] == "0.970 (0.960 to 0.980)"
    assert any(line.endswith("pays") for line in verdict_lines(verdict))


def test_without_lightgbm_the_error_says_how_to_install_it(monkeypatch):
    def absent(_):
        raise ImportError("No module named 'lightgbm'")

    monkeypatch.setattr("importlib.import_module", absent)
    with pytest.raises(ConfigError, match=r"pip install --editable '\.\[forecast\]'"):
        require_lightgbm()
