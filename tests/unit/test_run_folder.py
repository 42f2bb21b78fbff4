"""The files of a run: where each of them is, which are there, which steps have finished, and what its name says."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from dfu_clustering.errors import ConfigError, DataError
from dfu_clustering.files.summary import Summary
from dfu_clustering.publishing.outcome import PublishSummary, Transition
from dfu_clustering.quality.gate_reports import GateReport
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.manifest import LABEL_SEGMENTS, PUBLISH_LABELS, TRAIN_MODEL, Step, once
from dfu_clustering.runs.run import Run, RunName
from dfu_clustering.runs.summaries import (
    KChoice,
    LabelSummary,
    LifecycleSegment,
    SegmentSummary,
    TrainedSegment,
    TrainingSummary,
)
from dfu_clustering.segments.continuity import Continuity
from tests.report_runs import FIGURES

NAME = "2026-10-0123456789-0123456789ab"
FOLDER = Path("runs") / NAME
PICTURES_OF_LABELS = (
    RunFile.SIZES_PICTURE,
    RunFile.PROFILES_PICTURE,
    RunFile.TYPICAL_PICTURE,
    RunFile.MAP_PICTURE,
)


def open_run(runs: Path) -> Run:
    return Run.open(runs, as_of_month="2026-10", config_digest="0123456789", run_id="0123456789ab")


def moved_by(placed: RunFolder) -> set[RunFile]:
    """Return the files that are not where a plain folder has them."""
    return {file for file in RunFile if placed.path(file) != FOLDER / file}


class TestPlaces:
    def test_every_file_is_in_the_folder_under_a_name_of_its_own(self):
        files = RunFolder(FOLDER)
        assert [files.path(file) for file in RunFile] == [FOLDER / file.value for file in RunFile]
        assert len({file.value for file in RunFile}) == len(RunFile)
        assert files.name == NAME

    def test_a_matrix_elsewhere_has_its_companions_beside_it_under_its_name(self):
        placed = RunFolder(FOLDER).placing(RunFile.MATRIX, Path("out/mine.csv"))
        assert placed.path(RunFile.MATRIX) == Path("out/mine.csv")
        assert placed.path(RunFile.FEATURES) == Path("out/mine.csv.meta.json")
        assert placed.path(RunFile.PANEL) == Path("out/mine.csv.panel.parquet")
        assert placed.path(RunFile.EXCLUDED) == Path("out/mine.csv.excluded.csv")
        assert moved_by(placed) == {RunFile.MATRIX, RunFile.FEATURES, RunFile.PANEL, RunFile.EXCLUDED, RunFile.DFUS}

    def test_labels_elsewhere_take_along_what_belongs_to_them_and_not_the_model(self):
        placed = RunFolder(FOLDER).placing(RunFile.LABELS, Path("out/mine.csv"))
        assert placed.path(RunFile.LABELS) == Path("out/mine.csv")
        taken = {RunFile.PROFILES, RunFile.LABEL_HISTORY, RunFile.STABILITY, RunFile.LABEL_CHANGES, *PICTURES_OF_LABELS}
        assert {placed.path(file) for file in taken} == {Path("out") / file for file in taken}
        assert moved_by(placed) == {RunFile.LABELS, *taken}
        assert placed.path(RunFile.MODEL) == FOLDER / "cluster_model.json"

    def test_centroids_elsewhere_take_the_model_along_and_not_the_assignments(self):
        placed = RunFolder(FOLDER).placing(RunFile.CENTROIDS, Path("out/centroids.csv"))
        taken = {RunFile.MODEL, RunFile.MAP, RunFile.TYPICAL, RunFile.MOVES}
        assert {placed.path(file) for file in taken} == {Path("out") / file for file in taken}
        assert moved_by(placed) == {RunFile.CENTROIDS, *taken}

    def test_assignments_elsewhere_take_along_the_labels_of_dfus_that_are_not_clustered(self):
        placed = RunFolder(FOLDER).placing(RunFile.ASSIGNMENTS, Path("out/assignments.csv"))
        assert placed.path(RunFile.LEFT_OUT) == Path("out/left_out_dfus.csv")
        assert moved_by(placed) == {RunFile.ASSIGNMENTS, RunFile.LEFT_OUT, RunFile.FORECASTABILITY}

    def test_what_was_placed_before_stays_there(self):
        placed = (
            RunFolder(FOLDER).placing(RunFile.MATRIX, Path("one/m.parquet")).placing(RunFile.LABELS, Path("two/l.csv"))
        )
        assert placed.path(RunFile.PANEL) == Path("one/m.parquet.panel.parquet")
        assert placed.path(RunFile.PROFILES) == Path("two/cluster_profiles.json")

    def test_each_part_has_files_of_its_own(self):
        first, second = RunFolder(FOLDER).part(0), RunFolder(FOLDER).part(1)
        assert first.path(RunFile.MATRIX) == FOLDER / "parts" / "0000.parquet"
        assert second.path(RunFile.EXCLUDED) == FOLDER / "parts" / "0001.parquet.excluded.csv"


class TestWhatIsThere:
    def test_a_file_that_must_be_there_and_is_not_is_an_error_with_file_and_run(self, tmp_path):
        with pytest.raises(DataError, match=f"no cluster_model.json of {NAME}"):
            RunFolder(tmp_path / NAME).require(RunFile.MODEL)

    def test_a_file_that_not_every_run_has_is_none(self, tmp_path):
        files = RunFolder(tmp_path)
        assert files.find(RunFile.STABILITY) is None
        assert files.find_table(RunFile.MAP) is None
        assert files.stability() is None
        assert files.gate_report("dim_dfu") is None

    def test_a_file_is_found_where_it_was_placed_and_gone_once_removed(self, tmp_path):
        files = RunFolder(tmp_path).placing(RunFile.MAP, tmp_path / "elsewhere.csv")
        (tmp_path / "elsewhere.csv").write_text("dfu_ck,cluster_id,x,y\n007,3,0.5,1\n")
        assert files.find(RunFile.MAP) == files.require(RunFile.MAP) == tmp_path / "elsewhere.csv"
        row = {"dfu_ck": "007", "cluster_id": 3, "x": 0.5, "y": 1}
        assert files.table(RunFile.MAP).to_dict("records") == [row]
        files.remove(RunFile.MAP, RunFile.MOVES)
        assert files.find(RunFile.MAP) is None

    def test_reports_of_gates_come_in_the_order_of_the_gates(self, tmp_path):
        files = RunFolder(tmp_path)
        reports = [gate_report("assignments"), gate_report("dim_dfu")]
        for report in reports:
            files.write_gate_report(report)
        assert files.gate_reports() == reports[::-1]
        assert files.gate_report("dim_dfu") == reports[1]
        assert files.gate_path("dim_dfu") == tmp_path / "data_quality" / "dim_dfu.json"


def gate_report(suite):
    return GateReport(
        suite=suite,
        as_of_month="2026-10",
        outcome="passed",
        override_reason=None,
        checks=[],
        not_judged=[],
        facts={"warehouse": "w1"},
        duration_s=0.5,
    )


class Counted(Summary):
    """What a step says that counts how often it was done."""

    times: int


COUNT = Step("count", Counted)


@dataclass
class Work:
    """Work that is counted."""

    times: int = 0

    def step(self, *, finished_from=1):
        """Return a step that does it."""

        @once(COUNT, finished_if=lambda summary: summary.times >= finished_from)
        def count(files: RunFolder, by: int = 1) -> Counted:
            self.times += by
            return Counted(times=self.times)

        return count


class TestSteps:
    def test_a_step_is_done_once_in_a_run_also_when_it_is_opened_again(self, tmp_path):
        count = Work().step()
        assert [count(open_run(tmp_path), by=2).times for _ in range(3)] == [2, 2, 2]

    def test_a_step_is_done_each_time_in_a_plain_folder_and_leaves_no_manifest(self, tmp_path):
        count = Work().step()
        assert [count(RunFolder(tmp_path)).times for _ in range(3)] == [1, 2, 3]
        assert list(tmp_path.iterdir()) == []

    def test_a_step_that_is_not_finished_by_what_it_says_is_done_again(self, tmp_path):
        count, run = Work().step(finished_from=2), open_run(tmp_path)
        assert (count(run).times, run.has_finished(COUNT)) == (1, False)
        assert [count(run).times for _ in range(2)] == [2, 2]
        assert run.has_finished(COUNT)

    def test_a_step_that_fails_has_not_finished(self, tmp_path):
        run = open_run(tmp_path)
        with pytest.raises(ZeroDivisionError):
            run.once(COUNT, lambda: Counted(times=1 // 0))
        assert not run.has_finished(COUNT)
        assert run.find_result(COUNT) is None
        with pytest.raises(DataError, match=r"nothing of count in .*manifest.json.*retry the run"):
            run.result(COUNT)

    @pytest.mark.parametrize(
        ("step", "summary"),
        [
            (
                PUBLISH_LABELS,
                PublishSummary(
                    transitions=(
                        Transition(old_label=None, new_label="größe", dfus=3),
                        Transition(old_label="low", new_label=None, dfus=2),
                    ),
                    not_found=1,
                    not_found_keys=("001",),
                    dry_run=False,
                    appeared=4,
                    appeared_keys=("b",),
                ),
            ),
            (
                TRAIN_MODEL,
                TrainingSummary(
                    n_dfus=5,
                    k=2,
                    k_selection=KChoice(elbow=2, silhouette=3, gap=2, selected=2, feasible=(2, 3)),
                    gap=None,
                    segments=[TrainedSegment(cluster_id=71, label="low_volume", size=5, sparsity_bound_months=1 / 3)],
                    figures=FIGURES,
                    warnings=["one"],
                    continuity=Continuity(
                        published_run="r1",
                        refit=False,
                        reason="no drift",
                        psi={"log_growth": 0.1},
                        far_share=None,
                        held_share=0.25,
                    ),
                ),
            ),
            (
                LABEL_SEGMENTS,
                LabelSummary(
                    segments=[
                        SegmentSummary(
                            cluster_id=7105,
                            label="low_volume_rising",
                            base="low_volume",
                            traits=["rising"],
                            pattern="plain",
                            tier="low",
                            true_share=2 / 3,
                            reason="low",
                            size=2,
                            share=1.0,
                            volume_share=1.0,
                            profile={"mean_demand": 1 / 3, "growth_rate": None},
                        )
                    ],
                    lifecycle=[LifecycleSegment(cluster_id=9, label="inactive", size=1)],
                    figures=FIGURES,
                ),
            ),
        ],
        ids=lambda value: getattr(value, "name", ""),
    )
    def test_what_a_step_said_is_read_back_as_it_was(self, tmp_path, step, summary):
        open_run(tmp_path).once(step, lambda: summary)
        again = Run.named(tmp_path, NAME)
        assert again.has_finished(step)
        assert again.result(step) == again.find_result(step) == summary

    def test_the_manifest_keeps_the_steps_in_the_order_in_which_they_finished(self, tmp_path):
        run = open_run(tmp_path)
        for name in ("b", "a"):
            run.once(Step(name, Counted), lambda: Counted(times=1))
        assert list(run.durations_s()) == ["b", "a"]
        assert min(run.durations_s().values()) >= 0


class TestNames:
    @pytest.mark.parametrize("month", ["2026-10", "no-sales"])
    def test_a_name_is_read_as_it_was_written(self, month):
        name = RunName(month, "0123456789", "0123456789ab")
        assert RunName.parse(str(name)) == name
        assert (name.as_of_month, str(name)) == (month, f"{month}-0123456789-0123456789ab")

    @pytest.mark.parametrize(
        "name", ["..", "", "2026-10", f"{NAME}/..", f"a/{NAME}", f"{NAME}\n", f"\n{NAME}", "2026-10-0123456789-../etc"]
    )
    def test_what_is_no_name_of_a_run_is_refused(self, tmp_path, name):
        assert RunName.parse(name) is None
        with pytest.raises(ConfigError, match="named by month"):
            Run.named(tmp_path, name)

    def test_a_run_knows_its_month_and_the_folder_of_the_others(self, tmp_path):
        run = Run.named(tmp_path, NAME)
        assert (run.as_of_month, run.known_month, run.runs, run.folder) == (
            "2026-10",
            "2026-10",
            tmp_path,
            tmp_path / NAME,
        )
        assert run == open_run(tmp_path)

    def test_a_run_of_sales_without_a_month_has_none_and_a_name_that_is_read(self, tmp_path):
        run = Run.open(tmp_path, as_of_month=None, config_digest="0123456789", run_id="0123456789ab")
        assert run.known_month is None
        assert RunName.parse(run.name) == RunName(run.as_of_month, "0123456789", "0123456789ab")
        assert Run.named(tmp_path, run.name) == run
