"""The set of labels that DFUs have: what a model downstream knows as its categories."""

import hashlib
from collections.abc import Iterable

_DIGITS = 12


def label_set_digest(labels: Iterable[str]) -> str:
    """Return digits that are the same for the same labels, however many DFUs have each."""
    return hashlib.sha256("\n".join(sorted(set(labels))).encode()).hexdigest()[:_DIGITS]
