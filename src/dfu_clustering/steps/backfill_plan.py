"""Which months a backfill computes, from sales that it reads once and keeps."""

import logging
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from sqlalchemy import Engine

from dfu_clustering.arrays import Flags
from dfu_clustering.config.clustering import ClusteringConfig, HistorySettings
from dfu_clustering.config.loading import DEFAULTS_PATH, load_config
from dfu_clustering.errors import DataError
from dfu_clustering.features.panel import Panel
from dfu_clustering.files.summary import Summary, read_summary, write_summary
from dfu_clustering.history.backfills import SALES_FOLDER, backfilled_month, read_index
from dfu_clustering.history.stored_sales import StoredSales, part_folder, stored_parts
from dfu_clustering.months import Month
from dfu_clustering.runs.published_files import LEAST_SHARED, PublishedFiles
from dfu_clustering.steps.build_features import require_own_names
from dfu_clustering.steps.sales_source import read_source
from dfu_clustering.warehouse.connect import names_of
from dfu_clustering.warehouse.snapshot import Part, snapshot

logger = logging.getLogger(__name__)

MOST_MONTHS: Final = 240
Months = int | Literal["all"]

_ID = re.compile(r"[0-9a-f]{12}")
_PLAN = "plan.json"


class ContinuedMonth(Summary):
    """The month of an earlier backfill that the first month of another continues."""

    id: str
    month: str


class BackfillPlan(Summary):
    """What a backfill is to compute; written down before its first month.

    Attributes:
        months: Its months, the oldest first.
        too_early: Months that were asked for, but as of which no DFU had enough history.
        before_first_sale: Months that were asked for, but lie before the first sale of any DFU.
        continues: What its first month continues; None: its labels are made from scratch.
        settings: Those that can change a result.
    """

    months: list[str]
    too_early: list[str]
    before_first_sale: list[str] = Field(default_factory=list)
    continues: ContinuedMonth | None = None
    settings: dict[str, Any]

    def chain(self, folder: Path) -> list[tuple[Path | None, str]]:
        """Return each month with the folder of the one that it continues; None: it continues none."""
        first = folder.parent / self.continues.id / self.continues.month if self.continues else None
        befores = [first, *(folder / month for month in self.months)]
        return list(zip(befores, self.months, strict=False))


def require_begun(history: Path, backfill_id: str) -> str:
    """Return the id of a backfill that is to be resumed.

    Args:
        history: The folder of all backfills.
        backfill_id: What a person gave.

    Raises:
        DataError: None was begun with it.
    """
    if _ID.fullmatch(backfill_id) and (history / backfill_id / _PLAN).is_file():
        return backfill_id
    raise DataError(
        "A backfill must be resumed by the id that it printed when it began",
        found=f"no backfill {backfill_id!r} in {history}",
        remedy="give the 12 hex digits of its id, or begin a new one",
    )


def open_backfill(
    config: ClusteringConfig, engine: Engine, folder: Path, *, months: Months, as_of_month: str | None
) -> BackfillPlan:
    """Return the plan with which a backfill was begun in a folder; where none was, read the sales and make one.

    Args:
        config: The settings.
        engine: The warehouse; only read, and only where the backfill begins.
        folder: Of the backfill.
        months: How many, the newest included; all: every month as of which labels are possible.
        as_of_month: The newest of them; None: the newest month with sales.

    Raises:
        DataError: It was begun with other settings, or with unknown ones, or no month can be planned.
    """
    path = folder / _PLAN
    if path.exists():
        plan = read_summary(BackfillPlan, path)
        _require_same_settings(config, plan)
        return plan
    _require_no_months(folder)
    _store_sales(config, engine, folder / SALES_FOLDER, as_of_month=as_of_month)
    plan = plan_backfill(config, folder, months=months)
    write_summary(plan, path)
    return plan


def plan_backfill(config: ClusteringConfig, folder: Path, *, months: Months) -> BackfillPlan:
    """Return the last months as of which the stored sales can be clustered.

    Raises:
        DataError: There is none.
    """
    possible = _Possible.of((part.panel() for part in stored_parts(folder / SALES_FOLDER)), config)
    wanted = possible.wanted(months)
    chosen = [month for month in wanted if month in possible.months]
    if not chosen:
        raise DataError(
            f"A backfill must have at least {config.min_months_history} months of sales up to its newest month",
            found=f"first sales in {possible.first_sale or 'no month'}, for labels as of {possible.last}",
            remedy="choose a later month, or a smaller min_months_history",
        )
    left_out = [month for month in wanted if month not in possible.months]
    first_sale = possible.first_sale or possible.last
    return BackfillPlan(
        months=[str(month) for month in chosen],
        too_early=[str(month) for month in left_out if month >= first_sale],
        before_first_sale=[str(month) for month in left_out if month < first_sale],
        continues=_continued(config, folder, chosen[0]),
        settings=config.of_the_result(),
    )


