"""The months from which forecasts are made and judged: rolling origins, each with known sales for its horizon."""

from typing import Final

from dfu_clustering.errors import DataError
from dfu_clustering.features.demand_block import YEAR_MONTHS

DEFAULT_ORIGINS: Final = 8
DEFAULT_HORIZON_MONTHS: Final = 6

_SPACINGS_MONTHS: Final = (3, 2, 1)  # the first at which there are enough
_ENOUGH: Final = 4
LEAST_ORIGINS: Final = 3  # fewer tell nothing: two origins misled on three panels of three
_LEAST_HISTORY_MONTHS: Final = 2 * YEAR_MONTHS  # up to the oldest origin


def rolling_origins(n_months: int, *, wanted: int = DEFAULT_ORIGINS, horizon_months: int) -> tuple[int, ...]:
    """Return the places of the origins among the months, the oldest first.

    The newest origin is the newest whose whole horizon is known. The others lie three months apart; closer where fewer
    than four would fit.

    Args:
        n_months: Months of sales.
        wanted: Origins at most, three at least.
        horizon_months: Months that are forecast from each, 12 at most.

    Raises:
        DataError: Fewer than three fit, or wanted or horizon_months are out of range.
    """
    _require_in_range(wanted, horizon_months)
    newest = n_months - 1 - horizon_months
    room = newest - (_LEAST_HISTORY_MONTHS - 1)
    numbers = {spacing: min(wanted, room // spacing + 1) for spacing in _SPACINGS_MONTHS}
    enough = [spacing for spacing in _SPACINGS_MONTHS if numbers[spacing] >= min(wanted, _ENOUGH)]
    spacing = enough[0] if enough else _SPACINGS_MONTHS[-1]
    if numbers[spacing] < LEAST_ORIGINS:
        least = _LEAST_HISTORY_MONTHS + horizon_months + LEAST_ORIGINS - 1
        raise DataError(
            f"What segments are worth must be measured on {least} months of sales at least",
            found=f"{n_months}",
            remedy=f"load earlier months, or choose a horizon shorter than {horizon_months}",
        )
    return tuple(newest - spacing * back for back in range(numbers[spacing] - 1, -1, -1))


def _require_in_range(wanted: int, horizon_months: int) -> None:
    if wanted < LEAST_ORIGINS or not 1 <= horizon_months <= YEAR_MONTHS:
        raise DataError(
            f"The origins must be {LEAST_ORIGINS} at least, and the horizon 1 to {YEAR_MONTHS} months",
            found=f"{wanted} origins and {horizon_months} months",
            remedy="choose others",
        )
