"""Labels with overrides on top: what is published, and the machine's label beside each that a person has set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from dfu_clustering.files.keys import places_of
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.overrides.override import Override
from dfu_clustering.publishing.outcome import OverrideCounts

OVERRIDDEN_COLUMNS: Final = ("dfu_ck", "machine_label", "label", "override", "owner", "reason", "until_month")
_KEYS_KEPT = 5


@dataclass(frozen=True, eq=False)
class Overlay:
    """Labels of a publish.

    Attributes:
        labels: dfu_ck, cluster_id, cluster_label as published: the machine's, but where a person has set another.
        overridden: OVERRIDDEN_COLUMNS, a row a DFU with an override, by dfu_ck; the machine's label is missing where
            it has none.
        overrides: Those that were applied, in the order of their entry.
    """

    labels: pd.DataFrame
    overridden: pd.DataFrame
    overrides: tuple[Override, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the ids of the overrides."""
        return tuple(override.id for override in self.overrides)

    @property
    def counts(self) -> OverrideCounts:
        """Return how many there are, and to which the machine has come round."""
        agreeing = self.overridden.loc[self.overridden["machine_label"] == self.overridden["label"], "dfu_ck"].tolist()
        return OverrideCounts(
            overrides=len(self.overrides),
            dfus=len(self.overridden),
            agreeing=len(agreeing),
            agreeing_keys=tuple(agreeing[:_KEYS_KEPT]),
        )


def lay_over(labels: pd.DataFrame, overrides: Sequence[Override]) -> Overlay:
    """Put overrides on top of labels; of two for the same DFU the one that was entered later counts.

    Args:
        labels: dfu_ck, cluster_id, cluster_label of the machine, each DFU once.
        overrides: In the order of their entry.
    """
    overridden = overridden_dfus(labels, overrides)
    published = _replaced(labels, overridden) if len(overridden) else labels
    return Overlay(published, overridden, tuple(overrides))


def overridden_dfus(labels: pd.DataFrame, overrides: Sequence[Override]) -> pd.DataFrame:
    """Return OVERRIDDEN_COLUMNS of the DFUs with an override, by dfu_ck.

    Args:
        labels: dfu_ck, cluster_label of the machine, each DFU once.
        overrides: In the order of their entry.
    """
    of_dfu = {key: override for override in overrides for key in override.dfu_cks}
    rows = [
        (key, None, one.label, one.id, one.owner, one.reason, one.until_month) for key, one in sorted(of_dfu.items())
    ]
    overridden = pd.DataFrame(rows, columns=list(OVERRIDDEN_COLUMNS), dtype="str")
    if len(overridden):
        place = places_of(overridden["dfu_ck"], labels["dfu_ck"])
        machine = labels["cluster_label"].iloc[place[place >= 0]].to_numpy(dtype=object)
        overridden.loc[place >= 0, "machine_label"] = machine
    return overridden


def put_over(table: pd.DataFrame, overridden: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a table in which the labels that people have set are in the place of others.

    Args:
        table: dfu_ck, a column of labels, and any others, each DFU once.
        overridden: dfu_ck, label.
        column: That of the labels.

    Returns:
        The table in its order, and then a row for each DFU that it does not have: key and label, no more.
    """
    place = places_of(overridden["dfu_ck"], table["dfu_ck"])
    known, given = place >= 0, overridden["label"].to_numpy(dtype=object)
    label = table[column].to_numpy(dtype=object, copy=True)
    label[place[known]] = given[known]
    replaced = table.assign(**{column: pd.Series(label, index=table.index, dtype=table[column].dtype)})
    if known.all():
        return replaced
    others = pd.DataFrame({"dfu_ck": overridden["dfu_ck"][~known], column: given[~known]})
    return pd.concat([replaced, others.astype({column: table[column].dtype})], ignore_index=True)


def _replaced(labels: pd.DataFrame, overridden: pd.DataFrame) -> pd.DataFrame:
    """Return labels with those of people in their place, and the number of each."""
    published = put_over(labels, overridden, "cluster_label")
    place = places_of(overridden["dfu_ck"], published["dfu_ck"])
    numbers = published["cluster_id"].to_numpy(np.float64, copy=True)
    numbers[place] = [LABELS[label].segment_id for label in overridden["label"]]
    return published.assign(cluster_id=numbers.astype(np.int64))
