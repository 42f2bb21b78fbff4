"""The ordered table of label rules: a volume tier and the first pattern that holds make a cluster's base name.

A published base name is kept while its own rule is missed by no more than a margin and no rule before it is exceeded by
more than the margin: a median that wanders across a threshold by a hair renames nobody.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.traits import as_text

Sign = Literal[">=", ">", "<="]

_COMPARE: Final = {">=": operator.ge, ">": operator.gt, "<=": operator.le}
_OPPOSITE: Final = {">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True)
class Condition:
    """What one value of a cluster's profile must be."""

    feature: str
    sign: Sign
    threshold: Callable[[LabelingConfig], float]

    def holds(self, profile: Mapping[str, float], config: LabelingConfig, slack: float = 0.0) -> bool:
        """Return whether the cluster's value is on the right side of the threshold.

        Args:
            profile: Values of the cluster.
            config: Thresholds.
            slack: Share of the threshold by which the value may miss it; negative: must exceed it.
        """
        threshold = self.threshold(config)
        easier = -slack if self.sign in (">=", ">") else slack
        return bool(_COMPARE[self.sign](profile[self.feature], threshold + easier * abs(threshold)))

    def text(self, profile: Mapping[str, float], config: LabelingConfig) -> str:
        """Return the comparison as it turned out: ``median seasonality_strength 0.71 >= 0.5``."""
        what = self.feature if self.feature.endswith("_share") else f"median {self.feature}"
        if math.isnan(value := profile[self.feature]):
            return f"{what} undefined"
        sign = self.sign if self.holds(profile, config) else _OPPOSITE[self.sign]
        return f"{what} {as_text(value)} {sign} {as_text(self.threshold(config))}"


@dataclass(frozen=True)
class Pattern:
    """A pattern of demand, how it is written into a name, and the conditions that must all hold."""

    name: str
    base: str
    conditions: tuple[Condition, ...]

    def holds(self, profile: Mapping[str, float], config: LabelingConfig, slack: float = 0.0) -> bool:
        """Return whether all conditions hold; slack as in Condition.holds()."""
        return all(condition.holds(profile, config, slack) for condition in self.conditions)


PATTERNS: Final = (
    Pattern(
        "seasonal",
        "seasonal_{tier}_volume",
        (Condition("seasonality_strength", ">=", lambda config: config.seasonality_threshold),),
    ),
    Pattern(
        "growing",
        "{tier}_volume_growing",
        (
            Condition("growth_rate", ">=", lambda config: config.growth_threshold),
            Condition("rising_share", ">=", lambda _: 0.5),
        ),
    ),
    Pattern(
        "declining",
        "{tier}_volume_declining",
        (
            Condition("growth_rate", "<=", lambda config: -config.growth_threshold),
            Condition("falling_share", ">=", lambda _: 0.5),
        ),
    ),
    Pattern(
        "intermittent",
        "intermittent_{tier}_volume",
        (Condition("zero_demand_pct", ">", lambda config: config.zero_demand_threshold),),
    ),
    Pattern(
        "volatile",
        "{tier}_volume_volatile",
        (Condition("cv_demand", ">", lambda config: config.cv_thresholds.volatile),),
    ),
    Pattern(
        "steady",
        "{tier}_volume_steady",
        (Condition("cv_demand", "<=", lambda config: config.cv_thresholds.steady),),
    ),
)

TIERS: Final = ("high", "medium", "low")
NO_PATTERN: Final = Pattern("no pattern", "{tier}_volume", ())

Bounds = tuple[float, float]


class Base(NamedTuple):
    """A base name: what it is made of, and why."""

    tier: str
    pattern: Pattern
    reason: str

    @property
    def name(self) -> str:
        """Return the name, ``seasonal_high_volume``."""
        return self.pattern.base.format(tier=self.tier)


class PublishedLabel(NamedTuple):
    """A label taken apart: tier and pattern of its base name, and the words of its suffix."""

    text: str
    tier: str
    pattern: Pattern
    words: tuple[str, ...]

    @property
    def base(self) -> str:
        """Return the base name."""
        return self.pattern.base.format(tier=self.tier)

    @classmethod
    def parse(cls, label: str) -> "PublishedLabel | None":
        """Return the parts; None where no rule of today makes such a label."""
        named = [(p.base.format(tier=tier), tier, p) for p in (*PATTERNS, NO_PATTERN) for tier in TIERS]
        fitting = [entry for entry in named if label == entry[0] or label.startswith(f"{entry[0]}_")]
        if not fitting:
            return None
        base, tier, pattern = max(fitting, key=lambda entry: len(entry[0]))
        return cls(label, tier, pattern, tuple(_WORDS.findall(label.removeprefix(base))))


