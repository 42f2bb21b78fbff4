"""What changed a label, as people say it: no longer steady, now intermittent, too few DFUs in a segment."""

import re
from collections.abc import Sequence
from typing import Final

from dfu_clustering.labels.vocabulary import LABELS, PATTERN_NAMES, TRAIT_NUMBERS

LONG_ENOUGH: Final = "history now long enough to judge"

_MONTHS: Final = re.compile(r"\d+ months of history")  # each DFU by its own number
_PATTERN_WORDS: Final = frozenset((*PATTERN_NAMES, *TRAIT_NUMBERS))


def changes_in_words(words: Sequence[str | None], old_labels: Sequence[str | None]) -> list[str | None]:
    """Return what happened to words (``labels.churn.COLUMNS``), each beside the label that had it; None: not known."""
    pairs = [
        (word if isinstance(word, str) and word else None, old) for word, old in zip(words, old_labels, strict=True)
    ]
    said = {(word, old): change_in_words(word, old) if word else None for word, old in set(pairs)}
    return [said[pair] for pair in pairs]


def change_in_words(word: str, old_label: str | None) -> str:
    """Return what happened to a word: ``no longer steady`` where the old label has it, else ``now intermittent``."""
    if _MONTHS.fullmatch(word):
        return LONG_ENOUGH
    name, _, how = word.partition(":")
    said = name.replace("_q", " Q").replace("_", " ") + (f":{how}" if how else "")
    if name in _words_of(old_label):
        return f"no longer {said}"
    return f"now {said}" if name in _PATTERN_WORDS else word


def _words_of(text: str | None) -> tuple[str, ...]:
    label = LABELS.get(text or "")
    return (label.pattern, *label.traits, f"{label.tier} volume") if label else ()
