"""Forecasts that a user's own forecaster made, two variants, judged as the arms are."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from pydantic import AwareDatetime

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.errors import DataError
from dfu_clustering.features.panel import Panel
from dfu_clustering.files.summary import Summary
from dfu_clustering.forecast_value.known_demand import KnownDemand
from dfu_clustering.forecast_value.measures import MEASURES, Measure, scores
from dfu_clustering.forecast_value.origins import LEAST_ORIGINS
from dfu_clustering.forecast_value.paired import Comparison, Finding, compare, overlap_of
from dfu_clustering.forecast_value.verdict import better_at, deciding_measure, interval, sparse_note
from dfu_clustering.months import parse_month

_KEYS: Final = ("dfu_ck", "origin", "month")
FORECAST_COLUMNS: Final = (*_KEYS, "forecast")


class ForecastVerdict(Summary):
    """What one variant of a forecaster is worth beside another.

    Attributes:
        measured_at: When.
        source: Name of the warehouse or file of the sales.
        base: Name of the variant that the other is compared with.
        other: Name of the other.
        rows: DFUs, origins and months that both have forecast and that are sold.
        left_out: Rows that only one of them has, or whose month is not sold yet, or of DFUs that have never sold.
        origins: Months from which was forecast.
        horizon_months: Longest horizon.
        decided_by: The measure that decides.
        finding: What the other is worth, by that measure.
        comparisons: The other beside the base, by measure.
        errors: Of base and other, mean of the origins, by measure.
        notes: What a reader must know.
        sentence: The finding as a sentence.
    """

    measured_at: AwareDatetime
    source: str
    base: str
    other: str
    rows: int
    left_out: int
    origins: list[str]
    horizon_months: int
    decided_by: Measure
    finding: Finding
    comparisons: dict[Measure, Comparison]
    errors: dict[Measure, tuple[float, float]]
    notes: list[str]
    sentence: str


def judge_forecasts(
    base: pd.DataFrame,
    other: pd.DataFrame,
    panel: Panel,
    *,
    names: tuple[str, str],
    source: str,
    measured_at: AwareDatetime,
) -> ForecastVerdict:
    """Judge two variants by what was sold.

    Args:
        base: FORECAST_COLUMNS; origin is the newest month that was known, both are months as 2026-10.
        other: The same of the other variant.
        panel: The sales.
        names: Of base and other.
        source: Name of the sales.
        measured_at: Now.

    Raises:
        DataError: A forecast is no number, made twice, or of a month that was known at its origin; the variants have
            fewer than three origins in common.
    """
    known = KnownDemand.of(panel)
    tables = [_checked(table, name) for table, name in zip((base, other), names, strict=True)]
    both = tables[0].merge(tables[1], on=list(_KEYS), suffixes=("_base", "_other"), validate="one_to_one")
    placed = _placed(both, panel, known)
    origins = np.unique(placed["origin"].to_numpy())
    _require_origins(origins)
    horizon = int((placed["month"] - placed["origin"]).max())
    errors = _errors(placed, known, origins)
    comparisons = _comparisons(errors, overlapping=overlap_of(horizon, int(np.diff(origins).min())))
    wape = float(errors["wape"][:, 0].mean())
    decides = deciding_measure(wape)
    found = comparisons[decides]
    return ForecastVerdict(
        measured_at=measured_at,
        source=source,
        base=names[0],
        other=names[1],
        rows=len(placed),
        left_out=len(tables[0]) + len(tables[1]) - 2 * len(placed),
        origins=[str(panel.months[origin]) for origin in origins.tolist()],
        horizon_months=horizon,
        decided_by=decides,
        finding="pays" if found.is_better else "harms" if found.is_worse else "no evidence",
        comparisons=comparisons,
        errors={of: (float(values[:, 0].mean()), float(values[:, 1].mean())) for of, values in errors.items()},
        notes=[sparse_note(wape)] if decides == "rmsse" else [],
        sentence=_sentence(names, found),
    )


def _comparisons(errors: Mapping[Measure, Floats], *, overlapping: int) -> dict[Measure, Comparison]:
    """Return the other beside the base by measure, of (n_origins, 2) errors."""
    logs = {of: np.log(np.where(values > 0, values, np.nan)) for of, values in errors.items()}
    return {of: compare(values[:, 1] - values[:, 0], overlapping=overlapping) for of, values in logs.items()}


def _checked(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the columns of forecasts, months as days of their first, and check every row."""
    months = {column: _months(table[column]) for column in ("origin", "month")}
    found = pd.DataFrame({"dfu_ck": table["dfu_ck"].astype("str"), **months, "forecast": table["forecast"]})
    rules = {
        "A forecast must be a finite number": ~np.isfinite(pd.to_numeric(found["forecast"], errors="coerce")),
        "A forecast must be of a month after its origin": found["month"] <= found["origin"],
        "A DFU must have one forecast for each origin and month": found.duplicated(list(_KEYS)),
    }
    for rule, broken in rules.items():
        if broken.any():
            rows = found[broken]
            raise DataError(
                rule,
                found=f"{len(rows)} rows of {name} that break it",
                keys=[f"{row.dfu_ck} {row.origin:%Y-%m} {row.month:%Y-%m}" for row in rows.itertuples()],
                remedy="correct them, or leave them out of both variants",
            )
    return found.assign(forecast=found["forecast"].astype(np.float64))


