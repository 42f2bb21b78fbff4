"""Every arm at every origin with every seed, and how wrong each is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from dfu_clustering.arrays import Floats
from dfu_clustering.features.demand_block import YEAR_MONTHS
from dfu_clustering.forecast_value.arms import ARMS, BASE, Arm
from dfu_clustering.forecast_value.known_demand import KnownDemand
from dfu_clustering.forecast_value.known_groups import KnownGroups, shrunk_to
from dfu_clustering.forecast_value.known_world import CATEGORIES, Known, KnownAtOrigin
from dfu_clustering.forecast_value.learner import fit, table
from dfu_clustering.forecast_value.measures import MEASURES, Measure, scores
from dfu_clustering.forecast_value.rows import Rows, forecast_rows, targets, training_rows, weights

DEFAULT_SEEDS: Final = 3
MEAN_OF_A_YEAR: Final = "mean of 12 months"
SEASONAL_NAIVE: Final = "seasonal naive"
ZERO: Final = "zero"

_LEAST_ROWS_OF_A_MODEL: Final = 500  # a group with fewer is forecast by the model of all


@dataclass(frozen=True)
class Design:
    """What is measured.

    Attributes:
        origins: Places of the months, the oldest first.
        horizon_months: Months that are forecast from each.
        seeds: Trainings of each arm at each origin.
        workers: Arms that are trained at the same time, each by one core.
        arms: What is trained; the base among them, and the control of each.
    """

    origins: tuple[int, ...]
    horizon_months: int
    seeds: int = DEFAULT_SEEDS
    workers: int = 1
    arms: tuple[Arm, ...] = ARMS

    @property
    def trainings(self) -> int:
        """Return how many arms are trained in all."""
        return len(self.origins) * self.seeds * len(self.arms)


OneScore = dict[Measure, float]
Errors = Mapping[Measure, Floats]  # (n_origins, n_seeds) each; references have one column


def evaluate(
    known: Known,
    design: Design,
    segments_at: Callable[[int], KnownGroups],
    *,
    on_training: Callable[[], None] = lambda: None,
) -> dict[str, Errors]:
    """Return the errors of all arms and of the references, by name.

    Args:
        known: What is known as of each month.
        design: What is measured.
        segments_at: The segments of an origin as of each month up to it, from what was known at the origin.
        on_training: Called after each training.
    """
    found: dict[str, list[list[OneScore]]] = {}
    with ThreadPoolExecutor(design.workers) as pool:
        for origin in design.origins:
            by_name = _references(known.demand, origin, design.horizon_months)
            groups = segments_at(origin)
            to_segment = shrunk_to(known.own, groups)
            for seed in range(design.seeds):
                random = groups.shuffled(np.random.default_rng([seed, origin]))
                trial = _Trial.of(KnownAtOrigin(known, groups, to_segment, random), origin, design, seed)
                for arm, of_arm in zip(design.arms, pool.map(trial.scores, design.arms), strict=True):
                    by_name.setdefault(arm.name, []).append(of_arm)
                    on_training()
            for name, of_seeds in by_name.items():
                found.setdefault(name, []).append(of_seeds)
    return {name: _as_arrays(of_origins) for name, of_origins in found.items()}


def reference_forecasts(demand: KnownDemand, rows: Rows) -> dict[str, Floats]:
    """Return the (n_rows,) forecasts that need no training, by name.

    The seasonal naive forecast of a DFU that had not sold a year before is the mean of its months.
    """
    mean = demand.recent_mean(YEAR_MONTHS, rows.as_of, rows.dfu)
    year_before = demand.demand(rows.month - YEAR_MONTHS, rows.dfu)
    naive = np.where(np.isnan(year_before), mean, year_before)
    return {MEAN_OF_A_YEAR: mean, SEASONAL_NAIVE: naive, ZERO: np.zeros_like(mean)}


@dataclass(frozen=True, eq=False)
class _Trial:
    """One origin and one seed: all arms are trained on the same rows.

    Attributes:
        known: What is known.
        origin: Place of the month.
        train: Rows that are trained on.
        ahead: Rows that are forecast.
        seed: Of LightGBM.
    """

    known: KnownAtOrigin
    origin: int
    train: Rows
    ahead: Rows
    seed: int

    @classmethod
    def of(cls, known: KnownAtOrigin, origin: int, design: Design, seed: int) -> "_Trial":
        """Draw the rows."""
        demand, horizon = known.known.demand, design.horizon_months
        train = training_rows(demand, origin, horizon_months=horizon, seed=seed)
        return cls(known, origin, train, forecast_rows(demand, origin, horizon_months=horizon), seed)

    def scores(self, arm: Arm) -> dict[Measure, float]:
        """Train an arm, forecast, and measure."""
        demand = self.known.known.demand
        by_scale = self.by_base if arm == BASE else self._of_each(arm) if arm.models_by else self._of_all(arm)
        forecast = np.maximum(by_scale, 0.0) * demand.scales[self.origin, self.ahead.dfu]
        return scores(demand.by_month[self.ahead.month, self.ahead.dfu], forecast, self.ahead.dfu, demand, self.origin)

    @cached_property
    def by_base(self) -> Floats:
        """The (n_rows,) forecasts of the base by the scale."""
        return self._of_all(BASE)

    def _of_all(self, arm: Arm, train: Rows | None = None, ahead: Rows | None = None) -> Floats:
        """Return forecasts by the scale of one model of an arm's columns."""
        demand, train, ahead = self.known.known.demand, train or self.train, ahead or self.ahead
        model = fit(
            self.known.columns(arm, train),
            targets(demand, train),
            weights(demand, train, self.origin),
            categories=CATEGORIES,
            seed=self.seed,
        )
        predicted = model.predict(table(self.known.columns(arm, ahead)), num_threads=1)
        return np.asarray(predicted, dtype=np.float64)

    def _of_each(self, arm: Arm) -> Floats:
        """Return forecasts of a model for each group; where a group has too few rows, of the model of all."""
        groups = self.known.groups(arm.models_by) if arm.models_by else self.known.segments
        of_train, of_ahead = groups.of(self.train), groups.of(self.ahead)
        forecast = self.by_base.copy()
        for group in np.unique(of_ahead[of_ahead >= 0]).tolist():
            members, wanted = np.flatnonzero(of_train == group), np.flatnonzero(of_ahead == group)
            if len(members) >= _LEAST_ROWS_OF_A_MODEL:
                forecast[wanted] = self._of_all(arm, self.train.at(members), self.ahead.at(wanted))
        return forecast


def _references(demand: KnownDemand, origin: int, horizon_months: int) -> dict[str, list[OneScore]]:
    rows = forecast_rows(demand, origin, horizon_months=horizon_months)
    sold = demand.by_month[rows.month, rows.dfu]
    forecasts = reference_forecasts(demand, rows)
    return {name: [scores(sold, forecast, rows.dfu, demand, origin)] for name, forecast in forecasts.items()}


def _as_arrays(of_origins: Sequence[Iterable[Mapping[Measure, float]]]) -> dict[Measure, Floats]:
    return {
        measure: np.array([[of_seed[measure] for of_seed in of_seeds] for of_seeds in of_origins])
        for measure in MEASURES
    }
