"""Other names for segments that are as they were trained, by thresholds other than those of the training."""

import numpy as np

from dfu_clustering.arrays import Integers
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.rules import Bounds, Values, own_patterns, own_tiers
from dfu_clustering.labels.traits import trait_words
from dfu_clustering.labels.vocabulary import PATTERN_NAMES, TIERS, Label

_TRUE_SHARE = 0.9  # of the members, for which a trait word must be true


def renamed(
    trained: Label, sparsity_bound_months: float, values: Values, bounds: Bounds, config: LabelingConfig
) -> Label:
    """Return what a segment is called by the own words of its members under these thresholds.

    Tier and pattern are those that most members have by themselves (ties: the earlier in order); a trait word stays
    where it is true of nine members in ten.

    Args:
        trained: Its label by the training.
        sparsity_bound_months: What ``sparser`` and ``denser`` are measured against.
        values: (n_members,) each, their own.
        bounds: Of the volume tiers.
        config: Thresholds.
    """
    known = trait_words(sparsity_bound_months)
    pattern = _most_frequent(own_patterns(values, config), len(PATTERN_NAMES))
    tier = _most_frequent(own_tiers(values["mean_demand"], bounds), len(TIERS))
    true = (word for word in trained.traits if known[word].holds(values, config).mean() >= _TRUE_SHARE)
    return Label(PATTERN_NAMES[pattern], TIERS[tier], tuple(true))


def _most_frequent(places: Integers, n: int) -> int:
    return int(np.bincount(places, minlength=n).argmax())
