"""A run as a line of a list: read from its manifest alone, so that hundreds are listed at once."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AwareDatetime, Field

from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import Summary, parse_summary, read_summary
from dfu_clustering.labels.vocabulary import LIFECYCLE_LABELS
from dfu_clustering.loads.publication import Publication
from dfu_clustering.runs.answer import Answer
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.manifest import (
    BUILD_FEATURES,
    LABEL_MONTH,
    LABEL_SEGMENTS,
    NOTE_PUBLISHED,
    PREVIEW_PUBLISH,
    PUBLISH_LABELS,
    REQUIRE_APPROVAL,
    TRAIN_MODEL,
    FinishedStep,
    Manifest,
    Step,
)
from dfu_clustering.runs.run import RunName

logger = logging.getLogger(__name__)

RunKind = Literal["published", "dry_run", "waiting", "refused", "unfinished", "backfilled_month"]
_NEEDED: Final = (RunFile.LABELS, RunFile.METADATA)  # without them a run cannot be compared

S = TypeVar("S", bound=Summary)


class KnownRun(Summary):
    """A run, or a month of a backfill."""

    run: Annotated[str, Field(description="name of its folder, or backfill and month")]
    kind: Annotated[
        RunKind,
        Field(
            description="waiting: a person was asked whether to publish and has not answered (also where the run was "
            "cancelled since); refused: the answer was no; unfinished: it is under way, or ended before a publish"
        ),
    ]
    approval: Annotated[str | None, Field(description="who approved or refused the publish, and why")] = None
    stands: Annotated[bool, Field(description="whether its labels are the ones that are published now")] = False
    as_of_month: Annotated[str | None, Field(description="newest month that counted")]
    began_at: Annotated[AwareDatetime | None, Field(description="by the warehouse's clock")] = None
    recorded_at: Annotated[AwareDatetime | None, Field(description="when its last step finished; null: files are gone")]
    published_at: Annotated[AwareDatetime | None, Field(description="of its newest publish")] = None
    restored: Annotated[bool, Field(description="whether its newest publish is a restore of its labels")] = False
    load_id: Annotated[str | None, Field(description="load that asked for it; null: by hand or by schedule")] = None
    n_dfus: Annotated[int | None, Field(description="DFUs that the run knew")] = None
    clustered: Annotated[int | None, Field(description="DFUs in segments")] = None
    labelled: Annotated[int | None, Field(description="DFUs with a label: in segments, new and inactive ones")] = None
    k: Annotated[int | None, Field(description="clusters that K-means found")] = None
    segments: Annotated[int | None, Field(description="labels of clustered DFUs")] = None
    true_share: Annotated[
        float | None, Field(description="share (0-1) of the clustered DFUs for which every word of the label is true")
    ] = None
    silhouette: Annotated[float | None, Field(description="of the segments, -1 to 1")] = None
    config_digest: Annotated[str | None, Field(description="of the settings that can change a result")] = None
    code_version: str | None = None
    comparable: Annotated[bool, Field(description="whether the files that a comparison needs are there")]

    @property
    def at(self) -> datetime:
        """Return the newest that is known of it, by which a list of runs is ordered."""
        known = [time for time in (self.recorded_at, self.published_at) if time is not None]
        return max(known, default=datetime.min.replace(tzinfo=UTC))

    def published_as(self, line: Publication | None, *, stands: bool) -> "KnownRun":
        """Return it with what the ledger says of it; a line of None is none."""
        if line is None:
            return self
        said = {"published_at": line.published_at, "restored": line.restored, "load_id": line.load_id}
        return self.model_copy(update={**said, "kind": "published", "stands": stands})


class _Features(Summary):
    n_dfus: int | None = None
    clustered: int | None = None


class _Training(Summary):
    k: int | None = None


class _Size(Summary):
    size: int = 0


class _Figures(Summary):
    true_share: float | None = None
    silhouette: float | None = None


class _Labels(Summary):
    segments: list[_Size] = Field(default_factory=list)
    lifecycle: list[_Size] = Field(default_factory=list)
    figures: _Figures = _Figures()


class _Publish(Summary):
    dry_run: bool = False


class _Noted(Summary):
    began: AwareDatetime | None = None


class _Month(Summary):
    k: int | None = None
    clustered: int | None = None
    labels: dict[str, int] = Field(default_factory=dict)


def run_in_folder(folder: Path) -> KnownRun | None:
    """Return what a run's folder says of it; None where it is no run's, or holds no manifest that can be read."""
    name, steps = RunName.parse(folder.name), _finished(folder)
    if name is None or steps is None:
        return None
    features, labels = steps.get(BUILD_FEATURES, _Features()), steps.get(LABEL_SEGMENTS, _Labels())
    clustered, answer = sum(one.size for one in labels.segments), steps.find(REQUIRE_APPROVAL, Answer)
    return KnownRun(
        run=folder.name,
        kind=_kind(steps, answer),
        approval=answer.said_of(published=PUBLISH_LABELS.name in steps.steps) if answer else None,
        as_of_month=name.as_of_month,
        began_at=steps.get(NOTE_PUBLISHED, _Noted()).began,
        recorded_at=steps.recorded_at,
        n_dfus=features.n_dfus,
        clustered=clustered or features.clustered,
        labelled=clustered + sum(one.size for one in labels.lifecycle) if clustered else None,
        k=steps.get(TRAIN_MODEL, _Training()).k,
        segments=len(labels.segments) or None,
        true_share=labels.figures.true_share,
        silhouette=labels.figures.silhouette,
        config_digest=name.config_digest,
        code_version=steps.code_version,
        comparable=_has(RunFolder(folder)),
    )


def month_in_folder(files: RunFolder, config_digest: str) -> KnownRun | None:
    """Return what the folder of a month of a backfill says of it; None where it holds no manifest that can be read."""
    steps = _finished(files.folder)
    if steps is None:
        return None
    features, month = steps.get(BUILD_FEATURES, _Features()), steps.get(LABEL_MONTH, _Month())
    return KnownRun(
        run=files.name,
        kind="backfilled_month",
        as_of_month=files.folder.name,
        recorded_at=steps.recorded_at,
        n_dfus=features.n_dfus,
        clustered=month.clustered,
        labelled=sum(month.labels.values()) or None,
        k=month.k,
        segments=len(set(month.labels) - set(LIFECYCLE_LABELS)) or None,
        config_digest=config_digest,
        code_version=steps.code_version,
        comparable=_has(files),
    )


def run_without_files(line: Publication) -> KnownRun:
    """Return a run of which only the ledger knows."""
    return KnownRun(
        run=line.run,
        kind="published",
        as_of_month=line.as_of_month,
        recorded_at=None,
        labelled=sum(line.labels.values()),
        config_digest=line.config_digest,
        comparable=False,
    )


@dataclass(frozen=True)
class _Finished:
    """What a manifest says, whatever version wrote it.

    Attributes:
        path: Of the manifest.
        steps: The finished steps by name.
    """

    path: Path
    steps: Mapping[str, FinishedStep]

    def get(self, step: Step[Any], nothing: S) -> S:
        """Return the part that is wanted of what a step left; ``nothing`` where it has not finished."""
        return self.find(step, type(nothing)) or nothing

    def find(self, step: Step[Any], kind: type[S]) -> S | None:
        """Return the part that is wanted of what a step left; None where it has not finished."""
        entry = self.steps.get(step.name)
        try:
            return parse_summary(kind, entry.summary, self.path) if entry else None
        except DataError as error:  # of another version: the rest of the run is known all the same
            logger.warning("what %s left in %s is not known: %s", step.name, self.path, error.found)
            return None

    @property
    def recorded_at(self) -> datetime:
        """Return when the last step finished."""
        return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)

    @property
    def code_version(self) -> str | None:
        """Return the version that finished the last step."""
        return next((step.code_version for step in reversed(list(self.steps.values()))), None)


def _finished(folder: Path) -> _Finished | None:
    path = folder / RunFile.MANIFEST
    try:
        return _Finished(path, read_summary(Manifest, path).steps)
    except DataError as error:
        logger.warning("a run without a manifest that can be read is not listed: %s", error)
        return None


def _kind(steps: _Finished, answer: Answer | None) -> RunKind:
    """Return what became of a run, as far as its own manifest knows."""
    if PUBLISH_LABELS.name in steps.steps:
        return "dry_run" if steps.get(PUBLISH_LABELS, _Publish()).dry_run else "unfinished"
    if answer is not None:
        return "unfinished" if answer.publish else "refused"
    return "waiting" if PREVIEW_PUBLISH.name in steps.steps else "unfinished"


def _has(files: RunFolder) -> bool:
    return all(files.find(file) is not None for file in _NEEDED)
