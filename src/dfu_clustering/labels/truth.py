"""Whether the words of labels are true of the DFUs that have them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dfu_clustering.arrays import Flags, Integers
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.rules import Bounds, Values, tiers_within, true_of
from dfu_clustering.labels.traits import Trait, traits_of
from dfu_clustering.labels.vocabulary import TIERS, Label


class Claim(NamedTuple):
    """A label with what its words are measured against.

    Attributes:
        label: The words.
        sparsity_bound_months: What ``sparser`` and ``denser`` are measured against; 0 where neither is said.
    """

    label: Label
    sparsity_bound_months: float = 0.0

    def traits(self) -> tuple[Trait, ...]:
        """Return what the trait words claim."""
        return traits_of(self.label.traits, self.sparsity_bound_months)

    def is_true(self, values: Values, bounds: Bounds, config: LabelingConfig, margin: float = 0.0) -> Flags:
        """Return for which DFUs all words are true: strictly, or within a margin."""
        true: Flags = tiers_within(values["mean_demand"], bounds, margin)[:, TIERS.index(self.label.tier)]
        true &= true_of(values, config, self.label.pattern, margin)
        for trait in self.traits():
            true &= trait.holds(values, config, margin)
        return true


def claims_are_true(
    claims: Sequence[Claim],
    place: Integers,
    values: Values,
    bounds: Bounds,
    config: LabelingConfig,
    margin: float = 0.0,
) -> Flags:
    """Return for which DFUs all words of their own label are true: strictly, or within a margin.

    Args:
        claims: The labels.
        place: (n_dfus,) place of each DFU's label among them.
        values: (n_dfus,) each.
        bounds: Of the volume tiers.
        config: Thresholds.
        margin: 0: strictly; above: thresholds eased by this share, and without tests of significance.
    """
    true = np.zeros(len(place), dtype=np.bool_)
    for at, claim in enumerate(claims):
        rows = np.flatnonzero(place == at)
        members = {name: of_all[rows] for name, of_all in values.items()}
        true[rows] = claim.is_true(members, bounds, config, margin)
    return true
