"""Where the labels and features of each month are: in the newest run that published it, else in a backfill."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.history.backfills import backfilled_month, read_index
from dfu_clustering.months import parse_month
from dfu_clustering.overrides.override import Override
from dfu_clustering.overrides.register import Overrides
from dfu_clustering.runs.archive import EarlierRuns
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.label_history import HISTORY_COLUMNS, with_overrides
from dfu_clustering.runs.ledger import Ledger

AsOf = str | tuple[str, str] | list[str] | None


@dataclass(frozen=True)
class MonthSource:
    """Where the labels of one month are.

    Attributes:
        name: Of the run that published them, or of the backfill.
        files: Its files, with the labels of the machine.
        overrides: That are on top of them: those of the publish; of a backfilled month those that counted in it.
    """

    name: str
    files: RunFolder
    overrides: tuple[Override, ...] = ()

    def labels(self) -> pd.DataFrame:
        """Return HISTORY_COLUMNS of every DFU that had a label, and machine_label, missing where it had none.

        Raises:
            DataError: The files are gone or unreadable.
        """
        history = self.files.table(RunFile.LABEL_HISTORY)[list(HISTORY_COLUMNS)]
        return with_overrides(history, self.overrides)


def month_sources(var: Path) -> dict[str, MonthSource]:
    """Return where the labels of each month are; a publish comes before a backfill, a newer publish before an older."""
    return {**_backfilled(var), **_published(var)}


def source_of(var: Path, month: str) -> MonthSource:
    """Return where the labels of a month are.

    Raises:
        DataError: It was neither published nor backfilled.
    """
    sources = month_sources(var)
    return sources[wanted_months(month, sources)[0]]


def _published(var: Path) -> dict[str, MonthSource]:
    earlier = EarlierRuns.in_folder(var, load_config().tracking)
    newest = {line.as_of_month: line for line in Ledger(var / "runs").publications()}
    overrides = Overrides(var / "runs").all()
    return {
        month: MonthSource(
            line.run, earlier.named(line.run), tuple(one for one in overrides if one.id in line.overrides)
        )
        for month, line in newest.items()
    }


def _backfilled(var: Path) -> dict[str, MonthSource]:
    overrides = Overrides(var / "runs").all()
    return {
        month: MonthSource(
            f"backfill {backfill.id}",
            backfilled_month(var, backfill, month),
            tuple(override for override in overrides if override.held_in(month)),
        )
        for month, backfill in read_index(var).by_month().items()
    }


def wanted_months(as_of: AsOf, sources: Mapping[str, MonthSource]) -> list[str]:
    """Return the months that were asked for, the oldest first.

    Raises:
        DataError: One was neither published nor backfilled, or there is none at all.
    """
    wanted = sorted(sources) if as_of is None else list(_listed(as_of))
    missing = [month for month in wanted if month not in sources]
    if missing or not wanted:
        known = sorted(sources)
        raise DataError(
            "Labels as of a month must have been published or backfilled",
            found=f"none for these months; there are {', '.join(known) or 'none at all'}",
            keys=missing,
            remedy="run the flow backfill-history, or scripts/backfill_history.py, over these months",
        )
    return wanted


def _listed(as_of: str | tuple[str, str] | list[str]) -> Iterator[str]:
    if isinstance(as_of, str):
        yield str(parse_month(as_of))
    elif isinstance(as_of, tuple):
        first, last = map(parse_month, as_of)
        yield from (str(month) for month in np.arange(first, last + 1))
    else:
        yield from sorted({str(parse_month(month)) for month in as_of})
