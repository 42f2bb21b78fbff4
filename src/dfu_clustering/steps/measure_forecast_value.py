"""What segments are worth to a forecaster of these sales: rolling origins, every way to train, and the verdict."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.features.attributes import clustered_attributes
from dfu_clustering.features.panel import Panel
from dfu_clustering.files.progress import progress
from dfu_clustering.forecast_value.evaluation import DEFAULT_SEEDS, Design, Errors, evaluate
from dfu_clustering.forecast_value.known_demand import KnownDemand
from dfu_clustering.forecast_value.known_groups import KnownGroups, all_in_one_group, own_indices, shrunk_to
from dfu_clustering.forecast_value.known_world import Known
from dfu_clustering.forecast_value.learner import require_lightgbm
from dfu_clustering.forecast_value.origin_segments import segments_at
from dfu_clustering.forecast_value.origins import DEFAULT_HORIZON_MONTHS, DEFAULT_ORIGINS, rolling_origins
from dfu_clustering.forecast_value.paired import overlap_of
from dfu_clustering.forecast_value.past_features import past_features
from dfu_clustering.forecast_value.rows import oldest_month
from dfu_clustering.forecast_value.verdict import Verdict, judge, metrics_of, notes_of, scores_of, sentence_of
from dfu_clustering.runs.forecast_value import VERDICT, keep_verdict, verdict_folder
from dfu_clustering.runs.run import code_version
from dfu_clustering.steps.sales_source import SalesRead, read_source
from dfu_clustering.tracking.store import TrackingUnavailableError
from dfu_clustering.tracking.writer import MeasurementRecord, record_measurement
from dfu_clustering.warehouse.connect import names_of, raw_connection
from dfu_clustering.warehouse.identity import warehouse_identity
from dfu_clustering.warehouse.snapshot import snapshot

logger = logging.getLogger(__name__)

MOST_DFUS: Final = 20_000  # that are measured, a random sample of them where there are more


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        origins: Months from which is forecast, at most.
        horizon_months: Months ahead.
        seeds: Trainings of each arm at each origin.
        workers: Trainings at the same time.
    """

    origins: int = DEFAULT_ORIGINS
    horizon_months: int = DEFAULT_HORIZON_MONTHS
    seeds: int = DEFAULT_SEEDS
    workers: int = 1


def measure_forecast_value(
    read: SalesRead, config: ClusteringConfig, extent: Extent, *, source: str, measured_at: datetime
) -> Verdict:
    """Measure what segments are worth on sales that were read.

    Args:
        read: The sales.
        config: The settings of the segments.
        extent: How much is measured.
        source: Name of the warehouse or file, for the verdict.
        measured_at: Now.

    Raises:
        ConfigError: LightGBM is not installed.
        DataError: There are too few months, or nobody can be clustered at the oldest origin.
    """
    require_lightgbm()
    panel = sampled(read.panel, MOST_DFUS, seed=config.seed)
    origins = rolling_origins(panel.demand.shape[1], wanted=extent.origins, horizon_months=extent.horizon_months)
    design = Design(origins, extent.horizon_months, extent.seeds, extent.workers)
    known = known_of(panel, origins, config, attributes_of_clusters(read, panel, config))
    with progress("training", design.trainings) as advance:
        errors = evaluate(known, design, segments_of(known, panel, config), on_training=lambda: advance(1))
    verdict = _verdict(read, panel, design, errors, source=source, measured_at=measured_at)
    logger.info("forecast value as_of=%s dfus=%d: %s", verdict.as_of_month, verdict.n_dfus, verdict.sentence)
    return verdict


def measure_warehouse(
    config: ClusteringConfig,
    engine: Engine,
    extent: Extent,
    var: Path,
    *,
    as_of_month: str | None,
    measured_at: datetime,
) -> Verdict:
    """Measure what segments are worth on the sales of the warehouse, and keep the verdict as its newest.

    Raises:
        ConfigError: LightGBM is not installed.
        WarehouseError: A table or column is missing.
        DataError: There are too few months of sales.
    """
    require_lightgbm()
    read = read_warehouse(engine, as_of_month=as_of_month)
    verdict = measure_forecast_value(read, config, extent, source=warehouse_name(engine), measured_at=measured_at)
    keep_verdict(verdict, verdict_folder(var) / VERDICT)
    return verdict


