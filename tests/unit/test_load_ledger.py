"""What a load is, which publish contains it, when a table has settled, and the ledger that remembers."""

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from dfu_clustering.errors import DataError
from dfu_clustering.loads.events import sales_loaded_event
from dfu_clustering.loads.publication import Publication, find_publication, find_state, month_to_publish
from dfu_clustering.loads.sales_loads import SalesState
from dfu_clustering.loads.sensor import Watch, look
from dfu_clustering.runs.ledger import Ledger, Pending

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
OCTOBER = SalesState(
    as_of_month="2026-10",
    rows=1000,
    newest_load_ts="2026-11-04T03:00:00.000000Z",
    newest_modified_ts="2026-11-04T03:00:00.000000Z",
    total_qty="51234.5000",
)
# a row more, later: what a correction of an old month leaves behind
CORRECTED = OCTOBER.model_copy(update={"rows": 1001, "newest_load_ts": "2026-11-09T03:00:00.000000Z"})


def publication(state=OCTOBER, **changes):
    facts = {
        "as_of_month": state.as_of_month,
        "load_id": "load-1",
        "fingerprint": state.fingerprint,
        "config_digest": "c0ffee",
        "run": f"{state.as_of_month}-c0ffee-11111111",
        "labels": {"low_volume": 3, "high_volume": 1},
        "published_at": NOON,
    }
    return Publication(**facts | changes)


def found(publications, state, load_id=None, config_digest="c0ffee", run_id="22222222"):
    return find_publication(publications, state, load_id=load_id, config_digest=config_digest, run_id=run_id)


@pytest.mark.parametrize(
    "change",
    [
        {"as_of_month": "2026-09"},
        {"rows": 999},
        {"newest_load_ts": "2026-11-04T03:00:00.000001Z"},
        {"newest_modified_ts": None},
        {"total_qty": "51234.5001"},
    ],
)
def test_fingerprint_changes_with_everything_that_a_load_changes(change):
    other = OCTOBER.model_copy(update=change)
    assert other.fingerprint != OCTOBER.fingerprint
    assert other.load_id != OCTOBER.load_id


def test_fingerprint_stays_the_same_from_version_to_version():
    # SHA-256 of the JSON below, worked out with sha256sum: a new version must know the publishes of the old one
    expected = (
        '{"as_of_month":"2026-10","rows":1000,"newest_load_ts":"2026-11-04T03:00:00.000000Z",'
        '"newest_modified_ts":"2026-11-04T03:00:00.000000Z","total_qty":"51234.5000"}'
    )
    assert OCTOBER.model_dump_json(exclude={"months"}) == expected
    assert OCTOBER.load_id == "2026-10-25523bdc077c"
    # and after the digits that show more, those of earlier versions still find their line
    by_month = OCTOBER.model_copy(update={"months": {"2026-10": "a"}})
    assert by_month.load_id == "2026-10-25523bdc077c-1422635f"
    assert found([publication(OCTOBER)], by_month) is not None
    assert found([publication(by_month)], by_month) is not None


def test_rows_that_are_rewritten_without_another_sum_or_time_are_another_state():
    months = {"2026-09": "a", "2026-10": "b"}
    before, after = (OCTOBER.model_copy(update={"months": months | {"2026-09": digest}}) for digest in "ac")
    assert before.fingerprint != after.fingerprint
    assert found([publication(before)], after) is None


def test_load_is_published_once_whatever_it_is_called():
    earlier = [publication()]
    assert found(earlier, OCTOBER, "load-1") == earlier[0]
    assert found(earlier, OCTOBER, "another-name") == earlier[0]
    assert found(earlier, OCTOBER, None) == earlier[0]


def test_load_that_was_published_stays_so_while_the_next_one_comes_in():
    assert found([publication()], CORRECTED, "load-1") is not None


def test_correction_of_an_old_month_is_a_new_load():
    assert found([publication()], CORRECTED, "load-2") is None
    assert found([publication()], CORRECTED, None) is None


def test_other_settings_are_published_anew_unless_the_very_load_is_asked_for_again():
    earlier = [publication()]
    assert found(earlier, OCTOBER, "load-2", config_digest="beef") is None
    assert found(earlier, OCTOBER, None, config_digest="beef") is None
    assert found(earlier, OCTOBER, "load-1", config_digest="beef") == earlier[0]


