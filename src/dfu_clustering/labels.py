"""Business labels: an ordered table of rules gives every cluster a base name, traits make the names unique."""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import pandas as pd

from dfu_clustering.config import LabelingConfig
from dfu_clustering.errors import DataError
from dfu_clustering.traits import Word, as_suffix, as_text, tell_apart

Sign = Literal[">=", ">", "<="]

_COMPARE: Final = {">=": operator.ge, ">": operator.gt, "<=": operator.le}
_OPPOSITE: Final = {">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True)
class Condition:
    """What one value of a cluster's profile must be."""

    feature: str
    sign: Sign
    threshold: Callable[[LabelingConfig], float]

    def holds(self, profile: Mapping[str, float], config: LabelingConfig) -> bool:
        """Return whether the cluster's value is on the right side of the threshold."""
        return bool(_COMPARE[self.sign](profile[self.feature], self.threshold(config)))

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

_TRAIT_VALUES: Final = ("log_growth", "peak_month", "peak_agreement", "sparsity_score", "cv2_demand")
_JUDGED: Final = list(
    dict.fromkeys(["mean_demand", *(c.feature for pattern in PATTERNS for c in pattern.conditions), *_TRAIT_VALUES])
)
_MAY_BE_UNDEFINED: Final = ["growth_rate", "peak_month"]


@dataclass(frozen=True)
class ClusterLabel:
    """What a cluster is called and why.

    Attributes:
        cluster_id: The cluster.
        label: ``base`` with the words of ``traits``; no other cluster of the run bears it.
        base: Name by volume tier and pattern.
        traits: Words that tell the cluster from others of the same base.
        reason: Every rule that made the label, with the cluster's value and the threshold.
        values: What rules and traits looked at, by name of the profile's column; NaN where undefined.
    """

    cluster_id: int
    label: str
    base: str
    traits: tuple[str, ...]
    reason: str
    values: Mapping[str, float]


def label_clusters(
    profiles: pd.DataFrame,
    scales: pd.DataFrame,
    bounds: tuple[float, float],
    config: LabelingConfig,
    *,
    published: Mapping[int, str] | None = None,
) -> tuple[ClusterLabel, ...]:
    """Name every cluster by the first rule that holds and tell clusters of one name apart by traits.

    Args:
        profiles: What profile_clusters() returned; the order of the rows does not matter.
        scales: What feature_scales() returned.
        bounds: What volume_bounds() returned: mean_demand of the tiers low and high, units a month.
        config: Thresholds of the rules and traits.
        published: Label that the matching published cluster bears, by cluster_id; its suffix is kept where the base is
            still the same, other clusters still share it and the words are still true.

    Returns:
        One label a cluster, by ascending cluster_id; all different, lower_snake_case.

    Raises:
        DataError: A profile lacks a value that the rules need, or a cluster occurs twice.
    """
    judged = _judged_values(profiles)
    base_of = {cluster: _base(judged.loc[cluster].to_dict(), bounds, config) for cluster in judged.index.tolist()}
    words = _words(judged, {cluster: base.name for cluster, base in base_of.items()}, scales, config, published or {})
    return tuple(
        _cluster_label(cluster, base, words[cluster], judged.loc[cluster].to_dict())
        for cluster, base in base_of.items()
    )


class _Base(NamedTuple):
    name: str
    reason: str


def _base(profile: Mapping[str, float], bounds: tuple[float, float], config: LabelingConfig) -> _Base:
    tier, tier_reason = _tier(profile["mean_demand"], bounds, config)
    for pattern in PATTERNS:
        if all(condition.holds(profile, config) for condition in pattern.conditions):
            because = ", ".join(condition.text(profile, config) for condition in pattern.conditions)
            return _Base(pattern.base.format(tier=tier), f"{pattern.name}: {because}; {tier_reason}")
    return _Base(f"{tier}_volume", f"no pattern: {_what_fails(profile, config)}; {tier_reason}")


def _what_fails(profile: Mapping[str, float], config: LabelingConfig) -> str:
    failing = ((p.name, next(c for c in p.conditions if not c.holds(profile, config))) for p in PATTERNS)
    return ", ".join(f"not {name} ({condition.text(profile, config)})" for name, condition in failing)


def _tier(mean_demand: float, bounds: tuple[float, float], config: LabelingConfig) -> tuple[str, str]:
    """Return the tier and why; where both bounds are one value, that value is neither high nor low."""
    low, high = bounds
    quantiles = config.volume_thresholds
    low_quantile, high_quantile = (f"{q * 100:g} % quantile" for q in (quantiles.low, quantiles.high))
    if mean_demand >= high and mean_demand > low:
        tier, compared = "high", f">= {as_text(high)} ({high_quantile})"
    elif mean_demand <= low and mean_demand < high:
        tier, compared = "low", f"<= {as_text(low)} ({low_quantile})"
    else:
        tier = "medium"
        compared = f"between {as_text(low)} ({low_quantile}) and {as_text(high)} ({high_quantile})"
    return tier, f"{tier} volume: median mean_demand {as_text(mean_demand)} {compared}"


def _words(
    judged: pd.DataFrame,
    base_of: Mapping[int, str],
    scales: pd.DataFrame,
    config: LabelingConfig,
    published: Mapping[int, str],
) -> dict[int, tuple[Word, ...]]:
    words: dict[int, tuple[Word, ...]] = {}
    for base in sorted(set(base_of.values())):
        clusters = [cluster for cluster in base_of if base_of[cluster] == base]
        borne = {c: published[c].removeprefix(base) for c in clusters if published.get(c, "").startswith(base)}
        words |= tell_apart(judged.loc[clusters], scales, config, borne)
    return words


def _cluster_label(cluster_id: int, base: _Base, words: tuple[Word, ...], values: Mapping[str, float]) -> ClusterLabel:
    traits = tuple(word.text for word in words)
    reason = "; ".join([base.reason, *(f"_{word.text}: {word.because}" for word in words)])
    return ClusterLabel(cluster_id, base.name + as_suffix(traits), base.name, traits, reason, values)


def _judged_values(profiles: pd.DataFrame) -> pd.DataFrame:
    judged = profiles.reindex(columns=_JUDGED).astype(float).sort_index()
    undefined = judged.drop(columns=_MAY_BE_UNDEFINED).isna().any()
    if undefined.any() or not judged.index.is_unique:
        raise DataError(
            "Profiles must hold one row a cluster with every value that the label rules judge",
            found=f"{len(judged)} rows for {judged.index.nunique()} clusters; columns with a missing value",
            keys=undefined.index[undefined].tolist(),
            remedy="run the training step again: it writes the profiles",
        )
    return judged
