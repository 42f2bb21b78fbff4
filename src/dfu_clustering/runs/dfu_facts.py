"""What a run knows of each DFU, one row each: what lists show beside keys and attributes."""

import logging
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Flags, Floats, Objects
from dfu_clustering.errors import DataError
from dfu_clustering.files.keys import places_of
from dfu_clustering.files.tables import read_rows_of
from dfu_clustering.labels.change_words import changes_in_words
from dfu_clustering.labels.reasons import feature_in_words
from dfu_clustering.labels.rules import JUDGED_FEATURES, Values, own_patterns, own_tiers, own_values, volume_bounds
from dfu_clustering.labels.traits import FAMILIES
from dfu_clustering.labels.vocabulary import PATTERN_NAMES, TIERS
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.summaries import Profiles

logger = logging.getLogger(__name__)

# of a DFU by itself, whatever label it has now
OWN_FACTS: Final = (
    *("own_tier", "own_pattern", "own_traits", "abc_class", "mean_demand"),
    *("naive_wape", "explained_share"),
)
# of the label that the run gave it
LABEL_FACTS: Final = ("reason", "margin", "borderline", "next_label")
CHANGE_FACTS: Final = ("label_before", "change", "value", "before", "after", "threshold")
SET_BY_HAND: Final = "set by hand"
BORDERLINE_SHARE: Final = 0.1  # of a distance or a bound: nearer to what would be another label a DFU is borderline

_LABELS: Final = ("dfu_ck", "cluster_label", "abc_class", "reason")
_OWN_WORDS: Final = ("own_tier", "own_pattern", "own_traits")
_TEXTS: Final = ("label", *_OWN_WORDS, "abc_class", "reason", "borderline", "next_label")


def dfu_facts(files: RunFolder) -> pd.DataFrame:
    """Return a row a labelled DFU: dfu_ck, label, OWN_FACTS, LABEL_FACTS; undefined: NaN, or None where it is a text.

    Own words and borderline are those of clustered DFUs; a run of an earlier version may not know all of them.

    Raises:
        DataError: The run has no labels, or a file is unreadable.
    """
    facts = files.table(RunFile.LABELS, _LABELS).reindex(columns=list(_LABELS))
    facts = facts.rename(columns={"cluster_label": "label"})
    clustered = files.table(RunFile.ASSIGNMENTS, ["dfu_ck", "distance", "margin", "next_label", *JUDGED_FEATURES])
    place = places_of(facts["dfu_ck"], clustered["dfu_ck"])
    of_clustered = clustered.assign(**own_words(files, clustered)).drop(columns="dfu_ck")
    known = _at(of_clustered, place).reindex(columns=["mean_demand", "margin", *_OWN_WORDS, "borderline", "next_label"])
    forecastability = files.find_table(RunFile.FORECASTABILITY)
    if forecastability is not None:
        place = places_of(facts["dfu_ck"], forecastability["dfu_ck"])
        known = known.join(_at(forecastability[["naive_wape", "explained_share"]], place))
    facts = facts.join(known).reindex(columns=["dfu_ck", "label", *OWN_FACTS, *LABEL_FACTS])
    others = files.find_table(RunFile.LEFT_OUT)
    if others is not None and len(others):
        of_others = _at(others[["mean_demand"]], places_of(facts["dfu_ck"], others["dfu_ck"]))
        facts["mean_demand"] = facts["mean_demand"].fillna(of_others["mean_demand"])
    return facts.astype(dict.fromkeys(_TEXTS, object)).where(facts.notna(), None).astype(_numbers(facts))


