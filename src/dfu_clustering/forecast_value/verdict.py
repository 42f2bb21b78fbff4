"""What the columns are worth on these sales, and what to train on: each arm beside the base and beside its control."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from pydantic import AwareDatetime

from dfu_clustering.arrays import Floats
from dfu_clustering.files.summary import Summary
from dfu_clustering.forecast_value.arms import BASE, BY_NAME, JUDGED
from dfu_clustering.forecast_value.evaluation import MEAN_OF_A_YEAR, Errors
from dfu_clustering.forecast_value.measures import MEASURE_NAMES, MEASURES, Measure
from dfu_clustering.forecast_value.paired import Comparison, Finding, compare, finding_of, mean_over_seeds

_AS_GOOD_AS_ZERO: Final = 0.95  # WAPE; a forecast of zero has 1.0


class ArmScores(Summary):
    """How wrong one way to forecast is, mean of the origins.

    Attributes:
        name: Of the arm or reference.
        errors: By measure; None where nothing could be measured.
        by_base: Geometric mean over the origins of its error by that of the base, by measure.
    """

    name: str
    errors: dict[Measure, float | None]
    by_base: dict[Measure, float | None]


class JudgedArm(Summary):
    """What an arm is worth.

    Attributes:
        name: Of the arm.
        what: What it trains on.
        control: The arm that has the same but the meaning.
        finding: By the measure that decides, against base and control.
        against_base: By measure.
        against_control: By measure.
    """

    name: str
    what: str
    control: str
    finding: Finding
    against_base: dict[Measure, Comparison]
    against_control: dict[Measure, Comparison]


class Verdict(Summary):
    """What segments are worth to a forecaster of these sales.

    Attributes:
        measured_at: When.
        source: Name of the warehouse or file.
        as_of_month: Newest month of the sales.
        n_dfus: DFUs that were measured.
        of_dfus: DFUs that there are; more than were measured where a sample was drawn.
        origins: Months from which was forecast.
        horizon_months: Months ahead.
        seeds: Trainings of each arm at each origin.
        decided_by: The measure that decides.
        judged: What each arm is worth, the sooner the rather it is recommended.
        scores: Of all arms and references.
        notes: What a reader must know.
        sentence: What to train on.
    """

    measured_at: AwareDatetime
    source: str
    as_of_month: str
    n_dfus: int
    of_dfus: int
    origins: list[str]
    horizon_months: int
    seeds: int
    decided_by: Measure
    judged: list[JudgedArm]
    scores: list[ArmScores]
    notes: list[str]
    sentence: str

    @property
    def train_on(self) -> JudgedArm | None:
        """Return the arm that is recommended; None: the base alone."""
        return next((arm for arm in self.judged if arm.finding == "pays"), None)


def judge(errors: Mapping[str, Errors], *, overlapping: int) -> tuple[Measure, list[JudgedArm]]:
    """Return the measure that decides, and what each arm is worth by it.

    Args:
        errors: Of arms and references, by name.
        overlapping: How many origins after each one have target months in common with it.
    """
    logs = {name: {of: mean_over_seeds(values) for of, values in found.items()} for name, found in errors.items()}
    decides = deciding_measure(float(errors[BASE.name]["wape"].mean()))
    judged = []
    for arm in (arm for arm in JUDGED if arm.name in errors):
        control = arm.control or BASE.name
        against_base, against_control = (_against(logs, arm.name, other, overlapping) for other in (BASE.name, control))
        judged.append(
            JudgedArm(
                name=arm.name,
                what=arm.what,
                control=control,
                finding=finding_of(against_base[decides], against_control[decides]),
                against_base=against_base,
                against_control=against_control,
            )
        )
    return decides, judged


def metrics_of(verdict: Verdict) -> dict[str, float]:
    """Return errors, and ratios with their intervals, under the names that MLflow shows."""
    found = {"n_dfus": float(verdict.n_dfus), "origins": float(len(verdict.origins))}
    for of in verdict.scores:
        found |= {f"{measure}.{_named(of.name)}": value for measure, value in of.errors.items() if value is not None}
    for arm in verdict.judged:
        for against, by in (("base", arm.against_base), ("control", arm.against_control)):
            for measure, one in by.items():
                name = f"{measure}_by_{against}.{_named(arm.name)}"
                found |= {name: one.ratio, f"{name}.low": one.low, f"{name}.high": one.high}
    return found


def deciding_measure(wape: float) -> Measure:
    """Return WAPE, or RMSSE where WAPE is about that of a forecast of zero, 1.0, and therefore says nothing."""
    return "rmsse" if wape >= _AS_GOOD_AS_ZERO else "wape"


def scores_of(errors: Mapping[str, Errors]) -> list[ArmScores]:
    """Return the mean errors of all arms and references, in the order in which they were measured."""
    base = {measure: mean_over_seeds(values) for measure, values in errors[BASE.name].items()}
    return [
        ArmScores(
            name=name,
            errors={measure: _number(values.mean()) for measure, values in found.items()},
            by_base={
                measure: _number(np.exp((mean_over_seeds(values) - base[measure]).mean()))
                for measure, values in found.items()
            },
        )
        for name, found in errors.items()
    ]


def notes_of(errors: Mapping[str, Errors], decides: Measure) -> list[str]:
    """Return what a reader must know of these sales before the figures."""
    notes = []
    base, mean = (float(errors[name]["wape"].mean()) for name in (BASE.name, MEAN_OF_A_YEAR))
    if decides == "rmsse":
        notes.append(sparse_note(base))
    judged: tuple[Measure, ...] = ("wape", "rmsse")
    weak = [of for of in judged if errors[BASE.name][of].mean() >= errors[MEAN_OF_A_YEAR][of].mean()]
    if weak:
        by = " and ".join(MEASURE_NAMES[measure] for measure in weak)
        notes.append(
            f"By {by} demand alone is forecast no better than by the mean of 12 months (WAPE {base:.3f}, {mean:.3f}):"
            " what improves such a base need not improve a good forecaster."
        )
    return notes


def sparse_note(wape: float) -> str:
    """Return why WAPE does not decide."""
    return f"WAPE says little where demand is so sparse: {wape:.2f}, and a forecast of zero has 1.00. RMSSE decides."


def sentence_of(judged: Sequence[JudgedArm], decides: Measure) -> str:
    """Return in one sentence what to train on."""
    best = next((arm for arm in judged if arm.finding == "pays"), None)
    if best is not None:
        found = best.against_base[decides]
        return (
            f"Train on {best.what}: {MEASURE_NAMES[decides]} was {1 - found.ratio:.1%} lower than on demand alone "
            f"({better_at(found)}; 95 % interval of the ratio {interval(found)}){_beyond(best, judged)}."
        )
    harmful = [arm.name for arm in judged if arm.finding == "harms"]
    beware = f"; {', '.join(harmful)} made forecasts worse" if harmful else ""
    helped = next((arm for arm in judged if arm.against_base[decides].is_better), None)
    if helped is not None:
        return (
            f"Train on demand alone, or on an index without segments: {MEASURE_NAMES[decides]} was "
            f"{1 - helped.against_base[decides].ratio:.1%} lower on {helped.what}, but not beyond chance lower than on "
            f"{BY_NAME[helped.control].what}: that segments make it so was not shown{beware}."
        )
    return f"Train on demand alone: no column improved forecasts beyond chance{beware}."


def interval(found: Comparison) -> str:
    """Return an interval for people."""
    return f"{found.low:.3f} to {found.high:.3f}"


def better_at(found: Comparison) -> str:
    """Return at how many origins it was better, for people."""
    return f"better at {found.better_origins} of {found.origins} origins"


def _beyond(arm: JudgedArm, judged: Sequence[JudgedArm]) -> str:
    if arm.control != BASE.name:
        return f", and lower than on {BY_NAME[arm.control].what}"
    with_segments = [one.name for one in judged if one.finding == "pays" and one.control != BASE.name]
    if with_segments:
        return f"; {' and '.join(with_segments)} did so, too"
    return "; that segments help was not shown"


def _against(
    logs: Mapping[str, Mapping[Measure, Floats]], arm: str, other: str, overlapping: int
) -> dict[Measure, Comparison]:
    return {
        measure: compare(logs[arm][measure] - logs[other][measure], overlapping=overlapping) for measure in MEASURES
    }


def _named(arm: str) -> str:
    return arm.replace(",", "").replace(" ", "_")


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