def test_resumed_run_does_not_take_its_own_publish_for_another():
    own = publication(run="2026-10-c0ffee-22222222")
    assert found([own], OCTOBER, "load-1") is None


def test_runs_by_hand_do_not_count_as_one_load():
    by_hand = publication(load_id=None)
    assert found([by_hand], CORRECTED, None) is None


@pytest.mark.parametrize(
    ("announced", "published", "expected"),
    [
        ("2026-10", [], "2026-10"),
        ("2026-10", ["2026-09"], "2026-10"),
        ("2026-09", ["2026-10", "2026-08"], "2026-10"),
        ("2025-12", ["2026-01"], "2026-01"),
        (None, ["2026-09"], None),
    ],
)
def test_labels_never_go_back_in_time(announced, published, expected):
    assert month_to_publish(announced, [publication(as_of_month=month) for month in published]) == expected


def test_event_carries_what_the_deployment_reads():
    number = UUID("00000000-0000-4000-8000-000000000001")
    event = sales_loaded_event("2026-10", "SAP 4711", event_id=number, occurred=NOON)
    assert json.loads(json.dumps(event)) == {
        "id": "00000000-0000-4000-8000-000000000001",
        "occurred": "2026-11-05T12:00:00+00:00",
        "event": "fact_sales_monthly.loaded",
        "resource": {"prefect.resource.id": "dfu.sales-load.SAP 4711", "prefect.resource.name": "SAP 4711"},
        "payload": {"month": "2026-10", "load_id": "SAP 4711"},
    }


@pytest.mark.parametrize(
    ("month", "load_id"), [("2026-13", "x"), ("October", "x"), ("2026-10", " "), ("2026-10", "x" * 201)]
)
def test_event_without_a_month_or_a_name_is_refused(month, load_id):
    with pytest.raises(DataError):
        sales_loaded_event(month, load_id, event_id=UUID(int=1), occurred=NOON)


def judged(watch, minutes, *, published=False):
    now = NOON + timedelta(minutes=minutes)
    return watch.judge(now, published=published, settle=timedelta(minutes=10), repeat=timedelta(hours=24))


def test_load_in_parts_is_announced_once_it_stays_as_it_is():
    # part 1 at noon, part 2 seen at 12:08, then nothing more
    watch = look(None, OCTOBER, NOON)
    assert judged(watch, 0) == "settling"
    watch = look(watch, CORRECTED, NOON + timedelta(minutes=8))
    assert judged(watch, 12) == "settling"  # 12 minutes after part 1, but only 4 after part 2
    watch = look(watch, CORRECTED, NOON + timedelta(minutes=18))
    assert judged(watch, 18) == "to announce"


def test_announced_load_is_announced_again_only_after_a_day_without_publish():
    watch = look(None, OCTOBER, NOON).model_copy(update={"announced": NOON + timedelta(minutes=10)})
    assert judged(watch, 15) == "announced"
    assert judged(watch, 24 * 60 + 9) == "announced"
    assert judged(watch, 24 * 60 + 10) == "to announce"


def test_published_state_is_left_alone():
    assert judged(look(None, OCTOBER, NOON), 60, published=True) == "published"


def test_state_that_changes_forgets_that_the_last_one_was_announced():
    announced = Watch(fingerprint=OCTOBER.fingerprint, since=NOON, announced=NOON)
    assert look(announced, OCTOBER, NOON + timedelta(hours=1)) == announced
    assert look(announced, CORRECTED, NOON + timedelta(hours=1)).announced is None


def test_ledger_gives_back_what_was_written_in_that_order(tmp_path):
    ledger = Ledger(tmp_path / "runs")
    assert ledger.publications() == []
    lines = [publication(), publication(CORRECTED, load_id=None, labels={"größe": 2})]
    for line in lines:
        ledger.append(line)
    assert ledger.publications() == lines
    assert len(ledger.path.read_text(encoding="utf-8").splitlines()) == 2


