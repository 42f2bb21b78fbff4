"""Numbers as readers want them, a column of texts for many DFUs at once, and distinct from what they stand beside."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from dfu_clustering.arrays import Flags, Floats, Integers, Objects

_WHOLE_FROM: Final = 999.95  # four digits make 1,000 of it
_DECADES: Final = np.array([1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2])
_PER_UNIT: Final = np.array([1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 1e1])  # steps of the fourth digit, by decade
_MAY_LOOK_ALIKE: Final = 0.002  # relative difference: numbers further apart differ in four digits

Column = list[str]  # a piece of the reasons, one text a DFU
Written = Callable[[float], str]  # how numbers are written


def as_text(value: float) -> str:
    """Return a value as a reader wants it: 4 significant digits, whole from a thousand on."""
    return f"{value:.4g}" if abs(value) < _WHOLE_FROM else f"{value:,.0f}"


def _in_full(value: float) -> str:
    """Return a value as text that rounds nothing away."""
    return as_text(value) if _rounded(value) == value else f"{value:,}"


def _rounded(value: float) -> float:
    return float(as_text(value).replace(",", ""))


def beside_limits(
    lead: str, values: Floats, place: Integers, endings: Callable[[Written], Sequence[str]], *limits: float
) -> list[Column]:
    """Return each value with a lead, and its ending; in full beside a limit from which it only seems not to differ.

    Args:
        lead: Before the value.
        values: (n_dfus,); undefined ones have no ending.
        place: (n_dfus,) of each DFU's ending.
        endings: How they are, by how numbers are written.
        limits: With which the endings compare.
    """
    texts, ends = _texts(lead, values), looked_up(endings(as_text), place)
    for limit in limits:
        texts[values == limit] = f"{lead}{as_text(limit)}"
    for at in np.flatnonzero(_close_to(values, limits)).tolist():
        value = float(values[at])
        texts[at] = f"{lead}{as_text(value)}"
        if any(value != limit and _rounded(value) == _rounded(limit) for limit in limits):
            texts[at], ends[at] = f"{lead}{_in_full(value)}", endings(_in_full)[place[at]]
    undefined = np.isnan(values)
    texts[undefined], ends[undefined] = f"{lead}undefined", ""
    return [texts.tolist(), ends.tolist()]


def _texts(lead: str, values: Floats) -> Objects:
    """Return as_text() of each value behind a lead; a number that many values round to is written once."""
    different, place = np.unique(_four_digits(values), return_inverse=True)
    return looked_up([f"{lead}{as_text(value)}" for value in different.tolist()], place)


def looked_up(texts: Sequence[str], place: Integers) -> Objects:
    """Return the text at each place."""
    found: Objects = np.array(texts, dtype=object)[place]
    return found


def _four_digits(values: Floats) -> Floats:
    """Return the numbers that as_text() writes, but for ties, which go to the even digit."""
    size = np.abs(values)
    per_unit = _PER_UNIT[np.searchsorted(_DECADES, size, side="right") - 1]
    rounded = np.where(size < _DECADES[0], values, np.rint(values * per_unit) / per_unit)
    return np.where(size < _WHOLE_FROM, rounded, np.rint(values))


def _close_to(values: Floats, limits: Sequence[float]) -> Flags:
    """Return which values differ from a limit by so little that their texts may not."""
    close = np.zeros(len(values), dtype=np.bool_)
    for limit in limits:
        close |= (np.abs(values - limit) <= _MAY_LOOK_ALIKE * abs(limit)) & (values != limit)
    return close
