"""One of two runs that are compared: its labels, and what they were judged on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from dfu_clustering.config.clustering import VolumeThresholds
from dfu_clustering.labels.churn import Words
from dfu_clustering.labels.rules import JUDGED_FEATURES, Bounds, volume_bounds


@dataclass(frozen=True, eq=False)
class Side:
    """The labels of a run and the values behind them; a run that kept no values has no rows of these.

    Attributes:
        labels: dfu_ck and cluster_label.
        own_values: JUDGED_FEATURES of the clustered DFUs, indexed by dfu_ck.
        left_out: dfu_ck and mean_demand of the DFUs that were not clustered; None: not kept.
        sparsity_bounds: Months that ``sparser`` and ``denser`` are measured against, by pattern and traits.
    """

    labels: pd.DataFrame
    own_values: pd.DataFrame
    left_out: pd.DataFrame | None = None
    sparsity_bounds: Mapping[Words, float] = field(default_factory=dict)

    @cached_property
    def judged(self) -> pd.DataFrame:
        """What words are judged by, and the mean demand of new and inactive DFUs where the run kept it."""
        judged = self.own_values[self.own_values.columns.intersection(list(JUDGED_FEATURES))]
        if self.left_out is None or self.left_out.empty:
            return judged
        return pd.concat([judged, self.left_out.set_index("dfu_ck")[["mean_demand"]]])

    def tier_bounds(self, thresholds: VolumeThresholds) -> Bounds:
        """Return the bounds of the volume tiers; of a run that kept no values they are not known."""
        if self.own_values.empty:
            return Bounds(np.nan, np.nan)
        return volume_bounds(self.own_values["mean_demand"].to_numpy(np.float64), thresholds)
