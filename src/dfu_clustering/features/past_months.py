"""Histories as of past months, all out of one panel: what reading the sales up to each month would give, bit by bit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dfu_clustering.config.clustering import HistorySettings
from dfu_clustering.features.histories import Exclusions, Histories, select_histories
from dfu_clustering.features.panel import Panel
from dfu_clustering.months import Month


@dataclass(frozen=True, eq=False)
class PastMonth:
    """The DFUs as they were known when a month was the newest.

    Attributes:
        panel: Demand up to the month; it shares the memory of the panel that it was cut from.
        histories: Of the DFUs that could be clustered.
        exclusions: The others.
    """

    panel: Panel
    histories: Histories
    exclusions: Exclusions


def past_month(panel: Panel, month: Month, settings: HistorySettings) -> PastMonth:
    """Return the DFUs as of a month of the panel; nothing of a later month is in it.

    Raises:
        DataError: It is no month of the panel, or as select_histories().
    """
    then = panel.as_of(month)
    histories, exclusions = select_histories(
        then,
        window_months=settings.time_window_months,
        season_window_months=settings.season_window_months,
        min_months_history=settings.min_months_history,
    )
    return PastMonth(then, histories, exclusions)


def past_months(panel: Panel, months: Iterable[Month], settings: HistorySettings) -> Iterator[PastMonth]:
    """Yield the DFUs as of each of the months, one month in memory at a time beside the panel."""
    for month in months:
        yield past_month(panel, month, settings)