@dataclass(frozen=True)
class _Possible:
    """As of which months the DFUs can be clustered.

    Attributes:
        first: The first month of the grid.
        last: The newest month.
        first_sale: The first month with demand; None: there is none.
        months: Those as of which at least one DFU can be clustered.
    """

    first: Month
    last: Month
    first_sale: Month | None
    months: frozenset[Month]

    @classmethod
    def of(cls, panels: Iterable[Panel], settings: HistorySettings) -> "_Possible":
        """Look at the panels of all parts of the DFUs, one after another."""
        months = np.empty(0, dtype="datetime64[M]")
        enough = sold = np.zeros(1, dtype=np.bool_)
        for panel in panels:
            months = panel.months
            enough = enough | _clusterable(panel, settings)
            sold = sold | (panel.demand > 0).any(axis=0)
        first_sale = months[sold.argmax()] if sold.any() else None
        return cls(months[0], months[-1], first_sale, frozenset(months[enough]))

    def wanted(self, months: Months) -> list[Month]:
        """Return the last months up to the newest; all: since the first of the grid."""
        n_months = int((self.last - self.first).astype(int)) + 1 if months == "all" else months
        return [self.last - back for back in range(n_months - 1, -1, -1)]


def _clusterable(panel: Panel, settings: HistorySettings) -> Flags:
    """Return the (n_months,) flags of the months as of which a DFU has enough history, and demand in the window."""
    by_month = panel.demand.T
    first, newest = (
        np.full(by_month.shape[1], place) for place in (len(by_month), -1)
    )  # sales; no history: never sold
    possible = np.zeros(len(by_month), dtype=np.bool_)
    for month, demand in enumerate(by_month):
        sold = demand > 0
        newest[sold] = month
        first[sold & (first > month)] = month
        window = month + 1 if settings.time_window_months == "all" else int(settings.time_window_months)
        demanded = newest > month - window
        possible[month] = (demanded & (month - first + 1 >= settings.min_months_history)).any()
    return possible


def _store_sales(config: ClusteringConfig, engine: Engine, folder: Path, *, as_of_month: str | None) -> None:
    """Read the sales once, up to the newest month that is wanted, in one snapshot; in parts where so configured."""
    names = names_of(engine)
    require_own_names(names)
    shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was cut off, perhaps in other parts
    with snapshot(engine) as shared:
        span, shared_name = shared.sales_span(), shared.export()
        for number in range(config.scale.partitions):
            part = Part(number, config.scale.partitions)
            with snapshot(engine, part=part, same_as=shared_name) as source:
                read = read_source(source, names, as_of_month=as_of_month, part=part, span=span)
            StoredSales(part_folder(folder, number)).write(read.panel, read.attributes(names))
            logger.info("backfill read part=%d of=%d rows=%d", number, part.of, read.panel.facts.rows)


def _continued(config: ClusteringConfig, folder: Path, first: Month) -> ContinuedMonth | None:
    """Return the month before the first where an earlier backfill holds it, with the same settings and DFUs."""
    var, before = folder.parents[1], str(first - 1)
    holder = read_index(var).holder_of(before)
    if holder is None or holder.id == folder.name or holder.config_digest != config.digest():
        return None
    month = PublishedFiles(backfilled_month(var, holder, before))
    known = [part.attributes()["dfu_ck"] for part in stored_parts(folder / SALES_FOLDER)]
    shared = month.shared_share(pd.concat(known))
    if shared < LEAST_SHARED:
        logger.warning("backfill starts from scratch: only %.0f%% of the DFUs of %s are there", 100 * shared, holder.id)
        return None
    return ContinuedMonth(id=holder.id, month=before)


def _require_same_settings(config: ClusteringConfig, plan: BackfillPlan) -> None:
    # a section that the version of then did not know: it did what is now the default
    then = load_config(DEFAULTS_PATH).of_the_result() | plan.settings
    other = [name for name, value in config.of_the_result().items() if value != then[name]]
    if other:
        raise DataError(
            "A backfill must be resumed with the settings that it began with",
            found="other values",
            keys=other,
            remedy="use the configuration that it began with, or begin a new backfill",
        )


def _require_no_months(folder: Path) -> None:
    """Check that no month lies there without a plan: with which settings it was computed is not known."""
    months = sorted(path.name for path in folder.glob("*-*/"))
    if months:
        raise DataError(
            f"A backfill must be resumed with the {_PLAN} that it began with",
            found=f"months without one in {folder}",
            keys=months,
            remedy="begin a new backfill",
        )
