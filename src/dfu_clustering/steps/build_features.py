"""Step 1: sales in the warehouse become one row of features a DFU."""

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet
from numpy.typing import ArrayLike
from sqlalchemy import Engine

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.errors import DataError
from dfu_clustering.features.matrix import add_attributes, time_series_features
from dfu_clustering.features.panel import NOT_IN_DIM_DFU, Exclusions, Histories, Panel, PanelBuilder, select_histories
from dfu_clustering.files.progress import progress
from dfu_clustering.files.summary import Summary
from dfu_clustering.files.tables import read_json, read_table, write_json, write_table
from dfu_clustering.months import Month, parse_month
from dfu_clustering.runs.run import code_version
from dfu_clustering.warehouse.snapshot import WHOLE, Part, SalesSpan, Snapshot, snapshot

logger = logging.getLogger(__name__)

_PICTURED_MONTHS = 60  # of demand kept beside the features, so that pictures can show it
_KEYS_KEPT = 5
_EXCLUDED_COLUMNS = frozenset({"dfu_ck", "reason"})
_COUNTS = (
    "n_dfus",
    "clustered",
    "sales_rows",
    "null_qty_rows",
    "negative_qty_rows",
    "duplicate_rows",
    "clipped_months",
)


@dataclass(frozen=True)
class FeatureFiles:
    """The feature matrix and what lies beside it under the same name."""

    matrix: Path

    @property
    def metadata(self) -> Path:
        """Return the path of the as-of month, the counts and the configuration's digest."""
        return self._companion("meta.json")

    @property
    def panel(self) -> Path:
        """Return the path of the monthly demand of the clustered DFUs."""
        return self._companion("panel.parquet")

    @property
    def excluded(self) -> Path:
        """Return the path of the DFUs that are not clustered, each with its reason."""
        return self._companion("excluded.csv")

    def _companion(self, ending: str) -> Path:
        return self.matrix.with_name(f"{self.matrix.name}.{ending}")


class FeatureSummary(Summary):
    """What the features were built from.

    Attributes:
        time_window_months: As configured, a number or "all".
        window_months: Months that the window holds.
        keys_digest: Of the matrix's keys, so that a summary is not taken for that of another matrix.
    """

    as_of_month: str
    first_month: str
    min_months_history: int
    time_window_months: int | str
    window_months: int
    n_dfus: int
    clustered: int
    excluded: dict[str, int]
    sales_rows: int
    null_qty_rows: int
    negative_qty_rows: int
    duplicate_rows: int
    clipped_months: int
    config_digest: str
    code_version: str
    keys_digest: str

    @classmethod
    def of_matrix(cls, matrix: pd.DataFrame, files: FeatureFiles) -> "FeatureSummary | None":
        """Return the summary beside a feature matrix; None where the matrix came from elsewhere."""
        if not files.metadata.exists():
            return None
        summary = cls.model_validate(read_json(files.metadata))
        if summary.keys_digest != _keys_digest(matrix["dfu_ck"]):
            logger.warning("%s belongs to another matrix than %s and is not used", files.metadata, files.matrix)
            return None
        return summary


def build_features(
    config: ClusteringConfig,
    engine: Engine,
    *,
    output: Path,
    as_of_month: str | None = None,
    part: Part = WHOLE,
    same_as: str | None = None,
) -> FeatureSummary:
    """Read the warehouse as of a month and write the feature matrix and the files beside it.

    Args:
        config: History, window.
        engine: The warehouse; only read.
        output: The matrix, .csv or .parquet.
        as_of_month: ``2026-10``; default: the newest month with sales.
        part: DFUs to read; a part without any that can be clustered writes neither matrix nor panel.
        same_as: Name of the open snapshot in which all parts are read.

    Raises:
        WarehouseError: A table or column is missing.
        DataError: There are no sales, no demand in the window, or as_of_month is outside the sales.
    """
    wanted = parse_month(as_of_month) if as_of_month else None
    with snapshot(engine, part=part, same_as=same_as) as source:
        items, dfus = source.items(), source.dfus()
        panel = _read_panel(source, dfus, wanted, part)
    histories, exclusions = select_histories(
        panel,
        window_months=config.time_window_months,
        min_months_history=config.min_months_history,
        may_be_empty=part != WHOLE,
    )
    summary = _summary(config, panel, histories, exclusions)
    _report(panel, summary)
    files = FeatureFiles(output)
    if summary.clustered:
        features = add_attributes(time_series_features(histories), items.to_pandas(), dfus.to_pandas())
        write_table(features, files.matrix)
        write_table(_pictured_demand(panel, histories), files.panel)
    write_table(pd.DataFrame({"dfu_ck": exclusions.dfu_ck, "reason": exclusions.reason}, dtype="str"), files.excluded)
    write_json(summary.model_dump(), files.metadata)
    return summary


