"""What changed labels, counted and in words: a word that ended, a pattern that took over, or what else happened."""

import re
from collections import Counter
from typing import Any, Final

import pandas as pd

from dfu_clustering.comparison.model import Cause, ChangedWord
from dfu_clustering.labels.change_words import LONG_ENOUGH, changes_in_words
from dfu_clustering.labels.reasons import feature_in_words

UNKNOWN: Final = "not known"
_CAUSES_OF_A_MOVE: Final = 3
_BECAUSE: Final = {  # where a sentence says it otherwise than a table
    "clusters fitted again": "the clusters were fitted again",
    "other settings": "the settings differ",
    LONG_ENOUGH: "their history is now long enough to judge",
    "history too short to judge": "their history is too short to judge",
    "no demand in the window": "they had no demand in the months that count",
    "sells again": "they sell again",
}


def with_causes(changes: pd.DataFrame) -> pd.DataFrame:
    """Return changes of labels (``labels.churn.COLUMNS``) with the column ``change``: what made each, in words."""
    said = changes_in_words(changes["word"].tolist(), changes["old_label"].tolist())
    return changes.assign(change=[one or UNKNOWN for one in said])


def changed_words(changes: pd.DataFrame) -> list[ChangedWord]:
    """Return what changed labels, the most frequent first.

    Args:
        changes: Of with_causes().
    """
    alike = changes.groupby(["change", "feature", "threshold"], dropna=False)
    columns = {"dfus": ("dfu_ck", "size"), "word": ("word", "first")}
    columns |= {f"median_{when}": (when, "median") for when in ("before", "after")}
    rows = alike.agg(**columns).reset_index().to_dict("records")
    found = [ChangedWord(**{str(name): _known(value) for name, value in row.items()}) for row in rows]
    return sorted(found, key=lambda one: (-one.dfus, one.change, one.threshold or 0.0))


def most_frequent(changes: "pd.Series[str]") -> list[Cause]:
    """Return the most frequent of some changes in words."""
    ordered = sorted(Counter(changes.tolist()).items(), key=lambda item: (-item[1], item[0]))
    return [Cause(change=change, dfus=dfus) for change, dfus in ordered[:_CAUSES_OF_A_MOVE]]


def because(cause: ChangedWord) -> str:
    """Return a cause as the end of a sentence: ``they are no longer steady (their median CV was 0.28 …)``."""
    if cause.change.startswith(("no longer ", "now ")):
        return f"they are {cause.change}{_values(cause)}"
    said = re.sub(r"^(too few|enough) DFUs in", r"there are \1 DFUs in", cause.change)
    return _BECAUSE.get(cause.change, said)


def _values(cause: ChangedWord) -> str:
    if cause.feature is None or cause.median_before is None or cause.median_after is None:
        return ""
    bound = "" if cause.threshold is None else f"; the bound is {cause.threshold:,.3g}"
    was, now = (f"{value:,.3g}" for value in (cause.median_before, cause.median_after))
    return f" (their median {feature_in_words(cause.feature)} was {was} and is {now}{bound})"


def _known(value: Any) -> Any:  # noqa: ANN401
    """Return a value of a table; None where it has none."""
    return None if pd.isna(value) or value == "" else value
