"""The training table of a forecaster: one row a DFU and as-of month with what was known then, a file a month.

features/2026-08.parquet   a row a DFU that had sold: features, segment, seasonal indices, scale
targets/2026-08.parquet    a row a DFU and horizon: the target month and its seasonal index
demand/2026-08.parquet     a row a DFU that had sold: what it sold in that month, which is what is to be forecast
table.json                 the segments that there are, and what the tables were made of
"""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from dfu_clustering.config.clustering import HistorySettings
from dfu_clustering.errors import DataError
from dfu_clustering.features.histories import INSUFFICIENT_HISTORY, NO_DEMAND_IN_WINDOW
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES
from dfu_clustering.features.panel import Panel
from dfu_clustering.features.unclustered import features_of_unclustered
from dfu_clustering.files.summary import Summary, write_summary
from dfu_clustering.files.tables import write_table
from dfu_clustering.forecast_value.seasonal_index import shrunk_index
from dfu_clustering.history.backfills import SALES_FOLDER, backfill_folder, read_index
from dfu_clustering.history.loading import segment_numbers
from dfu_clustering.history.one_meaning import OneMeaning
from dfu_clustering.history.point_in_time import Demand, index_columns, target_rows
from dfu_clustering.history.sources import AsOf, MonthSource, month_sources, source_of, wanted_months
from dfu_clustering.history.stored_sales import stored_parts, whole_panel
from dfu_clustering.months import parse_month
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.run import var_folder

HORIZONS: Final = 6
_KINDS: Final = ("features", "targets", "demand")
_NO_SEGMENT: Final = -1  # the group of DFUs without one


class TrainingTable(Summary):
    """What was written.

    Attributes:
        folder: Where.
        months: As-of months, the oldest first.
        segments_of: The month whose segments are applied.
        segments: Label of each number that segment_applied can have, also where no DFU has it: a model's categories.
        label_set_digest: Of these labels; the same as long as they are.
        horizons: Months ahead, 1 to this.
        last_known_month: The newest month with demand.
    """

    folder: str
    months: list[str]
    segments_of: str
    segments: dict[int, str]
    label_set_digest: str
    horizons: int
    last_known_month: str


def training_table(
    folder: Path | str,
    *,
    segments_of: str,
    as_of: AsOf = None,
    horizons: int = HORIZONS,
    var: Path | None = None,
) -> TrainingTable:
    """Write what a forecaster trains and predicts on, a file a month, from what runs and backfills have stored.

    Args:
        folder: Where features/, targets/, demand/ and table.json go; months that an earlier call left are removed.
        segments_of: The month whose segments every row has: today's for a forecast, the cutoff of a backtest.
        as_of: The as-of months, as of load(); None: every month that was published or backfilled.
        horizons: Months ahead.
        var: The folder of runs and backfills; default: DFU_CLUSTERING_VAR.

    Raises:
        DataError: A month was neither published nor backfilled, or no backfill has read the sales up to it.
        TrackingUnavailableError: A run's folder is gone, and MLflow does not answer.
    """
    var, folder = var or var_folder(), Path(folder)
    sources = month_sources(var)
    months = wanted_months(as_of, sources)
    meaning = OneMeaning.of(source_of(var, segments_of))
    demand = Demand.of(_panel(var, months[-1]))
    _remove_months(folder)
    for month in months:
        features, targets = _rows(sources[month], month, meaning, demand, horizons)
        write_table(features, folder / "features" / f"{month}.parquet", floats_repeat=False)
        write_table(targets, folder / "targets" / f"{month}.parquet", floats_repeat=False)
    for later in demand.panel.months[demand.panel.months > parse_month(months[0])]:
        write_table(demand.sold_in(later), folder / "demand" / f"{later}.parquet")
    numbers = meaning.numbers(segments_of)
    table = TrainingTable(
        folder=str(folder),
        months=months,
        segments_of=segments_of,
        segments=numbers.segments,
        label_set_digest=numbers.label_set_digest,
        horizons=horizons,
        last_known_month=str(demand.panel.as_of_month),
    )
    write_summary(table, folder / "table.json")
    return table