def join_parts(config: ClusteringConfig, *, parts: Sequence[Path], output: Path) -> FeatureSummary:
    """Join what build_features() wrote for every part of the DFUs; the files are those of a single call, byte for byte.

    Args:
        config: History.
        parts: The parts' matrices; where a part has none, only the files beside it.
        output: The matrix, .csv or .parquet.

    Raises:
        DataError: No part holds a DFU that can be clustered.
    """
    pieces, files = [FeatureFiles(part) for part in parts], FeatureFiles(output)
    summary = _joined_summary(config, [FeatureSummary.model_validate(read_json(piece.metadata)) for piece in pieces])
    matrix = _in_key_order([piece.matrix for piece in pieces if piece.matrix.exists()])
    summary = summary.model_copy(update={"keys_digest": _keys_digest(matrix.column("dfu_ck"))})
    write_table(matrix, files.matrix)
    write_table(_in_key_order([piece.panel for piece in pieces if piece.panel.exists()]), files.panel)
    excluded = pd.concat([read_table(piece.excluded, text_columns=_EXCLUDED_COLUMNS) for piece in pieces])
    unknown = excluded["reason"] == NOT_IN_DIM_DFU
    in_order = excluded.assign(unknown=unknown).sort_values(["dfu_ck", "unknown"])
    write_table(in_order.drop(columns="unknown"), files.excluded)
    write_json(summary.model_dump(), files.metadata)
    return summary


def newest_month(engine: Engine, as_of_month: str | None) -> str:
    """Return the as-of month that a run asked for, by default the newest month with sales.

    Raises:
        DataError: There are no sales, or none for that month.
    """
    return str(sales_span(engine).as_of(parse_month(as_of_month) if as_of_month else None))


def sales_span(engine: Engine) -> SalesSpan:
    """Return the oldest and the newest month with sales.

    Raises:
        DataError: There are no sales.
    """
    with snapshot(engine) as source:
        return source.sales_span()


def _read_panel(source: Snapshot, dfus: pa.Table, wanted: Month | None, part: Part) -> Panel:
    span = source.sales_span()
    as_of_month = span.as_of(wanted)
    keys = dfus.select(["dfu_ck", "dmdunit", "dmdgroup", "loc"])
    builder = PanelBuilder(keys, first_month=span.first_month, as_of_month=as_of_month)
    with progress("reading sales rows", span.rows // part.of) as advance:
        for batch in source.sales(as_of_month):
            builder.add(batch)
            advance(batch.num_rows)
    return builder.build()


def _summary(config: ClusteringConfig, panel: Panel, histories: Histories, exclusions: Exclusions) -> FeatureSummary:
    facts = panel.facts
    return FeatureSummary(
        as_of_month=str(panel.as_of_month),
        first_month=str(panel.months[0]),
        min_months_history=config.min_months_history,
        time_window_months=config.time_window_months,
        window_months=histories.demand.shape[1],
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
        keys_digest=_keys_digest(histories.dfu_ck),
    )


def _joined_summary(config: ClusteringConfig, parts: Sequence[FeatureSummary]) -> FeatureSummary:
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


def _in_key_order(paths: Sequence[Path]) -> pa.Table:
    table = pa.concat_tables([parquet.read_table(path) for path in paths])
    return table.take(pc.sort_indices(table, sort_keys=[("dfu_ck", "ascending")])).combine_chunks()


def _keys_digest(keys: ArrayLike) -> str:
    return hashlib.sha256("\n".join(sorted(np.asarray(keys, dtype=object).tolist())).encode()).hexdigest()[:16]


def _report(panel: Panel, summary: FeatureSummary) -> None:
    counts = " ".join(f"{reason}={count}" for reason, count in summary.excluded.items())
    logger.info("features as_of=%s clustered=%d %s", summary.as_of_month, summary.clustered, counts)
    facts = panel.facts
    if facts.duplicate_rows:
        keys = ", ".join(facts.duplicate_keys)
        logger.warning("duplicate_rows=%d summed into their DFU and month, the first: %s", facts.duplicate_rows, keys)
    if facts.clipped_months:
        logger.warning("clipped_months=%d netted below zero by returns count as zero demand", facts.clipped_months)
    if facts.null_qty_rows:
        logger.warning("null_qty_rows=%d count as zero demand", facts.null_qty_rows)
    if facts.unknown_dfus:
        first = ", ".join(facts.unknown_dfus[:_KEYS_KEPT])
        logger.warning(
            "not_in_dim_dfu=%d DFUs sell but are not in dim_dfu, the first: %s", len(facts.unknown_dfus), first
        )


def _pictured_demand(panel: Panel, histories: Histories) -> pd.DataFrame:
    keys = pd.Series(histories.dfu_ck, dtype="str")
    rows = pc.index_in(pa.array(keys), value_set=pa.array(pd.Series(panel.dfu_ck, dtype="str"))).to_numpy()
    months = panel.months[-_PICTURED_MONTHS:]
    demand = zip(months, panel.demand.T[-len(months) :], strict=True)
    return pd.DataFrame({"dfu_ck": keys, **{str(month): of_month[rows] for month, of_month in demand}})
