"""What is published, and how this month's DFUs look from there."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.clusters.k_selection import KSelection
from dfu_clustering.config.clustering import SpaceSettings
from dfu_clustering.segments.assignment import UNPUBLISHED, nearest
from dfu_clustering.segments.fitted_model import FittedModel


@dataclass(frozen=True, eq=False)
class PublishedModel(FittedModel):
    """The clusters that the published labels stand for; where a later run kept a model, its settings are of the fit.

    Attributes:
        run: Name of the published run, for people.
        members: Columns ``cluster_id`` and ``evidence``, indexed by dfu_ck.
        k_selection: How their K was chosen.
    """

    run: str
    members: pd.DataFrame
    k_selection: KSelection


@dataclass(frozen=True, eq=False)
class PublishedDfus:
    """The published clusters, and this month's DFUs in their space, row by row of the matrix.

    Attributes:
        model: The clusters.
        cluster_id: (n_dfus,) published cluster of each DFU, UNPUBLISHED where it has none.
        evidence: (n_dfus,) what had built up against it.
        space: (n_dfus, n_columns).
        psi: By column.
        far_share: Share (0-1) further out than 99 % of those fitted on.
    """

    model: PublishedModel
    cluster_id: Integers
    evidence: Floats
    space: Floats
    psi: Mapping[str, float]
    far_share: float

    @classmethod
    def of(cls, matrix: pd.DataFrame, published: PublishedModel) -> "PublishedDfus":
        """Look at this month's matrix from the published clusters.

        Raises:
            DataError: The matrix lacks a column that they are made of.
        """
        members = published.members.reindex(matrix["dfu_ck"])
        space = published.preprocessing.transform(matrix)
        distance = nearest(space, published.centroids).distance
        return cls(
            model=published,
            cluster_id=members["cluster_id"].fillna(UNPUBLISHED).to_numpy(np.int64),
            evidence=members["evidence"].fillna(0.0).to_numpy(np.float64),
            space=space,
            psi=published.reference.psi(space),
            far_share=published.reference.far_share(distance),
        )

    def drifted(self, limit: float) -> list[str]:
        """Return the columns whose index exceeds the limit and what chance alone gives samples of this size."""
        limit += self.model.reference.chance_psi(len(self.space))
        return [name for name, psi in self.psi.items() if psi > limit]


def changed_settings(now: SpaceSettings, then: SpaceSettings) -> tuple[str, ...]:
    """Return the settings of the clustered space that differ from those of a published run and are used."""
    unused = {"feature_scaling"} if now.feature_set == "shape" else {"discount_noise"}
    unused |= set() if now.use_pca else {"pca_explained_variance"}
    unused |= set() if now.attributes.item or now.attributes.dfu else {"max_categories"}
    names = (name for name in SpaceSettings.model_fields if name not in unused)
    return tuple(name for name in names if getattr(then, name) != getattr(now, name))
