"""Labels that people set: when they hold, what is published, and the machine's label beside them."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from dfu_clustering.errors import DataError
from dfu_clustering.overrides.overlay import OVERRIDDEN_COLUMNS, lay_over
from dfu_clustering.overrides.override import Ending, Override, newest_states
from dfu_clustering.overrides.register import Overrides

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
MACHINE = pd.DataFrame(
    {
        "dfu_ck": ["a", "b", "c"],
        "cluster_id": [71, 73, 71],
        "cluster_label": ["low_volume", "high_volume", "low_volume"],
    }
).astype({"dfu_ck": "str", "cluster_label": "str"})


def override(name, keys, label, **facts):
    known = {"reason": "a new customer", "owner": "Ada", "first_month": "2026-09", "until_month": "2026-12"}
    return Override(**{**known, "id": name, "label": label, "entered_at": NOON, "dfu_cks": tuple(keys), **facts})


def ended(one, month):
    return one.model_copy(update={"ended": Ending(month=month, owner="Bob", reason="over", time=NOON)})


def published(overlay):
    rows = overlay.labels[["dfu_ck", "cluster_id", "cluster_label"]].itertuples(index=False, name=None)
    return {key: (number, label) for key, number, label in rows}


def test_label_that_a_person_sets_is_published_with_its_number_and_the_others_stay():
    overlay = lay_over(MACHINE, [override("one", "ac", "high_volume")])
    assert published(overlay) == {"a": (73, "high_volume"), "b": (73, "high_volume"), "c": (73, "high_volume")}
    assert MACHINE["cluster_label"].tolist() == ["low_volume", "high_volume", "low_volume"]  # the machine's stay


def test_machine_s_label_owner_reason_and_last_month_are_beside_each():
    overlay = lay_over(MACHINE, [override("one", "a", "high_volume", reason="=1+1")])
    assert list(overlay.overridden) == list(OVERRIDDEN_COLUMNS)
    assert overlay.overridden.to_numpy().tolist() == [
        ["a", "low_volume", "high_volume", "one", "Ada", "=1+1", "2026-12"]
    ]


def test_of_two_overrides_of_a_dfu_the_later_counts():
    overlay = lay_over(MACHINE, [override("one", "ab", "high_volume"), override("two", "b", "low_volume")])
    assert published(overlay)["b"] == (71, "low_volume")
    assert overlay.overridden["override"].tolist() == ["one", "two"]
    assert overlay.ids == ("one", "two")


def test_dfu_without_a_machine_label_gets_the_person_s():
    overlay = lay_over(MACHINE, [override("one", ["new"], "low_volume")])
    assert published(overlay)["new"] == (71, "low_volume")
    assert overlay.overridden["machine_label"].isna().tolist() == [True]
    assert overlay.counts.agreeing == 0


def test_overrides_to_which_the_machine_came_round_are_counted_apart():
    overlay = lay_over(MACHINE, [override("one", "abc", "high_volume")])
    counts = overlay.counts
    assert (counts.overrides, counts.dfus, counts.agreeing, counts.agreeing_keys) == (1, 3, 1, ("b",))


def test_labels_without_an_override_are_the_machine_s_themselves():
    overlay = lay_over(MACHINE, [])
    assert overlay.labels is MACHINE
    assert (overlay.counts.overrides, overlay.counts.dfus, len(overlay.overridden)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("month", "holds", "held"),
    [("2026-08", True, False), ("2026-09", True, True), ("2026-12", True, True), ("2027-01", False, False)],
)
def test_it_holds_to_its_last_month_and_counts_for_the_past_from_the_month_of_its_entry(month, holds, held):
    one = override("one", "a", "low_volume")
    assert (one.holds_in(month), one.held_in(month)) == (holds, held)


def test_one_that_was_ended_holds_no_more_and_counts_for_the_months_before():
    one = ended(override("one", "a", "low_volume"), "2026-11")
    assert not one.holds_in("2026-10")
    assert [one.held_in(month) for month in ("2026-09", "2026-10", "2026-11")] == [True, True, False]


def test_one_that_was_entered_before_anything_was_published_counts_from_the_start():
    assert override("one", "a", "low_volume", first_month=None).held_in("2020-01")


def test_newest_state_of_each_counts_in_the_order_of_entry():
    one, two = override("one", "a", "low_volume"), override("two", "b", "low_volume")
    assert newest_states([one, two, ended(one, "2026-10")]) == [ended(one, "2026-10"), two]


def test_file_of_overrides_gives_back_what_was_entered(tmp_path):
    overrides, odd = Overrides(tmp_path / "runs"), override("one", ["a\u2028b", '"='], "low_volume", reason="für\nzwei")
    assert overrides.all() == []
    overrides.append(odd)
    overrides.append(override("two", "b", "high_volume", until_month="2026-10"))
    assert overrides.all()[0] == odd
    assert [one.id for one in overrides.holding_in("2026-11")] == ["one"]
    assert [one.id for one in overrides.named(["two"])] == ["two"]


def test_line_that_is_no_override_is_named(tmp_path):
    overrides = Overrides(tmp_path)
    overrides.path.write_text('{"id": "one"}\n')
    with pytest.raises(DataError, match=r"Every line of the overrides must be an override.*line 1"):
        overrides.all()
