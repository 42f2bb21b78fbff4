"""What is published, and how this month's DFUs look from there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dfu_clustering.arrays import Flags, Floats, Integers
from dfu_clustering.clusters.kmeans import nearest_centroids
from dfu_clustering.clusters.nominations import KSelection
from dfu_clustering.config.clustering import SpaceSettings
from dfu_clustering.features.attributes import clustered_attributes
from dfu_clustering.labels.vocabulary import INACTIVE, LABELS, TIERS, Label
from dfu_clustering.segments.fitted_model import FittedModel
from dfu_clustering.segments.membership import FREE, Clusters

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class PublishedModel:
    """The labels that are published, and the clusters behind them.

    Attributes:
        fitted: The model; where a later run kept it, its settings are of the fit.
        run: Name of the published run, for people.
        labels: Label text of each DFU, indexed by dfu_ck.
        k_selection: How K was chosen.
    """

    fitted: FittedModel
    run: str
    labels: "pd.Series[str]"
    k_selection: KSelection


@dataclass(frozen=True, eq=False)
class PublishedWords:
    """The published labels of this month's DFUs, word by word.

    Attributes:
        label: (n_dfus,) place of each DFU's label in ``labels``; -1: it has none, or none of words of today.
        labels: The labels.
    """

    label: Integers
    labels: tuple[Label, ...]

    @classmethod
    def of(cls, dfu_ck: "pd.Series[str]", published: "pd.Series[str]") -> "PublishedWords":
        """Look up the published labels of the DFUs."""
        keys, known_keys, texts = (_texts(of) for of in (dfu_ck, published.index, published))
        encoded = texts.take(pc.index_in(keys, value_set=known_keys)).dictionary_encode()
        parsed = [LABELS.get(text) for text in encoded.dictionary.to_pylist()]
        known = sorted((label for label in parsed if label is not None), key=lambda label: label.text)
        place = np.array([known.index(label) if label is not None else FREE for label in parsed] + [FREE])
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return cls(place[codes], tuple(known))

    @property
    def tier(self) -> Integers:
        """Return the (n_dfus,) place of the published tier in TIERS, -1 where there is none: inactive says no tier."""
        place = (FREE if label.pattern == INACTIVE else TIERS.index(label.tier) for label in self.labels)
        tiers: Integers = np.array([*place, FREE])[self.label]
        return tiers

    def keeps(self, labels: Sequence[Label], place: Integers) -> Flags:
        """Return for which DFUs a label is the published one.

        Args:
            labels: Labels of today.
            place: (n_dfus,) place of each DFU's label among them.
        """
        known = [labels.index(label) if label in labels else FREE for label in self.labels]
        same: Flags = np.array([*known, FREE])[self.label] == place
        return same

    def cluster(self, clusters: Clusters) -> Integers:
        """Return the (n_dfus,) cluster of the same pattern and traits, FREE where there is none."""
        words = [(meaning.pattern, meaning.traits) for meaning in clusters.meanings]
        place = [
            words.index(said) if (said := (label.pattern, label.traits)) in words else FREE for label in self.labels
        ]
        of_dfu: Integers = np.array([*place, FREE])[self.label]
        return of_dfu


@dataclass(frozen=True, eq=False)
class Drift:
    """How far this month's DFUs are from those that were fitted on.

    Attributes:
        psi: Population stability index by column.
        far_share: Share (0-1) further out than 99 % of those.
        chance_psi: What samples of this size show by chance.
    """

    psi: Mapping[str, float]
    far_share: float
    chance_psi: float

    @classmethod
    def of(cls, space: Floats, fitted: FittedModel) -> "Drift":
        """Compare (n_dfus, n_columns) rows with those of the fit."""
        _, distance = nearest_centroids(space, fitted.kmeans_centroids)
        reference = fitted.reference
        return cls(reference.psi(space), reference.far_share(distance), reference.chance_psi(len(space)))

    def drifted(self, limit: float) -> list[str]:
        """Return the columns whose index exceeds the limit and what chance alone gives samples of this size."""
        return [name for name, psi in self.psi.items() if psi > limit + self.chance_psi]


def _texts(values: "pd.Series[str] | pd.Index[str]") -> pa.Array:
    found = pa.array(values, pa.large_string(), from_pandas=True)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def changed_settings(now: SpaceSettings, then: SpaceSettings) -> tuple[str, ...]:
    """Return the settings of the clustered space that differ from those of a published run and are used."""
    unused = {"feature_scaling"} if now.feature_set == "shape" else {"discount_noise"}
    unused |= set() if now.use_pca else {"pca_explained_variance"}
    unused |= set() if now.attributes.item or now.attributes.dfu else {"max_categories"}
    names = (name for name in SpaceSettings.model_fields if name not in unused)
    changed = tuple(name for name in names if getattr(then, name) != getattr(now, name))
    same_weights = then.attributes == now.attributes
    if same_weights and clustered_attributes(then) != clustered_attributes(now):
        return (*changed, "warehouse.attributes")
    return changed
