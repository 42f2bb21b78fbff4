"""What the segments are worth to a forecaster, as the page says it."""

from typing import Final

from pydantic import BaseModel, ConfigDict

from dfu_clustering.forecast_value.measures import MEASURE_NAMES
from dfu_clustering.forecast_value.presentation import verdict_rows
from dfu_clustering.forecast_value.verdict import Verdict

_NOT_MEASURED: Final = (
    "This has not been measured here yet: the flow measure-forecast-value does it, or the command dfu-clustering "
    "forecast-value for a file of sales."
)


class Worth(BaseModel):
    """What to train on, and how that was found.

    Attributes:
        sentence: What to train on; where nothing was measured, how to.
        measured: When, as of which month and on what; empty where nothing was measured.
        measure: What the errors of the rows are.
        rows: A way to train each; the first entry of a row names it.
        notes: What a reader must know.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sentence: str
    measured: str = ""
    measure: str = ""
    rows: list[dict[str, str]] = []
    notes: list[str] = []


def worth_of(verdict: Verdict | None) -> Worth:
    """Return what a verdict says; without one, how to get it."""
    if verdict is None:
        return Worth(sentence=_NOT_MEASURED)
    dfus, months = f"{verdict.n_dfus:,} of {verdict.of_dfus:,} DFUs", len(verdict.origins)
    return Worth(
        sentence=verdict.sentence,
        measured=f"Measured on {verdict.measured_at:%Y-%m-%d} with sales up to {verdict.as_of_month}: {dfus}, forecast "
        f"{verdict.horizon_months} months ahead from {months} months, {verdict.origins[0]} to {verdict.origins[-1]}, "
        f"with {verdict.seeds} trainings each.",
        measure=MEASURE_NAMES[verdict.decided_by],
        rows=verdict_rows(verdict),
        notes=verdict.notes,
    )