def label_changes(
    files: RunFolder, previous: RunFolder | None = None, *, of: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return a row a DFU whose label a publish changed: dfu_ck, label_before and what changed it, CHANGE_FACTS.

    Why is known where the run compared these labels: not of a first label, nor of one that was taken away. Of a run
    that published nothing they are the labels that differ from those that it was compared with.

    Args:
        files: The run whose labels were published.
        previous: The folder that keeps what was replaced; None: the run's own.
        of: Keys of the DFUs that are asked for, of which alone rows are read; None: all.

    Raises:
        DataError: Neither is kept.
    """
    why = None
    if previous is None and files.find(RunFile.LABEL_CHANGES):
        why = _rows(files, RunFile.LABEL_CHANGES, of)
        why["value"] = why["feature"].map(feature_in_words, na_action="ignore")
        why["change"] = changes_in_words(why["word"].tolist(), why["old_label"].tolist())
        if files.find(RunFile.PREVIOUS_LABELS) is None:
            return why.rename(columns={"old_label": "label_before"})[["dfu_ck", *CHANGE_FACTS]]
    changed = _rows(previous or files, RunFile.PREVIOUS_LABELS, of)
    changed = changed.rename(columns={"cluster_assignment": "label_before"})
    if why is None:
        return changed.reindex(columns=["dfu_ck", *CHANGE_FACTS])
    known = _at(why.drop(columns="dfu_ck"), places_of(changed["dfu_ck"], why["dfu_ck"]))
    known = known.where(known["old_label"].astype(object) == changed["label_before"].astype(object))
    known = known.reindex(columns=list(CHANGE_FACTS[1:])).astype({"change": object, "value": object})
    changed = changed.join(known)
    overridden = files.find_table(RunFile.OVERRIDES)
    if overridden is not None:
        by_hand = places_of(changed["dfu_ck"], overridden["dfu_ck"]) >= 0
        changed.loc[by_hand, list(CHANGE_FACTS[1:])] = (SET_BY_HAND, *[None] * len(CHANGE_FACTS[2:]))
    return changed


def own_words(files: RunFolder, clustered: pd.DataFrame) -> dict[str, Objects]:
    """Return own tier, pattern and traits of clustered DFUs, and how they are borderline.

    A run of an earlier version may not say by what; then it is nothing.

    Args:
        files: The run.
        clustered: distance, margin and JUDGED_FEATURES.
    """
    try:
        profiles = files.profiles()
    except DataError as error:
        logger.warning("own words are not known: %s", error)
        return {}
    if not set(JUDGED_FEATURES) <= set(clustered.columns):
        return {}  # of an earlier version
    values = own_values(clustered)
    bounds = volume_bounds(values["mean_demand"], profiles.labeling.volume_thresholds)
    return {
        "own_tier": np.array(TIERS, dtype=object)[own_tiers(values["mean_demand"], bounds)],
        "own_pattern": np.array(PATTERN_NAMES, dtype=object)[own_patterns(values, profiles.labeling)],
        "own_traits": _own_traits(values, profiles),
        "borderline": _borderline(clustered, values["mean_demand"], bounds),
    }


def _own_traits(values: Values, profiles: Profiles) -> Objects:
    """Return the trait words that are true of each DFU; those relative to a segment are left out."""
    words = np.full(len(values["mean_demand"]), "", dtype=object)
    for trait in (trait for family in FAMILIES for trait in family.words):
        rows = np.flatnonzero(trait.holds(values, profiles.labeling))
        words[rows] = [f"{word} {trait.word}".lstrip() for word in words[rows].tolist()]
    return words


def _borderline(clustered: pd.DataFrame, mean_demand: Floats, bounds: tuple[float, float]) -> Objects:
    """Return to what each DFU is near: another pattern's centre, another tier, both, or neither."""
    distance, margin = (clustered[name].to_numpy(np.float64) for name in ("distance", "margin"))
    pattern = margin <= BORDERLINE_SHARE * distance
    volume: Flags = np.zeros(len(pattern), dtype=np.bool_)
    for bound in bounds:
        volume |= np.abs(mean_demand - bound) <= BORDERLINE_SHARE * bound
    names = np.array(["", "pattern", "volume", "pattern and volume"], dtype=object)
    return names[pattern.astype(np.int64) + 2 * volume]


def _rows(files: RunFolder, file: RunFile, of: Sequence[str] | None) -> pd.DataFrame:
    """Return the rows of some DFUs, or all, of a table of a run."""
    return files.table(file) if of is None else read_rows_of(files.require(file), "dfu_ck", of)


def _at(table: pd.DataFrame, place: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> pd.DataFrame:
    """Return the rows at some places under a new index; all is undefined where a place is -1."""
    return table.reset_index(drop=True).reindex(place).reset_index(drop=True)


def _numbers(facts: pd.DataFrame) -> dict[str, str]:
    return {name: "float64" for name in ("mean_demand", "margin", "naive_wape", "explained_share") if name in facts}