_WORDS: Final = re.compile(r"peak_q\d|[a-z]+|\d+")


def base_of(
    profile: Mapping[str, float],
    bounds: Bounds,
    config: LabelingConfig,
    published: PublishedLabel | None = None,
    margin: float = 0.0,
) -> Base:
    """Return the base name of a cluster.

    Args:
        profile: Values of the cluster.
        bounds: mean_demand of the tiers low and high, units a month.
        config: Thresholds.
        published: The label that it bears so far.
        margin: Share of a threshold or bound by which the published base may miss it.
    """
    by_rule = _pattern(profile, config)
    base = _with_tier(by_rule, profile, bounds, config)
    if published is None:
        return base
    kept = _pattern(profile, config, published.pattern, margin)
    if kept[0] not in (published.pattern, by_rule[0]):
        # the published pattern holds no more, and a margin against the next one protects nobody
        kept = by_rule
    held = _with_tier(kept, profile, bounds, config, published.tier, margin)
    if held.name == base.name:
        return held._replace(reason=base.reason)
    return held._replace(
        reason=f"{held.reason}; published and kept within {margin:.0%} of the thresholds (by these: {base.name})"
    )


def _with_tier(
    found: tuple[Pattern, str],
    profile: Mapping[str, float],
    bounds: Bounds,
    config: LabelingConfig,
    published: str | None = None,
    margin: float = 0.0,
) -> Base:
    tier, reason = _tier(profile["mean_demand"], bounds, config, published, margin)
    return Base(tier, found[0], f"{found[1]}; {reason}")


def _pattern(
    profile: Mapping[str, float], config: LabelingConfig, published: Pattern | None = None, margin: float = 0.0
) -> tuple[Pattern, str]:
    for pattern in PATTERNS:
        slack = 0.0 if published is None else margin if pattern == published else -margin
        if pattern.holds(profile, config, slack):
            because = ", ".join(condition.text(profile, config) for condition in pattern.conditions)
            return pattern, f"{pattern.name}: {because}"
    return NO_PATTERN, f"no pattern: {_what_fails(profile, config)}"


def _what_fails(profile: Mapping[str, float], config: LabelingConfig) -> str:
    return ", ".join(_why_not(pattern, profile, config) for pattern in PATTERNS)


def _why_not(pattern: Pattern, profile: Mapping[str, float], config: LabelingConfig) -> str:
    """Return the first condition that fails; where none does, a published name was kept although all hold."""
    failing = next((c for c in pattern.conditions if not c.holds(profile, config)), None)
    if failing is None:
        return f"hardly {pattern.name} ({pattern.conditions[0].text(profile, config)})"
    return f"not {pattern.name} ({failing.text(profile, config)})"


def _tier(
    mean_demand: float, bounds: Bounds, config: LabelingConfig, published: str | None, margin: float
) -> tuple[str, str]:
    low, high = bounds
    quantiles = config.volume_thresholds
    low_text, high_text = (
        f"{as_text(bound)} ({quantile * 100:g} % quantile)"
        for bound, quantile in ((low, quantiles.low), (high, quantiles.high))
    )
    tier = _tier_between(mean_demand, low, high)
    if published is not None:
        # the published tier reaches a margin further
        wider = _tier_between(
            mean_demand,
            low * (1 + margin if published == "low" else 1 - margin),
            high * (1 - margin if published == "high" else 1 + margin),
        )
        tier = wider if wider == published else tier
    compared = f"between {low_text} and {high_text}"
    if tier == "high" and mean_demand >= high:
        compared = f">= {high_text}"
    if tier == "low" and mean_demand <= low:
        compared = f"<= {low_text}"
    if tier == "medium" and not low < mean_demand < high and low < high:
        compared = f"near {low_text if mean_demand <= low else high_text}"
    return tier, f"{tier} volume: median mean_demand {as_text(mean_demand)} {compared}"


def _tier_between(mean_demand: float, low: float, high: float) -> str:
    """Return the tier; where both bounds are one value, that value is neither high nor low."""
    if mean_demand >= high and mean_demand > low:
        return "high"
    return "low" if mean_demand <= low and mean_demand < high else "medium"
