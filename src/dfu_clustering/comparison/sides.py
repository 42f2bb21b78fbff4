"""One of two runs that are compared: its labels, and what they were judged on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from dfu_clustering.config.clustering import LabelingConfig, RunSettings
from dfu_clustering.labels.churn import Words
from dfu_clustering.labels.ended_words import Judged
from dfu_clustering.labels.rules import JUDGED_FEATURES, Bounds, own_values, volume_bounds


@dataclass(frozen=True)
class Thresholds:
    """By which the labels of a run are judged.

    Attributes:
        labeling: Thresholds of the words.
        label_margin: Share of a threshold by which a word may be missed and still held.
        unchanged_move: Move up to which a DFU's history barely changed.
        min_months_history: Months of history from which a DFU is new no more.
    """

    labeling: LabelingConfig
    label_margin: float
    unchanged_move: float
    min_months_history: int

    @classmethod
    def of(cls, config: RunSettings) -> "Thresholds":
        """Return those of a configuration."""
        limits = config.stability
        return cls(config.labeling, limits.label_margin, limits.unchanged_move, config.min_months_history)


@dataclass(frozen=True, eq=False)
class Side:
    """The labels of a run and the values behind them; a run that kept no values has no rows of these.

    Attributes:
        labels: dfu_ck and cluster_label.
        thresholds: By which they were judged.
        own_values: JUDGED_FEATURES of the clustered DFUs, indexed by dfu_ck.
        left_out: dfu_ck and mean_demand of the DFUs that were not clustered; None: not kept.
        sparsity_bounds: Months that ``sparser`` and ``denser`` are measured against, by pattern and traits.
    """

    labels: pd.DataFrame
    thresholds: Thresholds
    own_values: pd.DataFrame
    left_out: pd.DataFrame | None = None
    sparsity_bounds: Mapping[Words, float] = field(default_factory=dict)

    def judged(self, dfu_ck: "pd.Series[str]") -> Judged:
        """Return what the labels of some DFUs were judged on; what is not known is NaN."""
        values = self._judged.reindex(index=dfu_ck, columns=list(JUDGED_FEATURES))
        return Judged(own_values(values), self._tier_bounds(), self.thresholds.labeling, self.thresholds.label_margin)

    @cached_property
    def _judged(self) -> pd.DataFrame:
        """What words are judged by, and the mean demand of new and inactive DFUs where the run kept it."""
        judged = self.own_values[self.own_values.columns.intersection(list(JUDGED_FEATURES))]
        if self.left_out is None or self.left_out.empty:
            return judged
        return pd.concat([judged, self.left_out.set_index("dfu_ck")[["mean_demand"]]])

    def _tier_bounds(self) -> Bounds:
        """Return the bounds of the volume tiers; of a run that kept no values they are not known."""
        if self.own_values.empty:
            return Bounds(np.nan, np.nan)
        return volume_bounds(
            self.own_values["mean_demand"].to_numpy(np.float64), self.thresholds.labeling.volume_thresholds
        )
