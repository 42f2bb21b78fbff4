"""The manifest of a run: its steps by name, the record that each leaves there, and how each is done once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, ParamSpec, TypeVar

from dfu_clustering.files.summary import Summary
from dfu_clustering.loads.publication import Publication
from dfu_clustering.loads.sales_loads import SalesState
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.answer import Answer
from dfu_clustering.runs.month_training import MonthSummary
from dfu_clustering.runs.summaries import (
    FeatureSummary,
    LabelSummary,
    NotedPublish,
    PublishedChoice,
    ReportSummary,
    RunSummary,
    TrainingSummary,
)

if TYPE_CHECKING:
    from dfu_clustering.runs.folder import RunFolder

F = TypeVar("F", bound="RunFolder")
S = TypeVar("S", bound=Summary)
P = ParamSpec("P")


@dataclass(frozen=True)
class Step(Generic[S]):
    """A step that is done once a run.

    Attributes:
        name: In the manifest.
        kind: The record that it leaves.
    """

    name: str
    kind: type[S]


class FinishedStep(Summary):
    """What the manifest keeps of a step: how long it took, by which version, and the record that it left."""

    duration_s: float
    code_version: str
    summary: dict[str, Any]


class Manifest(Summary):
    """The finished steps of a run by name, in the order in which they finished: manifest.json."""

    steps: dict[str, FinishedStep]


READ_SALES_STATE: Final = Step("read_sales_state", SalesState)
NOTE_PUBLISHED: Final = Step("note_published", NotedPublish)
BUILD_FEATURES: Final = Step("build_features", FeatureSummary)
FIND_PUBLISHED: Final = Step("find_published", PublishedChoice)
TRAIN_MODEL: Final = Step("train_model", TrainingSummary)
LABEL_MONTH: Final = Step("label_month", MonthSummary)
LABEL_SEGMENTS: Final = Step("label_segments", LabelSummary)
PREVIEW_PUBLISH: Final = Step("preview_publish", PublishSummary)
REQUIRE_APPROVAL: Final = Step("require_approval", Answer)
PUBLISH_LABELS: Final = Step("update_assignments", PublishSummary)
RECORD_PUBLICATION: Final = Step("record_publication", Publication)
BUILD_REPORT: Final = Step("build_report", ReportSummary)
RECORD_RUN: Final = Step("record_run", RunSummary)


def once(
    step: Step[S], *, finished_if: Callable[[S], bool] = lambda _: True
) -> Callable[[Callable[Concatenate[F, P], S]], Callable[Concatenate[F, P], S]]:
    """Make a function a step: in a run where it has finished before, it returns what it returned then.

    Its first argument is the run. In a plain folder, which keeps no manifest, it works every time.

    Args:
        step: Which step it is.
        finished_if: Whether what it returned makes it finished; else it is done again the next time.
    """

    def decorate(function: Callable[Concatenate[F, P], S]) -> Callable[Concatenate[F, P], S]:
        @wraps(function)
        def do_once(run: F, /, *args: P.args, **kwargs: P.kwargs) -> S:
            return run.once(step, lambda: function(run, *args, **kwargs), finished_if=finished_if)

        return do_once

    return decorate
