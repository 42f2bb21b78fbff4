"""Step 1: sales in the warehouse become one row of features a DFU."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet
from sqlalchemy import Engine

from dfu_clustering.config.clustering import HistorySettings, RunSettings
from dfu_clustering.config.warehouse_names import WarehouseNames
from dfu_clustering.errors import ConfigError, DataError
from dfu_clustering.features.dfu_keys import keys_digest
from dfu_clustering.features.histories import NOT_IN_DIM_DFU, Exclusions, Histories, select_histories, window_of
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES, time_series_features
from dfu_clustering.features.panel import Panel
from dfu_clustering.files.keys import places_of
from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import parquet_columns, write_table
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.manifest import BUILD_FEATURES, once
from dfu_clustering.runs.run import code_version
from dfu_clustering.runs.summaries import FeatureSummary
from dfu_clustering.steps.sales_reading import SalesReading
from dfu_clustering.steps.sales_source import CutSales, SalesRead
from dfu_clustering.warehouse.connect import names_of
from dfu_clustering.warehouse.snapshot import WHOLE, Part

logger = logging.getLogger(__name__)

_PICTURED_MONTHS = 60  # of demand kept beside the features, so that pictures can show it
_KEYS_KEPT = 5
_LEFT_OUT: Final = {"dfu_ck": "str", "reason": "str", "mean_demand": "float64"}  # an empty CSV has no types
_ODDITIES = ("null_qty_rows", "negative_qty_rows", "duplicate_rows", "clipped_months")
_COUNTS = ("n_dfus", "clustered", "sales_rows", *_ODDITIES)


@once(BUILD_FEATURES)
def build_features(
    files: RunFolder,
    config: RunSettings,
    engine: Engine,
    *,
    as_of_month: str | None = None,
    part: Part = WHOLE,
    reading: SalesReading | None = None,
) -> FeatureSummary:
    """Read the warehouse as of a month and write the feature matrix and the files beside it.

    Args:
        files: Where the matrix, .csv or .parquet, and what belongs to it are written.
        config: History, window.
        engine: The warehouse; only read.
        as_of_month: ``2026-10``; default: the newest month with sales. Without meaning beside a reading.
        part: DFUs to read; a part without any that can be clustered writes neither matrix nor panel.
        reading: Of the sales, as the gate and all parts read them; None: one of its own.

    Raises:
        SnapshotGoneError: That snapshot is not open any more, or a table was emptied.
        ConfigError: An attribute is called like a feature.
        WarehouseError: A table or column is missing.
        DataError: There are no sales, no demand in the window, or as_of_month is outside the sales.
    """
    names = names_of(engine)
    require_own_names(names)
    read = (reading or SalesReading(None, as_of_month)).part(engine, part)
    return write_features(files, config, read, names, may_be_empty=part != WHOLE)


def write_features(
    files: RunFolder,
    config: RunSettings,
    read: SalesRead | CutSales,
    names: WarehouseNames,
    *,
    may_be_empty: bool = False,
    pictured: bool = True,
) -> FeatureSummary:
    """Write the feature matrix of sales that were read, and the files beside it.

    Args:
        files: Where they are written.
        config: History, window.
        read: The sales, items and DFUs.
        names: The attributes that are columns of the matrix.
        may_be_empty: Whether no DFU that can be clustered is a legitimate result; then there is no matrix.
        pictured: Whether to keep the demand beside the features, so that pictures can show it.

    Raises:
        DataError: There is no demand in the window, or no history that is long enough.
    """
    panel = read.panel
    histories, exclusions = select_histories(
        panel,
        window_months=config.time_window_months,
        season_window_months=config.season_window_months,
        min_months_history=config.min_months_history,
        may_be_empty=may_be_empty,
    )
    summary = _summary(config, panel, histories, exclusions)
    _report(panel, summary, names.tables.dfu)
    if summary.clustered:
        if pictured:  # before there are features: then both are never in memory
            write_table(_pictured_demand(panel, histories), files.path(RunFile.PANEL))
        features = read.with_attributes(time_series_features(histories), names)
        write_table(features, files.path(RunFile.MATRIX), floats_repeat=False)
    write_table(_left_out(exclusions), files.path(RunFile.EXCLUDED))
    if isinstance(read, SalesRead):
        write_table(read.keys(), files.path(RunFile.DFUS))
    write_summary(summary, files.path(RunFile.FEATURES))
    return summary


def require_own_names(names: WarehouseNames) -> None:
    """Check that no attribute is called like a feature.

    Raises:
        ConfigError: One is.
    """
    attributes = {attribute.name for attribute in names.in_the_matrix()}
    taken = sorted({"dfu_ck", *(feature.name for feature in TIME_SERIES_FEATURES)} & attributes)
    if taken:
        raise ConfigError(
            "Attributes must have names that differ from the features",
            found="attributes with the name of another column of the feature matrix",
            keys=taken,
            remedy="give them another name in warehouse.attributes; its key column keeps the name in the warehouse",
        )


def join_parts(files: RunFolder, config: HistorySettings, *, parts: Sequence[RunFolder]) -> FeatureSummary:
    """Join what build_features() wrote for every part of the DFUs; the files are those of a single call, byte for byte.

    Args:
        files: Where the whole is written.
        config: History.
        parts: The parts; one without a DFU that can be clustered has no matrix.

    Raises:
        DataError: No part holds a DFU that can be clustered.
    """
    summary = _joined_summary(config, [part.features() for part in parts])
    matrix = _in_key_order(parts, RunFile.MATRIX)
    summary = summary.model_copy(update={"keys_digest": keys_digest(matrix.column("dfu_ck"))})
    write_table(matrix, files.path(RunFile.MATRIX), floats_repeat=False)
    for file in (RunFile.PANEL, RunFile.DFUS):  # a month of a backfill keeps neither
        if any(part.find(file) for part in parts):
            write_table(_in_key_order(parts, file), files.path(file))
    excluded = pd.concat([part.table(RunFile.EXCLUDED).astype(_LEFT_OUT) for part in parts])
    unknown = excluded["reason"] == NOT_IN_DIM_DFU
    in_order = excluded.assign(unknown=unknown).sort_values(["dfu_ck", "unknown"])
    write_table(in_order.drop(columns="unknown"), files.path(RunFile.EXCLUDED))
    write_summary(summary, files.path(RunFile.FEATURES))
    return summary


def origin_of(files: RunFolder, matrix: pd.DataFrame) -> FeatureSummary | None:
    """Return what a feature matrix was built from; None where it came from elsewhere."""
    if files.find(RunFile.FEATURES) is None:
        return None
    summary = files.features()
    if summary.keys_digest != keys_digest(matrix["dfu_ck"]):
        unused, used = files.path(RunFile.FEATURES), files.path(RunFile.MATRIX)
        logger.warning("%s belongs to another matrix than %s and is not used", unused, used)
        return None
    return summary


def _summary(config: RunSettings, panel: Panel, histories: Histories, exclusions: Exclusions) -> FeatureSummary:
    facts = panel.facts
    return FeatureSummary(
        as_of_month=str(panel.as_of_month),
        first_month=str(panel.months[0]),
        min_months_history=config.min_months_history,
        time_window_months=config.time_window_months,
        window_months=window_of(panel, config.time_window_months),
        season_window_months=config.season_window_months,
        n_dfus=len(histories.dfu_ck) + len(exclusions.dfu_ck),
        clustered=len(histories.dfu_ck),
        excluded=exclusions.counts(),
        sales_rows=facts.rows,
        null_qty_rows=facts.null_qty_rows,
        negative_qty_rows=facts.negative_qty_rows,
        duplicate_rows=facts.duplicate_rows,
        clipped_months=facts.clipped_months,
        config_digest=config.digest(),
        code_version=code_version(),
        keys_digest=keys_digest(histories.dfu_ck),
    )


def _joined_summary(config: HistorySettings, parts: Sequence[FeatureSummary]) -> FeatureSummary:
    reasons: Counter[str] = Counter()
    for part in parts:
        reasons.update(part.excluded)
    joined = parts[0].model_copy(
        update={
            **{name: sum(getattr(part, name) for part in parts) for name in _COUNTS},
            "excluded": {reason: reasons[reason] for reason in parts[0].excluded},
        }
    )
    if not joined.clustered:
        raise DataError(
            f"At least one DFU must have demand in the window and a history of {config.min_months_history} months",
            found=", ".join(f"{reason} {count}" for reason, count in joined.excluded.items()),
            remedy="check that the sales are loaded and as_of_month is right, or lower min_months_history",
        )
    return joined


def _in_key_order(parts: Sequence[RunFolder], file: RunFile) -> pa.Table:
    """Return the rows of all parts by key; no more than the result and one column are in memory."""
    there = [path for part in parts if (path := part.find(file)) is not None]

    def column(name: str) -> pa.ChunkedArray:
        return pa.chunked_array(
            [chunk for path in there for chunk in parquet.read_table(path, columns=[name]).column(0).chunks]
        )

    order = pc.sort_indices(column("dfu_ck"))
    return pa.table({name: column(name).take(order).combine_chunks() for name in parquet_columns(there[0])})


def _left_out(exclusions: Exclusions) -> pd.DataFrame:
    columns = {name: getattr(exclusions, name) for name in _LEFT_OUT}
    return pd.DataFrame(columns).astype(_LEFT_OUT)


def _report(panel: Panel, summary: FeatureSummary, dfu_table: str) -> None:
    counts = " ".join(f"{reason}={count}" for reason, count in summary.excluded.items())
    logger.info("features as_of=%s clustered=%d %s", summary.as_of_month, summary.clustered, counts)
    facts = panel.facts
    if facts.duplicate_rows:
        keys = ", ".join(facts.duplicate_keys)
        logger.warning("duplicate_rows=%d are added up by DFU and month, the first: %s", facts.duplicate_rows, keys)
    if facts.clipped_months:
        logger.warning("clipped_months=%d with more returns than sales count as zero demand", facts.clipped_months)
    if facts.null_qty_rows:
        logger.warning("null_qty_rows=%d count as zero demand", facts.null_qty_rows)
    if facts.unknown_dfus:
        first = ", ".join(facts.unknown_dfus[:_KEYS_KEPT])
        logger.warning(
            "not_in_dim_dfu=%d DFUs have sales but are not in %s, the first: %s",
            len(facts.unknown_dfus),
            dfu_table,
            first,
        )


def _pictured_demand(panel: Panel, histories: Histories) -> pa.Table:
    months = panel.months[-_PICTURED_MONTHS:]
    by_month = histories.demand.T[-len(months) :]
    if len(by_month) < len(months):  # pictures show more months than are clustered
        rows = places_of(pd.Series(histories.dfu_ck), pd.Series(panel.dfu_ck))
        by_month = panel.demand.T[-len(months) :, rows]
    keys = pa.array(histories.dfu_ck, pa.large_string())
    return pa.table({"dfu_ck": keys, **dict(zip(map(str, months), by_month, strict=True))})
