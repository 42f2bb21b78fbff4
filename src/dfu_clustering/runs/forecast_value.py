"""Where the newest verdicts of what segments are worth are kept."""

from pathlib import Path
from typing import Final

from dfu_clustering.files.summary import Summary, read_summary, write_summary
from dfu_clustering.forecast_value.verdict import Verdict

VERDICT: Final = "verdict.json"
OWN_FORECASTS: Final = "own_forecasts.json"  # ForecastVerdict


def verdict_folder(var: Path) -> Path:
    """Return the folder of the warehouse's verdicts."""
    return var / "forecast_value"


def keep_verdict(verdict: Summary, path: Path) -> None:
    """Write a verdict; it replaces the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_summary(verdict, path)


def newest_verdict(var: Path) -> Verdict | None:
    """Return the newest verdict of the warehouse; None where nothing was measured yet.

    Raises:
        DataError: The file holds something else.
    """
    path = verdict_folder(var) / VERDICT
    return read_summary(Verdict, path) if path.exists() else None