def record_verdict(config: ClusteringConfig, var: Path, verdict: Verdict, run_id: str) -> str | None:
    """Write a verdict to MLflow and return the id of its run; None where MLflow does not answer."""
    record = MeasurementRecord(
        name=f"forecast-value-{verdict.as_of_month}-{run_id}",
        metrics=metrics_of(verdict),
        tags={
            "as_of_month": verdict.as_of_month,
            "code_version": code_version(),
            "decided_by": verdict.decided_by,
            "train_on": verdict.train_on.name if verdict.train_on else "base",
        },
        file=verdict_folder(var) / VERDICT,
    )
    try:
        return record_measurement(record, config=config.tracking, default_folder=var / "mlflow")
    except (TrackingUnavailableError, OSError) as error:
        logger.warning("the verdict is not in MLflow: %s", error)
        return None


def read_warehouse(engine: Engine, *, as_of_month: str | None = None) -> SalesRead:
    """Read all sales of the warehouse.

    Raises:
        WarehouseError: A table or column is missing.
        DataError: There are no sales, or as_of_month is outside of them.
    """
    with snapshot(engine) as source:
        return read_source(source, source.names, as_of_month=as_of_month)


def warehouse_name(engine: Engine) -> str:
    """Return what tells this warehouse from any other."""
    with raw_connection(engine) as connection:
        return warehouse_identity(connection, names_of(engine))


def _verdict(
    read: SalesRead, panel: Panel, design: Design, errors: Mapping[str, Errors], *, source: str, measured_at: datetime
) -> Verdict:
    spacing = int(np.diff(design.origins).min())
    decides, judged = judge(errors, overlapping=overlap_of(design.horizon_months, spacing))
    return Verdict(
        measured_at=measured_at,
        source=source,
        as_of_month=str(panel.as_of_month),
        n_dfus=len(panel.dfu_ck),
        of_dfus=int(np.count_nonzero(np.any(read.panel.demand > 0, axis=1))),
        origins=[str(panel.months[origin]) for origin in design.origins],
        horizon_months=design.horizon_months,
        seeds=design.seeds,
        decided_by=decides,
        judged=judged,
        scores=scores_of(errors),
        notes=notes_of(errors, decides),
        sentence=sentence_of(judged, decides),
    )


def sampled(panel: Panel, most: int, *, seed: int) -> Panel:
    """Return the DFUs of a panel that have sold, a random sample of them where they are more than ``most``."""
    sold = np.flatnonzero(np.any(panel.demand > 0, axis=1))
    if len(sold) > most:
        sold = np.sort(np.random.default_rng(seed).choice(sold, most, replace=False))
    return replace(panel, dfu_ck=panel.dfu_ck[sold], demand=panel.demand.T[:, sold].T)


def known_of(
    panel: Panel, origins: tuple[int, ...], config: ClusteringConfig, attributes: pd.DataFrame | None
) -> Known:
    """Return all that is known as of each month that a row of any origin may have as its as-of month."""
    demand = KnownDemand.of(panel)
    months = range(oldest_month(origins[0]), origins[-1] + 1)
    own = own_indices(demand, months)
    to_all = shrunk_to(own, all_in_one_group(*demand.by_month.shape))
    with progress("features as of past months", len(months)) as advance:
        features = past_features(panel, months, config, attributes, on_month=lambda: advance(1))
    return Known(demand, features, own, to_all)


def segments_of(known: Known, panel: Panel, config: ClusteringConfig) -> Callable[[int], KnownGroups]:
    """Return what finds the segments of an origin."""
    return lambda origin: segments_at(known.features, origin, config, panel.dfu_ck)


def attributes_of_clusters(read: SalesRead, panel: Panel, config: ClusteringConfig) -> pd.DataFrame | None:
    """Return the attributes of the DFUs where the clustered space has any."""
    if not clustered_attributes(config):
        return None
    joined = read.with_attributes(pd.DataFrame({"dfu_ck": panel.dfu_ck}), config.warehouse)
    return joined.drop(columns="dfu_ck")