def _months(column: "pd.Series[Any]") -> "pd.Series[pd.Timestamp]":
    text = column.astype("str").str.slice(0, len("2026-10-31"))
    first = {one: parse_month(one).astype("datetime64[s]") for one in text.unique()}
    return pd.to_datetime(text.map(first))


def _placed(both: pd.DataFrame, panel: Panel, known: KnownDemand) -> pd.DataFrame:
    """Return the rows that can be measured, by the places of DFU and months in the panel."""
    month = {name: _place(both[name], panel) for name in ("origin", "month")}
    dfu = pd.Index(panel.dfu_ck).get_indexer(pd.Index(both["dfu_ck"].to_numpy(object)))
    placed = both.assign(dfu=dfu, **month)
    within = (dfu >= 0) & (placed["origin"] >= 0) & (placed["month"] < len(panel.months))
    placed = placed[within]
    return placed[known.lengths[placed["origin"], placed["dfu"]] > 0]


def _place(months: "pd.Series[pd.Timestamp]", panel: Panel) -> Integers:
    place: Integers = (months.to_numpy().astype("datetime64[M]") - panel.months[0]).astype(np.int64)
    return place


def _errors(placed: pd.DataFrame, known: KnownDemand, origins: Integers) -> dict[Measure, Floats]:
    """Return (n_origins, 2) errors of base and other by measure."""
    found = []
    for origin in origins.tolist():
        rows = placed[placed["origin"] == origin]
        dfu = rows["dfu"].to_numpy()
        sold = known.by_month[rows["month"].to_numpy(), dfu]
        forecasts = (rows[name].to_numpy() for name in ("forecast_base", "forecast_other"))
        found.append([scores(sold, forecast, dfu, known, origin) for forecast in forecasts])
    return {measure: np.array([[one[measure] for one in pair] for pair in found]) for measure in MEASURES}


def _require_origins(origins: Integers) -> None:
    if len(origins) < LEAST_ORIGINS:
        raise DataError(
            f"Two variants must have forecasts from {LEAST_ORIGINS} origins in common, of months that are sold",
            found=f"{len(origins)}",
            remedy="make forecasts from more origins: two misled on three panels of three",
        )


def _sentence(names: tuple[str, str], found: Comparison) -> str:
    base, other = names
    figures = f"ratio of the errors {found.ratio:.3f}, 95 % interval {interval(found)}, {better_at(found)}"
    if found.is_better:
        return f"{other} is better than {base}: {figures}."
    if found.is_worse:
        return f"{other} is worse than {base}: {figures}."
    return f"Nothing tells {other} from {base} beyond chance: {figures}."
