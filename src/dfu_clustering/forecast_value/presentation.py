"""A verdict for people: as lines of a terminal, and as rows of a table."""

from collections.abc import Iterator

from dfu_clustering.forecast_value.measures import MEASURE_NAMES
from dfu_clustering.forecast_value.own_forecasts import ForecastVerdict
from dfu_clustering.forecast_value.verdict import JudgedArm, Verdict, interval


def verdict_lines(verdict: Verdict) -> Iterator[str]:
    """Yield what a terminal shows: figures, each arm beside base and control, notes, what to train on."""
    yield (
        f"{verdict.source} as of {verdict.as_of_month}: {verdict.n_dfus:,} of {verdict.of_dfus:,} DFUs, "
        f"{len(verdict.origins)} origins from {verdict.origins[0]} to {verdict.origins[-1]}, "
        f"{verdict.horizon_months} months ahead, {verdict.seeds} seeds"
    )
    yield ""
    yield f"{'errors, by those of the base':30s}{'WAPE':>8s}{'':>8s}{'RMSSE':>8s}{'':>8s}{'sc. MAE':>8s}"
    for of in verdict.scores:
        figures = (f"{number(of.errors[m])}{_ratio(of.by_base[m])}" for m in of.errors)
        yield f"{of.name:30s}{''.join(figures)}"
    yield ""
    measure = MEASURE_NAMES[verdict.decided_by]
    yield f"{measure + ' by that of':30s}{'base':>7s}{'95 % interval':>17s}{'control':>9s}{'95 % interval':>17s}"
    for arm in verdict.judged:
        base, control = arm.against_base[verdict.decided_by], arm.against_control[verdict.decided_by]
        figures = (f"{found.ratio:8.3f}{interval(found):>17s}" for found in (base, control))
        yield f"{arm.name:29s}{' '.join(figures)}  {arm.finding}"
    yield ""
    yield from (f"note: {note}" for note in verdict.notes)
    yield verdict.sentence


def verdict_rows(verdict: Verdict) -> list[dict[str, str]]:
    """Return a row an arm, for tables."""
    return [_row(verdict, arm) for arm in verdict.judged]


def _row(verdict: Verdict, arm: JudgedArm) -> dict[str, str]:
    base, control = arm.against_base[verdict.decided_by], arm.against_control[verdict.decided_by]
    others = [measure for measure in arm.against_base if measure != verdict.decided_by]
    return {
        "train on": arm.what,
        "verdict": arm.finding,
        f"{MEASURE_NAMES[verdict.decided_by]} by that of demand alone": f"{base.ratio:.3f} ({interval(base)})",
        "control": arm.control,
        "by that of the control": f"{control.ratio:.3f} ({interval(control)})",
        "origins better": f"{base.better_origins} of {base.origins}",
        **{f"{MEASURE_NAMES[measure]}": f"{arm.against_base[measure].ratio:.3f}" for measure in others},
    }


def number(value: float | None) -> str:
    """Return an error for a column of eight letters."""
    return f"{'-':>8s}" if value is None else f"{value:8.4f}"


def _ratio(value: float | None) -> str:
    return f"{'-':>8s}" if value is None else f"{value:8.3f}"


def forecast_verdict_lines(verdict: ForecastVerdict) -> Iterator[str]:
    """Yield what a terminal shows of a user's own forecasts."""
    yield (
        f"{verdict.rows:,} forecasts of both, from {len(verdict.origins)} origins, {verdict.origins[0]} to "
        f"{verdict.origins[-1]}, up to {verdict.horizon_months} months ahead; {verdict.left_out:,} rows left out"
    )
    yield f"{'':12s}{verdict.base[:15]:>16s}{verdict.other[:15]:>16s}{'ratio':>8s}{'95 % interval':>17s}"
    for measure, found in verdict.comparisons.items():
        base, other = verdict.errors[measure]
        name = MEASURE_NAMES[measure]
        yield f"{name:12s}{base:16.4f}{other:16.4f}{found.ratio:8.3f}{interval(found):>17s}"
    yield from (f"note: {note}" for note in verdict.notes)
    yield verdict.sentence
