"""Everything that a row may know: demand, features, groups and indices, each as of the row's month."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from dfu_clustering.forecast_value.arms import Arm, Block
from dfu_clustering.forecast_value.known_demand import Columns, KnownDemand, base_columns
from dfu_clustering.forecast_value.known_groups import KnownGroups, KnownIndices, OwnIndices, not_shrunk, shrunk_to
from dfu_clustering.forecast_value.past_features import MonthFeatures, feature_columns
from dfu_clustering.forecast_value.rows import Rows

CATEGORIES: Final = frozenset({"group", "demand_class", "calendar_month"})


@dataclass(frozen=True, eq=False)
class Known:
    """What is known whatever the origin.

    Attributes:
        demand: Of all DFUs.
        features: As of each month.
        own: The DFUs' own indices as of each month.
        to_all: The same, shrunk to the index of all DFUs.
    """

    demand: KnownDemand
    features: Mapping[int, MonthFeatures]
    own: OwnIndices
    to_all: KnownIndices

    @cached_property
    def own_index(self) -> KnownIndices:
        """The DFUs' own indices alone."""
        return not_shrunk(self.own, len(self.demand.by_month))


@dataclass(frozen=True, eq=False)
class KnownAtOrigin:
    """What is known at one origin, for one seed.

    Attributes:
        known: Whatever the origin.
        segments: Of the origin.
        to_segment: Indices shrunk to them.
        random: A random partition of the same sizes.
    """

    known: Known
    segments: KnownGroups
    to_segment: KnownIndices
    random: KnownGroups

    @cached_property
    def to_random(self) -> KnownIndices:
        """The indices shrunk to the random groups."""
        return shrunk_to(self.known.own, self.random)

    def groups(self, block: Block) -> KnownGroups:
        """Return the groups of a block."""
        return self.segments if block == Block.SEGMENT else self.random

    def columns(self, arm: Arm, rows: Rows) -> Columns:
        """Return the columns that an arm trains on, of rows."""
        columns = base_columns(self.known.demand, rows.dfu, rows.as_of, rows.horizon)
        for block in arm.blocks:
            columns |= self._block(block)(rows)
        return columns

    def _block(self, block: Block) -> Callable[[Rows], Columns]:
        demand = self.known.demand
        if block == Block.FEATURES:
            return lambda rows: feature_columns(self.known.features, demand, rows)
        if block in (Block.SEGMENT, Block.RANDOM_GROUP):
            return lambda rows: {"group": self.groups(block).as_column(rows)}
        indices = {
            Block.OWN_INDEX: self.known.own_index,
            Block.INDEX_TO_ALL: self.known.to_all,
            Block.INDEX_TO_SEGMENT: self.to_segment,
        }
        index = indices.get(block) or self.to_random
        return lambda rows: index.columns(demand, rows)
