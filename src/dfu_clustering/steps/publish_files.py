"""A publish by the program: labels in files of which no run is known, written down beside them."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine

from dfu_clustering.errors import DataError
from dfu_clustering.loads.publication import NOT_YET, Publication
from dfu_clustering.overrides.overlay import Overlay
from dfu_clustering.overrides.override import Override
from dfu_clustering.overrides.register import Overrides
from dfu_clustering.publishing.lock import publish_lock
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.publish_record import LedgerRecord
from dfu_clustering.runs.standing import standing_under_lock
from dfu_clustering.runs.summaries import TrainingMetadata
from dfu_clustering.steps.publish_labels import line_of_labels, overlay_of, update_assignments, with_overrides_of_now


@dataclass(frozen=True)
class ProgramPublish:
    """The publishes of a folder of labels.

    Attributes:
        files: The labels, and the metadata of their training where that is known.
        publishes: The folder of these publishes, each in one of its own, with a ledger.
        runs: The folder of the flow's runs, whose ledger counts too; it need not be there.
    """

    files: RunFolder
    publishes: Path
    runs: Path

    def new_folder(self, time: datetime) -> RunFolder:
        """Return a folder of one publish alone: the labels lie in the same one every month."""
        return RunFolder(self.publishes / f"{time:%Y%m%dT%H%M%SZ}-{uuid4().hex[:6]}")

    def older_month_problem(self, engine: Engine) -> DataError | None:
        """Return why the labels stay unpublished: some of a later month are published; None where none are."""
        with publish_lock(engine) as table:
            standings = [standing_under_lock(Ledger(folder), table) for folder in (self.publishes, self.runs)]
        later = [one.newest for one in standings if one.newest and self._is_later(one.newest)]
        return self._older(max(later, key=lambda line: line.published_at)) if later else None

    def publish(self, engine: Engine, folder: RunFolder, *, publish_older_month: bool) -> PublishSummary:
        """Publish the labels, and keep the previous labels and the line of the ledger.

        Raises:
            DataError: A label is of an unknown DFU, or labels of a later month were published meanwhile.
            ConcurrentChangeError, SlowStatementError, CommitUnknownError: As update_assignments().
        """

        def require_allowed(newest: Publication | None) -> None:
            if newest is not None and not publish_older_month and self._is_later(newest):
                raise self._older(newest)

        def work() -> PublishSummary:
            overlay = self.overlay()
            record = LedgerRecord(
                Ledger(self.publishes),
                folder,
                self._line(folder.name, overlay),
                require_allowed,
                overlay=overlay,
                overrides_of_now=self._overrides,
            )
            return update_assignments(overlay, engine, record=record)

        return with_overrides_of_now(work)

    def overlay(self) -> Overlay:
        """Return the labels as they are published: with the overrides of the flow's runs on top."""
        return overlay_of(self.files, self._overrides())

    def _overrides(self) -> list[Override]:
        """Return the overrides that hold in the labels' month; where that is unknown, in the newest published."""
        lines = [line for folder in (self.publishes, self.runs) for line in Ledger(folder).publications()]
        month = self._as_of_month() or max((line.as_of_month for line in lines), default="")
        return Overrides(self.runs).holding_in(month) if month else []

    def _line(self, name: str, overlay: Overlay) -> Publication:
        training = self._training()
        line = Publication(
            as_of_month=self._as_of_month(),
            load_id=None,
            fingerprint="",
            config_digest=training.config.digest() if training else "",
            run=name,
            labels={},
            published_at=NOT_YET,
        )
        return line_of_labels(self.files, overlay, line)

    def _training(self) -> TrainingMetadata | None:
        return self.files.metadata() if self.files.find(RunFile.METADATA) else None

    def _as_of_month(self) -> str:
        training = self._training()
        return (training.as_of_month if training else None) or ""

    def _is_later(self, newest: Publication) -> bool:
        own = self._as_of_month()
        return bool(own) and newest.as_of_month > own

    def _older(self, newest: Publication) -> DataError:
        return DataError(
            "Labels of a later month must not be replaced by those of an earlier one",
            found=f"labels as of {self._as_of_month()} in {self.files.path(RunFile.LABELS)}, and published {newest}",
            remedy="build features as of the newest month; or give --publish-older-month. Nothing was written",
        )