def test_load_seen_first_by_a_clock_that_ran_a_year_ahead_settles_once_the_clock_is_right():
    ahead = NOON + timedelta(days=365)
    for memory in (look(None, OCTOBER, ahead), look(None, OCTOBER, NOON).model_copy(update={"announced": ahead})):
        watch = look(memory, OCTOBER, NOON)
        assert (watch.since, watch.announced) == (NOON, None)
        assert judged(look(watch, OCTOBER, NOON + timedelta(minutes=12)), 12) == "to announce"


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x1c"])
def test_separator_in_a_name_that_an_earlier_version_let_in_splits_no_line(tmp_path, separator):
    ledger = Ledger(tmp_path)
    written = [publication(load_id=f"load{separator}1"), publication(load_id="load-2")]
    for line in written:
        ledger.append(line)
    assert ledger.publications() == written


def test_ledger_keeps_every_line_of_programs_that_write_at_once(tmp_path):
    def write(number):
        Ledger(tmp_path).append(publication(load_id=str(number)))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {line.load_id for line in Ledger(tmp_path).publications()} == {str(number) for number in range(20)}


def test_broken_ledger_says_what_to_do(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.append(publication())
    ledger.path.write_text(ledger.path.read_text() + "{}\n")
    with pytest.raises(DataError, match=r"Every line of the ledger must be a publish.*restore the file"):
        ledger.publications()


def test_line_that_was_cut_off_counts_for_nothing_and_is_gone_after_the_next_publish(tmp_path, caplog):
    ledger = Ledger(tmp_path)
    ledger.append(publication())
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole + whole[:60])
    assert ledger.publications() == [publication()]
    assert "is incomplete and is ignored" in caplog.text
    ledger.append(publication(load_id="next"))
    assert ledger.publications() == [publication(), publication(load_id="next")]


def test_bytes_that_are_no_text_say_what_to_do(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.append(publication())
    ledger.path.write_bytes(b"\xff\xfe\x00\n" + ledger.path.read_bytes())
    with pytest.raises(DataError, match=r"bytes that are not text.*restore the file"):
        ledger.publications()


SEPTEMBER = OCTOBER.model_copy(update={"as_of_month": "2026-09"})


def test_load_whose_labels_an_older_month_has_replaced_is_to_be_published_again():
    october, by_hand = publication(), publication(SEPTEMBER, load_id=None, run="2026-09-c0ffee-33333333")
    assert found([october, by_hand], OCTOBER, "load-1") is None
    assert find_state([october, by_hand], OCTOBER) is None
    restored = october.model_copy(update={"load_id": None, "restored": True})
    assert found([october, by_hand, restored], OCTOBER, "another") is restored
    assert find_state([by_hand, october], OCTOBER) is october


def test_pending_publish_becomes_a_line_once_or_none(tmp_path):
    ledger = Ledger(tmp_path)
    first, second = (publication(load_id=name, warehouse="w") for name in ("first", "second"))
    ledger.prepare(Pending(transaction=1, publication=first))
    ledger.settle("another", lambda _: True)
    assert ledger.publications() == []
    ledger.settle("w", lambda pending: pending.transaction == 1)
    ledger.prepare(Pending(transaction=2, publication=second))
    ledger.settle("w", lambda pending: pending.transaction == 1)
    # killed between the line and the end of the pending one
    ledger.prepare(Pending(transaction=1, publication=first))
    ledger.settle("w", lambda _: True)
    assert ledger.publications() == [first]
    assert [path.name for path in tmp_path.iterdir()] == ["published.jsonl"]


def test_line_of_an_earlier_version_is_read(tmp_path):
    line: dict[str, Any] = {
        "as_of_month": "2026-10",
        "load_id": None,
        "fingerprint": "f",
        "config_digest": "c",
        "run": "r",
        "labels": {},
    }
    (tmp_path / "published.jsonl").write_text(json.dumps(line | {"published_at": "2026-11-05T12:00:00Z"}) + "\n")
    (found,) = Ledger(tmp_path).publications()
    assert (found.warehouse, found.labels_digest, found.began, found.published_at) == (None, None, None, NOON)


def test_load_that_was_published_before_a_restore_is_still_published():
    september = OCTOBER.model_copy(update={"as_of_month": "2026-09"})
    older, newer = publication(september, load_id="september"), publication()
    restored = older.model_copy(update={"load_id": None, "restored": True})
    lines = [older, newer, restored]
    assert found(lines, OCTOBER, "load-1") is newer
    assert month_to_publish("2026-10", lines) == "2026-10"
    assert "restored from run" in str(restored)
