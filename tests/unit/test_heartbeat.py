"""The last sign of life: from runs that are watched only, so that no other run waits for it."""

from types import SimpleNamespace

import pytest
from prefect import flow
from prefect.events import EventTrigger
from prefect.states import Completed

from deploy.register import lost_run_automation
from tasks.support import heartbeat


@pytest.fixture
def said(monkeypatch):
    events = []
    monkeypatch.setattr(heartbeat, "_APART_S", 0)
    monkeypatch.setattr(heartbeat, "emit_event", lambda event, **facts: events.append((event, facts)))
    return events


@flow
def quick():
    """Never run: hooks are handed their flow."""


def run(*tags):
    return SimpleNamespace(id="4711", name="as of 2026-10", tags=list(tags))


def test_a_watched_run_says_that_it_is_over_in_the_words_that_the_automation_expects(said):
    heartbeat.say_over(quick, run("dfu-clustering", "other"), Completed())
    ((event, facts),) = said
    trigger = lost_run_automation().trigger
    assert isinstance(trigger, EventTrigger)
    assert event in trigger.expect
    assert facts["resource"]["prefect.resource.id"] == "prefect.flow-run.4711"
    assert facts["related"] == [{"prefect.resource.id": "prefect.tag.dfu-clustering", "prefect.resource.role": "tag"}]
    assert "prefect.tag.dfu-clustering" in str(trigger.match_related)


def test_other_runs_say_nothing(said):
    heartbeat.say_over(quick, run(), Completed())
    assert said == []
