"""Business labels: an ordered table of rules gives every cluster a base name, traits make the names unique."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.errors import DataError
from dfu_clustering.labels.published_suffixes import keep_words
from dfu_clustering.labels.rules import PATTERNS, Base, PublishedLabel, base_of
from dfu_clustering.labels.traits import Word, as_suffix, tell_apart

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
        published: The label that the published cluster bears which this one continues; None where it continues none.
    """

    cluster_id: int
    label: str
    base: str
    traits: tuple[str, ...]
    reason: str
    values: Mapping[str, float]
    published: str | None = None


def label_clusters(
    profiles: pd.DataFrame,
    scales: pd.DataFrame,
    bounds: tuple[float, float],
    config: LabelingConfig,
    *,
    published: Mapping[int, str] | None = None,
    margin: float = 0.0,
) -> tuple[ClusterLabel, ...]:
    """Name every cluster by the first rule that holds and tell clusters of one name apart by traits.

    Args:
        profiles: What profile_clusters() returned; the order of the rows does not matter.
        scales: What feature_scales() returned.
        bounds: What volume_bounds() returned: mean_demand of the tiers low and high, units a month.
        config: Thresholds of the rules and traits.
        published: Label that the matching published cluster bears, by cluster_id. It is kept while its meaning holds:
            its rule within ``margin``, and the words of its suffix.
        margin: Share of a threshold by which a cluster may miss it and keep its published label.

    Returns:
        One label a cluster, by ascending cluster_id; all different, lower_snake_case.

    Raises:
        DataError: A profile lacks a value that the rules need, or a cluster occurs twice.
    """
    judged = _judged_values(profiles)
    values = {cluster: judged.loc[cluster].to_dict() for cluster in judged.index.tolist()}
    borne = _borne(published or {}, values)
    bases = {cluster: base_of(values[cluster], bounds, config, borne.get(cluster), margin) for cluster in values}
    words = _words(judged, {cluster: base.name for cluster, base in bases.items()}, scales, config, borne, margin)
    return tuple(
        _cluster_label(cluster, base, words[cluster], values[cluster], (published or {}).get(cluster))
        for cluster, base in bases.items()
    )


def _borne(published: Mapping[int, str], clusters: Iterable[int]) -> dict[int, PublishedLabel]:
    """Return the published labels that can be kept: made by a rule of today, and borne by one cluster."""
    borne: dict[int, PublishedLabel] = {}
    for cluster in clusters:
        label = PublishedLabel.parse(published.get(cluster, ""))
        if label is not None and label.text not in {other.text for other in borne.values()}:
            borne[cluster] = label
    return borne


def _words(
    judged: pd.DataFrame,
    base_of_cluster: Mapping[int, str],
    scales: pd.DataFrame,
    config: LabelingConfig,
    borne: Mapping[int, PublishedLabel],
    margin: float,
) -> dict[int, tuple[Word, ...]]:
    words: dict[int, tuple[Word, ...]] = {}
    for base in sorted(set(base_of_cluster.values())):
        clusters = [cluster for cluster in base_of_cluster if base_of_cluster[cluster] == base]
        same_base = {c: borne[c].words for c in clusters if c in borne and borne[c].base == base}
        suffixes = {cluster: as_suffix(texts) for cluster, texts in same_base.items()}
        profiles = {cluster: dict(judged.loc[cluster]) for cluster in clusters}
        told_apart = tell_apart(judged.loc[clusters], scales, config, suffixes)
        words |= keep_words(profiles, config, same_base, told_apart, margin)
    return words


def _cluster_label(
    cluster_id: int, base: Base, words: tuple[Word, ...], values: Mapping[str, float], published: str | None
) -> ClusterLabel:
    traits = tuple(word.text for word in words)
    label = base.name + as_suffix(traits)
    reason = "; ".join([base.reason, *(f"_{word.text}: {word.because}" for word in words)])
    if published is not None and published != label:
        reason = f"{reason}; new, the published {published} holds no more"
    return ClusterLabel(cluster_id, label, base.name, traits, reason, values, published)


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
