"""Which backfill holds which month: a later one replaces months of an earlier one, or extends it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import model_validator

from dfu_clustering.files.summary import Summary, read_summary, write_summary
from dfu_clustering.runs.folder import RunFile, RunFolder

SALES_FOLDER: Final = "sales"  # of a backfill, beside its months
_NAME: Final = re.compile(r"backfill (\w+) (\d{4}-\d{2})")


class Backfill(Summary):
    """A backfill that is finished.

    Attributes:
        id: Its name.
        months: Those that are read from it, the oldest first.
        config_digest: Of the settings that can change a result.
    """

    id: str
    months: list[str]
    config_digest: str


class Succession(Summary):
    """What became of the months of earlier backfills when a new one was finished, by the id of the earlier one.

    Attributes:
        kept: Months that only the earlier one holds, with the same settings.
        replaced: Months that the new one holds too, and that are read from it now.
        dropped: Months that only the earlier one holds, but with other settings; nobody reads them any more.
    """

    kept: dict[str, list[str]]
    replaced: dict[str, list[str]]
    dropped: dict[str, list[str]]

    def lines(self) -> list[str]:
        """Return it in words."""
        said = (
            ("extends backfill {id}, whose months stay", self.kept),
            ("replaces months of backfill {id}", self.replaced),
            ("other settings than backfill {id}, whose other months are no longer read", self.dropped),
        )
        return [
            f"{text.format(id=of)}: {months[0]} to {months[-1]} ({len(months)})"
            for text, by_id in said
            for of, months in by_id.items()
        ]


class BackfillIndex(Summary):
    """The backfills that count, the newest first; no month is in two of them."""

    backfills: list[Backfill]

    @model_validator(mode="before")
    @classmethod
    def _of_one(cls, values: Any) -> Any:  # noqa: ANN401
        """Read the index of a version that knew one backfill alone."""
        return {"backfills": [values]} if isinstance(values, Mapping) and "backfills" not in values else values

    def holder_of(self, month: str) -> Backfill | None:
        """Return the backfill that a month is read from."""
        return next((one for one in self.backfills if month in one.months), None)

    def by_month(self) -> dict[str, Backfill]:
        """Return the backfill of each month, the oldest first."""
        return dict(sorted((month, one) for one in self.backfills for month in one.months))

    def followed_by(self, new: Backfill) -> tuple["BackfillIndex", Succession]:
        """Return the index once a new backfill is finished, and what became of the others."""
        kept: list[Backfill] = []
        said = Succession(kept={}, replaced={}, dropped={})
        for one in (other for other in self.backfills if other.id != new.id):
            both = [month for month in one.months if month in new.months]
            alone = [month for month in one.months if month not in new.months]
            same_settings = one.config_digest == new.config_digest
            if both:
                said.replaced[one.id] = both
            if alone:
                (said.kept if same_settings else said.dropped)[one.id] = alone
            if alone and same_settings:
                kept.append(one.model_copy(update={"months": alone}))
        return BackfillIndex(backfills=[new, *kept]), said


def history_folder(var: Path) -> Path:
    """Return the folder of all backfills."""
    return var / "history"


def backfill_folder(var: Path, backfill_id: str) -> Path:
    """Return the folder of a backfill, which holds one folder a month."""
    return history_folder(var) / backfill_id


def places_of_month(folder: Path) -> dict[RunFile, Path]:
    """Return what lies elsewhere in a month than in a run: labels are parquet, and no table is written twice."""
    return {RunFile.LABELS: folder / "cluster_labels.parquet", RunFile.LEFT_OUT: folder / RunFile.EXCLUDED}


@dataclass(frozen=True)
class BackfilledMonth(RunFolder):
    """The files of a month of a backfill."""

    @classmethod
    def in_folder(cls, folder: Path) -> "BackfilledMonth":
        """Return the month that lies in a folder."""
        return cls(folder, places_of_month(folder))

    @property
    def name(self) -> str:
        """Return backfill and month, as find_backfilled_month() knows them."""
        return f"backfill {self.folder.parent.name} {self.folder.name}"


def backfilled_month(var: Path, backfill: Backfill, month: str) -> BackfilledMonth:
    """Return the files of a month."""
    return BackfilledMonth.in_folder(backfill_folder(var, backfill.id) / month)


def newest_backfilled_month(var: Path, as_of_month: str) -> BackfilledMonth | None:
    """Return the newest month up to another that a backfill holds; None where there is none."""
    found = [(month, one) for month, one in read_index(var).by_month().items() if month <= as_of_month]
    return backfilled_month(var, found[-1][1], found[-1][0]) if found else None


def find_backfilled_month(var: Path, name: str) -> BackfilledMonth | None:
    """Return the month that a name means; None where it is no name of one."""
    match = _NAME.fullmatch(name)
    return BackfilledMonth.in_folder(backfill_folder(var, match[1]) / match[2]) if match else None


def read_index(var: Path) -> BackfillIndex:
    """Return the backfills that count; none where none was finished."""
    path = index_path(var)
    return read_summary(BackfillIndex, path) if path.exists() else BackfillIndex(backfills=[])


def write_index(var: Path, index: BackfillIndex) -> None:
    """Write which backfills count."""
    write_summary(index, index_path(var))


def index_path(var: Path) -> Path:
    """Return the path of the file that says which backfills count."""
    return history_folder(var) / "backfill.json"
