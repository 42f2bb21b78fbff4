"""The name of a run's folder."""

from uuid import UUID

import pytest

from dfu_clustering.errors import ConfigError
from dfu_clustering.files.summary import Summary
from dfu_clustering.runs.manifest import Step
from dfu_clustering.runs.run import Run, short_run_id


def test_scheduled_runs_of_one_minute_have_folders_of_their_own(tmp_path):
    # as a Prefect 3.8 server made them for one cron schedule: version 7, the same time stamp in front
    ids = [UUID("01a20778-92e4-7a11-b6a0-3f1c7f9e0001"), UUID("01a20778-92e4-7a11-b6a0-3f1c7f9e0002")]
    folders = {
        Run.open(tmp_path, as_of_month="2026-10", config_digest="d", run_id=short_run_id(run_id)).folder
        for run_id in ids
    }
    assert len(folders) == 2


def test_run_id_is_the_same_for_text_and_uuid():
    text = "7bafb2ec-6c48-4229-be78-ea88c1d8c467"
    assert short_run_id(text) == short_run_id(UUID(text)) == "ea88c1d8c467"


def test_run_that_has_written_nothing_leaves_no_folder(tmp_path):
    Run.open(tmp_path / "runs", as_of_month="2026-10", config_digest="d", run_id="x")
    assert list(tmp_path.iterdir()) == []


class Counted(Summary):
    """A step's summary that says how often the step was done."""

    times: int


def test_step_that_is_not_finished_yet_is_done_again_and_then_kept(tmp_path):
    run = Run.open(tmp_path, as_of_month="2026-10", config_digest="d", run_id="x")
    done = []

    def work():
        done.append(True)
        return Counted(times=len(done))

    step = Step("record_run", Counted)
    results = [run.once(step, work, finished_if=lambda s: s.times >= 2).times for _ in range(4)]
    assert results == [1, 2, 2, 2]


def test_run_is_named_by_its_folder_and_no_other_name_leads_anywhere(tmp_path):
    run = Run.open(tmp_path, as_of_month="2026-10", config_digest="0123456789", run_id="0123456789ab")
    assert Run.named(tmp_path, run.folder.name) == run
    for name in ("..", "", "2026-10", f"{run.folder.name}/..", f"{run.folder.name}\n", "2026-10-0123456789-../../etc"):
        with pytest.raises(ConfigError, match="named by month"):
            Run.named(tmp_path, name)
