"""Which earlier publish somebody means."""

from datetime import UTC, datetime, timedelta

import pytest

from dfu_clustering.errors import DataError
from dfu_clustering.loads.publication import Publication
from dfu_clustering.runs.lookup import (
    newest_publication,
    publication_before,
    publication_of_run,
    publications_to_continue,
    require_publication_of_run,
    wanted_run_id,
)
from dfu_clustering.runs.run import RunName

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
FLOW_RUN = "7bafb2ec-6c48-4229-be78-ea88c1d8c467"


def publication(month, run_id, hours):
    return Publication(
        as_of_month=month,
        load_id=None,
        fingerprint="f",
        config_digest="c0ffee0000",
        run=f"{month}-c0ffee0000-{run_id}",
        labels={"high_volume": 1},
        published_at=NOON + timedelta(hours=hours),
    )


LEDGER = [publication("2026-08", "aaaaaaaaaaaa", 0), publication("2026-09", "ea88c1d8c467", 24)]


def test_a_run_continues_the_newest_publish_of_an_earlier_month():
    assert publications_to_continue(LEDGER, "2026-10")[0] == LEDGER[1]
    assert publications_to_continue([LEDGER[1], LEDGER[0]], "2026-10")[0] == LEDGER[0]  # put back
    assert publications_to_continue([], "2026-10") == []


def test_a_month_that_is_run_again_continues_what_its_first_run_did():
    assert publications_to_continue(LEDGER, "2026-09")[0] == LEDGER[0]
    assert publications_to_continue(LEDGER[1:], "2026-09") == [LEDGER[1]]  # nothing earlier: the month itself


def test_a_past_month_does_not_know_what_came_later():
    assert publications_to_continue(LEDGER, "2026-07") == []


def test_champion_is_what_was_published_last():
    assert newest_publication(LEDGER) == LEDGER[1]
    assert newest_publication([LEDGER[1], LEDGER[0]]) == LEDGER[0]  # put back
    assert newest_publication([]) is None


def test_newest_publish_of_a_run_is_the_one_that_counts():
    restored = publication("2026-08", "aaaaaaaaaaaa", 48)
    assert publication_of_run([*LEDGER, restored], restored.run) == restored
    with pytest.raises(DataError, match=r"the newest are \(2: '2026-09-c0ffee0000-ea88c1d8c467', '2026-08"):
        require_publication_of_run(LEDGER, "2026-09-c0ffee0000-bbbbbbbbbbbb")


def test_id_is_read_from_a_flow_run_and_what_stands_and_a_folder_s_whole_name_have_none():
    assert {wanted_run_id(text) for text in ("ea88c1d8c467", FLOW_RUN)} == {"ea88c1d8c467"}
    others = ("", "../runs", "a/b", "published", "previous", "2026-09-c0ffee0000-ea88c1d8c467")
    assert [wanted_run_id(text) for text in others] == [None] * 6


@pytest.mark.parametrize(("hours", "month"), [(1, "2026-08"), (24, "2026-08"), (24.001, "2026-09"), (99, "2026-09")])
def test_what_was_published_at_a_time_is_the_newest_publish_before_it(hours, month):
    assert publication_before(LEDGER, NOON + timedelta(hours=hours)).as_of_month == month


def test_time_before_the_first_publish_says_when_that_was():
    with pytest.raises(DataError, match=r"published before 2026-11-05T12:00:00\+00:00.*first is as of 2026-08 by run"):
        publication_before(LEDGER, NOON)


def test_name_of_a_run_tells_month_and_id():
    assert RunName.parse("2026-09-c0ffee0000-ea88c1d8c467") == RunName("2026-09", "c0ffee0000", "ea88c1d8c467")
    assert RunName.parse("published.jsonl") is None
    assert RunName.parse("2026-09-c0ffee0000-../x") is None
