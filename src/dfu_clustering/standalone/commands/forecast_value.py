"""Measure what the segments are worth to a forecaster of these sales, and say what to train on."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import joblib
import pandas as pd

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import config_path, load_config
from dfu_clustering.files.summary import Summary
from dfu_clustering.files.tables import read_table, require_columns
from dfu_clustering.forecast_value.evaluation import DEFAULT_SEEDS
from dfu_clustering.forecast_value.origins import DEFAULT_HORIZON_MONTHS, DEFAULT_ORIGINS
from dfu_clustering.forecast_value.own_forecasts import FORECAST_COLUMNS, ForecastVerdict, judge_forecasts
from dfu_clustering.forecast_value.presentation import forecast_verdict_lines, verdict_lines
from dfu_clustering.runs.forecast_value import OWN_FORECASTS, VERDICT, keep_verdict
from dfu_clustering.standalone.commands.sales_options import add_sales_arguments, sales_of
from dfu_clustering.standalone.program import table_path
from dfu_clustering.standalone.segmenting import read_months
from dfu_clustering.steps.measure_forecast_value import Extent, measure_forecast_value
from dfu_clustering.steps.sales_source import SalesRead


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the arguments."""
    add_sales_arguments(arguments)
    add_measuring_arguments(arguments)


def run(options: Namespace) -> None:
    """Do the work."""
    config = load_config(options.config)
    read = read_months(sales_of(options), config, as_of_month=options.as_of)
    measure(read, config, options, source=options.sales.name, folder=Path())


def add_measuring_arguments(arguments: ArgumentParser) -> None:
    """Add how much is measured, and where the verdict is written."""
    at_least = _at_least
    arguments.add_argument(
        "--origins",
        type=at_least(3),
        default=DEFAULT_ORIGINS,
        metavar="N",
        help="months from which is forecast, at most",
    )
    arguments.add_argument(
        "--horizon", type=at_least(1), default=DEFAULT_HORIZON_MONTHS, metavar="MONTHS", help="months ahead, 12 at most"
    )
    arguments.add_argument(
        "--seeds", type=at_least(1), default=DEFAULT_SEEDS, metavar="N", help="trainings of each way at each origin"
    )
    arguments.add_argument(
        "--forecasts",
        type=table_path,
        nargs=2,
        metavar=("BASE", "OTHER"),
        help=f"judge the forecasts of your own forecaster instead: two tables of {', '.join(FORECAST_COLUMNS)}, one a "
        "variant, .csv or .parquet; origin is the newest month that was known, months are written 2026-10",
    )
    arguments.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=f"the verdict; None: {VERDICT}, of your own forecasts {OWN_FORECASTS}",
    )
    arguments.add_argument("--config", type=Path, default=config_path(), metavar="FILE", help="YAML with the settings")


def measure(read: SalesRead, config: ClusteringConfig, options: Namespace, *, source: str, folder: Path) -> None:
    """Measure, print and keep the verdict that the arguments ask for.

    Args:
        read: The sales.
        config: The settings.
        options: The arguments.
        source: Name of the sales.
        folder: Where the verdict goes unless --out says otherwise.
    """
    if options.forecasts:
        own = _judged(read, options, source)
        _keep(own, forecast_verdict_lines(own), options.out or folder / OWN_FORECASTS)
    else:
        extent = Extent(options.origins, options.horizon, options.seeds, joblib.cpu_count())
        verdict = measure_forecast_value(read, config, extent, source=source, measured_at=datetime.now(UTC))
        _keep(verdict, verdict_lines(verdict), options.out or folder / VERDICT)


def _judged(read: SalesRead, options: Namespace, source: str) -> ForecastVerdict:
    base, other = options.forecasts
    return judge_forecasts(
        _forecasts(base),
        _forecasts(other),
        read.panel,
        names=(base.stem, other.stem),
        source=source,
        measured_at=datetime.now(UTC),
    )


def _keep(verdict: Summary, lines: Iterable[str], path: Path) -> None:
    keep_verdict(verdict, path)
    print("\n".join([*lines, f"verdict  {path}"]))


def _forecasts(path: Path) -> pd.DataFrame:
    table = read_table(path, text_columns=frozenset(FORECAST_COLUMNS[:3]))
    require_columns(
        table,
        FORECAST_COLUMNS,
        rule="A table of forecasts must have the columns of a forecast",
        remedy="name the columns dfu_ck, origin, month and forecast",
    )
    return table


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise ArgumentTypeError(f"a number of at least {least}, not {text!r}")
        return int(text)

    return number
