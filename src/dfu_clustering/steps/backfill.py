"""Labels and features as of past months, computed from the sales up to each and published nowhere."""

import logging
import re
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import DEFAULTS_PATH, load_config
from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import Summary, read_summary, write_summary
from dfu_clustering.months import parse_month
from dfu_clustering.runs.history import BackfillIndex, backfill_index
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.build_features import build_features
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.train_model import train_model
from dfu_clustering.warehouse.snapshot import sales_span

logger = logging.getLogger(__name__)

_ID = re.compile(r"[0-9a-f]{12}")
_PLAN = "plan.json"


class BackfillPlan(Summary):
    """What a backfill is to compute; written down before its first month.

    Attributes:
        months: Its months, the oldest first.
        too_early: Months that were asked for, but for which there is not enough history yet.
        settings: Those that can change a result.
    """

    months: list[str]
    too_early: list[str]
    settings: dict[str, Any]

    def chain(self) -> list[tuple[str | None, str]]:
        """Return each month with the one that it continues; None before the first."""
        return list(zip([None, *self.months], self.months, strict=False))


class MonthSummary(Summary):
    """One month of a backfill."""

    as_of_month: str
    clustered: int
    k: int
    labels: dict[str, int]


class BackfillSummary(Summary):
    """A backfill that is finished; history.load() finds it."""

    id: str
    months: list[MonthSummary]
    too_early: list[str]
    folder: str


def require_begun(var: Path, backfill_id: str) -> str:
    """Return the id of a backfill that is to be resumed.

    Raises:
        DataError: None was begun with it.
    """
    if _ID.fullmatch(backfill_id) and (backfill_folder(var, backfill_id) / _PLAN).is_file():
        return backfill_id
    raise DataError(
        "A backfill must be resumed by the id that it printed when it began",
        found=f"no backfill {backfill_id!r} in {var / 'history'}",
        remedy="give the 12 hex digits of its id, or begin a new one",
    )


def open_backfill(
    config: ClusteringConfig, engine: Engine, folder: Path, *, months: int, as_of_month: str | None
) -> BackfillPlan:
    """Return the plan with which a backfill was begun in a folder; where none was, make and write one.

    Raises:
        DataError: It was begun with other settings, or with unknown ones, or no month can be planned.
    """
    path = folder / _PLAN
    if path.exists():
        plan = read_summary(BackfillPlan, path)
        _require_same_settings(config, plan)
        return plan
    _require_no_months(folder)
    plan = plan_backfill(config, engine, months=months, as_of_month=as_of_month)
    write_summary(plan, path)
    return plan


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


def plan_backfill(config: ClusteringConfig, engine: Engine, *, months: int, as_of_month: str | None) -> BackfillPlan:
    """Return the last months up to as_of_month, by default the newest with sales.

    Raises:
        DataError: There are no sales, none for that month, or not one of the months has enough history.
    """
    span = sales_span(engine)
    last = span.as_of(parse_month(as_of_month) if as_of_month else None)
    wanted = [last - back for back in range(months - 1, -1, -1)]
    first = span.first_month + config.min_months_history - 1
    plan = BackfillPlan(
        months=[str(month) for month in wanted if month >= first],
        too_early=[str(month) for month in wanted if month < first],
        settings=config.of_the_result(),
    )
    if not plan.months:
        raise DataError(
            f"A backfill must have at least {config.min_months_history} months of sales up to its newest month",
            found=f"sales from {span.first_month} on, for labels as of {last}",
            remedy="choose a later month, or a smaller min_months_history",
        )
    return plan


def backfill_month(
    config: ClusteringConfig, engine: Engine, folder: Path, as_of_month: str, before: str | None = None
) -> MonthSummary:
    """Compute labels and features as of a month from the sales up to it, in a folder; steps that are done stay done.

    Args:
        config: The settings.
        engine: The warehouse; only read.
        folder: Of the backfill.
        as_of_month: ``2026-10``.
        before: The month of the backfill whose clusters and labels this one continues; None: it is the first.

    Raises:
        DataError: The sales of that time cannot be clustered.
    """
    run = Run(folder / as_of_month, as_of_month=as_of_month)
    published = PublishedFiles.in_folder(folder / before) if before else None
    features = build_features(run, config, engine, as_of_month=as_of_month)
    training = train_model(run, config, published)
    labels = label_segments(run, config, published)
    return MonthSummary(
        as_of_month=as_of_month,
        clustered=features.clustered,
        k=training.k,
        labels=labels.sizes(),
    )


def finish_backfill(
    config: ClusteringConfig, var: Path, backfill_id: str, plan: BackfillPlan, months: list[MonthSummary]
) -> BackfillSummary:
    """Make a backfill the one that history.load() reads, once all its months are there."""
    index = BackfillIndex(id=backfill_id, months=plan.months, config_digest=config.digest())
    write_summary(index, backfill_index(var))
    logger.info("backfill id=%s months=%d too_early=%d", backfill_id, len(plan.months), len(plan.too_early))
    folder = str(backfill_folder(var, backfill_id))
    return BackfillSummary(id=backfill_id, months=months, too_early=plan.too_early, folder=folder)


def backfill_folder(var: Path, backfill_id: str) -> Path:
    """Return the folder of a backfill, which holds one folder a month."""
    return backfill_index(var).parent / backfill_id