def _remove_months(folder: Path) -> None:
    """Remove what an earlier call left: a reader of the folder would take it for a part of this table."""
    (folder / "table.json").unlink(missing_ok=True)
    for kind in _KINDS:
        for path in (folder / kind).glob("????-??.parquet"):
            path.unlink()


def _panel(var: Path, last: str) -> Panel:
    """Return the demand of the backfill that has read the newest sales."""
    for backfill in sorted(read_index(var).backfills, key=lambda one: one.months[-1], reverse=True):
        sales = backfill_folder(var, backfill.id) / SALES_FOLDER
        if stored_parts(sales):
            panel = whole_panel(sales)
            if panel.as_of_month >= parse_month(last):
                return panel
    raise DataError(
        "A backfill must have read the sales up to the newest as-of month",
        found=f"none up to {last}",
        remedy="run the flow backfill-history, or scripts/backfill_history.py --months 1, which extends what there is",
    )


def _rows(
    source: MonthSource, month: str, meaning: OneMeaning, demand: Demand, horizons: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the features and the targets of all DFUs that had sold as of a month and are known today."""
    features = _features(source, month, demand)
    rows = demand.rows_of(features["dfu_ck"])
    features, rows = features[rows >= 0].reset_index(drop=True), rows[rows >= 0]
    named = _segments(source, meaning, features)
    group = named["segment_applied"].fillna(_NO_SEGMENT).to_numpy(np.int64)
    own = demand.seasonal_indices(rows, parse_month(month))
    index = shrunk_index(own, group)
    columns = {**index_columns(own, index), "scale": demand.scales(rows, parse_month(month))}
    table = pd.concat([named, features.drop(columns="dfu_ck"), pd.DataFrame(columns)], axis="columns")
    targets = target_rows(features["dfu_ck"].to_numpy(), index, parse_month(month), horizons)
    return table, targets


def _features(source: MonthSource, month: str, demand: Demand) -> pd.DataFrame:
    """Return the features of the clustered DFUs as the month stored them, and those of new and inactive ones."""
    names = ["dfu_ck", *(feature.name for feature in TIME_SERIES_FEATURES)]
    matrix, left_out = source.files.table(RunFile.MATRIX, names), source.files.table(RunFile.EXCLUDED)
    summary = source.files.features()
    settings = HistorySettings.model_validate({name: getattr(summary, name) for name in HistorySettings.model_fields})
    sold = left_out.loc[left_out["reason"].isin([INSUFFICIENT_HISTORY, NO_DEMAND_IN_WINDOW]), "dfu_ck"]
    others = features_of_unclustered(demand.panel.as_of(parse_month(month)), sold.to_numpy(dtype=object), settings)
    both = pd.concat([matrix[names], others[names]]) if len(others) else matrix[names]
    return both.sort_values("dfu_ck", ignore_index=True)


def _segments(source: MonthSource, meaning: OneMeaning, features: pd.DataFrame) -> pd.DataFrame:
    """Return key, month, applied segment and published label of the rows."""
    published = source.labels()
    applied = meaning.applied_to(source).rename(columns={"segment": "segment_applied", "label": "label_applied"})
    rows = features[["dfu_ck"]].merge(applied, how="left", on="dfu_ck", validate="one_to_one")
    rows = rows.merge(published[["dfu_ck", "label"]], how="left", on="dfu_ck", validate="one_to_one")
    rows = rows.rename(columns={"label": "label_published"})
    rows = rows.assign(
        as_of_month=published["as_of_month"].iloc[0],
        segment_published=segment_numbers(rows["label_published"]),
        run=source.name,
    ).astype({"as_of_month": "str", "run": "str"})
    names = ["segment_applied", "label_applied", "segment_published", "label_published", "distance", "margin"]
    return rows[["dfu_ck", "as_of_month", "run", *names]]
