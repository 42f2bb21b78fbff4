"""What was known of every DFU at each month: for a forecaster that must not train on tomorrow's labels.

    labels = history.load(as_of=("2025-09", "2026-08"), features=["mean_demand"])
    rows = sales.merge(labels, how="left", on=["dfu_ck", "as_of_month"])

A month that was published comes from the newest run that published it, any other from the newest backfill
(docs/history.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import Summary, read_summary
from dfu_clustering.files.tables import require_columns
from dfu_clustering.months import parse_month
from dfu_clustering.runs.archive import EarlierRuns
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.label_history import HISTORY_COLUMNS
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.run import var_folder


class BackfillIndex(Summary):
    """Which backfill counts, and the months that it holds."""

    id: str
    months: list[str]
    config_digest: str


@dataclass(frozen=True)
class MonthSource:
    """Where the labels of one month are: the name of the run that published them or of a backfill, and its files."""

    name: str
    files: RunFolder


def load(
    as_of: str | tuple[str, str] | list[str] | None = None,
    *,
    features: Sequence[str] = (),
    var: Path | None = None,
) -> pd.DataFrame:
    """Return the labels, and features if asked for, that were known as of the months.

    Args:
        as_of: A month, ``"2026-08"``; first and last of a range, as a tuple; a list of months; None: every month
            that there is.
        features: Columns of the feature matrix.
        var: The folder of runs and backfills; default: DFU_CLUSTERING_VAR.

    Returns:
        dfu_ck, as_of_month, label, distance, margin, run (of a publish, or the backfill), then the features; months
        ascending, then keys. A DFU without a row had no label as of that month.

    Raises:
        DataError: A wanted month was neither published nor backfilled, or its files are gone.
        TrackingUnavailableError: A run's folder is gone, and MLflow does not answer.
    """
    sources = month_sources(var or var_folder())
    frames = [_month(sources[month], features) for month in _wanted(as_of, sources)]
    return pd.concat(frames, ignore_index=True)


def months(*, var: Path | None = None) -> list[str]:
    """Return the months that load() knows, the oldest first."""
    return sorted(month_sources(var or var_folder()))


def month_sources(var: Path) -> dict[str, MonthSource]:
    """Return where the labels of each month are; a publish comes before a backfill, a newer publish before an older."""
    return {**_backfilled(var), **_published(var)}


def backfill_index(var: Path) -> Path:
    """Return the path of the file that says which backfill counts."""
    return var / "history" / "backfill.json"


def _published(var: Path) -> dict[str, MonthSource]:
    earlier = EarlierRuns.in_folder(var, load_config().tracking)
    runs = {line.as_of_month: earlier.named(line.run) for line in Ledger(var / "runs").publications()}
    return {month: MonthSource(run.name, run) for month, run in runs.items()}


def _backfilled(var: Path) -> dict[str, MonthSource]:
    index = backfill_index(var)
    if not index.exists():
        return {}
    newest = read_summary(BackfillIndex, index)
    folder, name = index.parent / newest.id, f"backfill {newest.id}"
    return {month: MonthSource(name, RunFolder(folder / month)) for month in newest.months}


def _wanted(as_of: str | tuple[str, str] | list[str] | None, sources: Mapping[str, MonthSource]) -> list[str]:
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


def _month(source: MonthSource, features: Sequence[str]) -> pd.DataFrame:
    frame = source.files.table(RunFile.LABEL_HISTORY)[list(HISTORY_COLUMNS)]
    frame = frame.assign(run=pd.Series(source.name, index=frame.index, dtype="str"))
    if not features:
        return frame
    matrix = source.files.table(RunFile.MATRIX, ["dfu_ck", *features])
    require_columns(matrix, features, rule="Features must be columns of the feature matrix", remedy="name others")
    return frame.merge(matrix, how="left", on="dfu_ck", validate="one_to_one")
