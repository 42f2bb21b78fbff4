"""What the DFUs that sell are like in the as-of month beside the months before: facts by which a load is judged.

They are of the DFUs that the DFU table knows; how much others sell is one of the facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dfu_clustering.arrays import Flags, Floats, Integers, Objects

Facts = dict[str, float | int | None]

FEWEST_ROWS: Final = 20  # of a month, a group or a share: where there are fewer, chance decides
_FEWEST_DFUS: Final = 100  # of a share that a few DFUs would move
_KEYS_KEPT: Final = 5
_BEFORE: Final = (1, 2, 3, 4, 5, 6)  # months ago, beside which a quantity is usual
_USUAL_ROWS: Final = (1, 2, 3)
_YEAR_AGO: Final = 12
_JUDGED: Final = (0, *_BEFORE, _YEAR_AGO)
_FEWEST_USUAL: Final = 4  # months with demand, of which the usual quantity is the mean
_OFF_LEVEL: Final = float(np.log(5))
_ABSURD_FACTOR: Final = 100
_SILENT_SHARE: Final = 0.2  # of the usual rows, below which a group has fallen silent


class SilentGroup(NamedTuple):
    """A group of DFUs that sells regularly but hardly in the as-of month, and its share (0-1) of the usual rows."""

    kind: str
    name: str
    share: float


@dataclass(frozen=True, eq=False)
class RecentSales:
    """Demand and rows of the months up to the as-of month, at most thirteen; older ones are not looked at.

    Attributes:
        dfu_ck: (n_dfus,) keys.
        demand: (n_months, n_dfus) units, never negative, the last row being the as-of month.
        rows: (n_recent, n_dfus) sales rows of the newest months, likewise.
        all_rows: (n_months,) sales rows of each month, of all DFUs.
        unknown_rows: (n_months,) those of DFUs that the DFU table does not know.
        unknown_dfus: Names of such DFUs, those that sold last before the others.
        groups: By kind, as in "location", the (n_dfus,) group of each DFU; null where it has none.
    """

    dfu_ck: Objects
    demand: Floats
    rows: NDArray[np.uint32]
    all_rows: Integers
    unknown_rows: Integers
    unknown_dfus: tuple[str, ...]
    groups: Mapping[str, pa.Array]

    @cached_property
    def facts(self) -> Facts:
        """Return the facts; None where there are too few DFUs to judge."""
        rows = self._rows_of(_JUDGED)
        months = np.sum([self._rows(ago) > 0 for ago in _JUDGED], axis=0)
        newest_rows = self._rows(0)
        newest, previous, year_ago = (self._qty(ago) for ago in (0, 1, _YEAR_AGO))
        as_ever = (newest > 0) & (previous > 0) & (year_ago > 0)
        repeated_now = _share_beyond_one((newest_rows > 0).sum(), newest_rows.sum())
        repeated_before = _share_beyond_one((months - (newest_rows > 0)).sum(), (rows - newest_rows).sum())
        return {
            "duplicate_share": _share_beyond_one(months.sum(), rows.sum()),
            "duplicate_share_rise": _rise(repeated_now, repeated_before),
            "orphan_share": self._orphan_share(),
            "off_level_share": _share(self._is_off_level, self._has_level, fewest=_FEWEST_DFUS),
            "typical_change": _typical_change(newest, previous, as_ever),
            "typical_change_of_year": _typical_change(newest, year_ago, as_ever),
            "absurd_dfus": int(self._is_absurd.sum()),
            "copied_share_rise": self._copied_share_rise(),
            "vanished_share": self._vanished_share(),
        }

    @cached_property
    def silent_groups(self) -> tuple[SilentGroup, ...]:
        """Return the groups of every kind that fell silent, the largest first.

        Those that paused in the same month a year ago, too, are none.
        """
        found = [group for kind, names in self.groups.items() for group in self._silent(kind, names)]
        return tuple(sorted(found, key=lambda group: (-group.share, f"{group.kind} {group.name}")))

    def repeated_dfus(self) -> list[str]:
        """Return the first DFUs with several rows in a month, by the number of rows beyond one a month."""
        beyond = np.sum([np.maximum(self._rows(ago), 1) - 1 for ago in _JUDGED], axis=0)
        return self._first(beyond > 0, beyond)

    def newest_repeated_dfus(self) -> list[str]:
        """Return the first DFUs with several rows in the as-of month, by their number."""
        return self._first(self._rows(0) > 1, self._rows(0))

    def off_level_dfus(self) -> list[str]:
        """Return the first DFUs that sell far more or less than they usually do."""
        return self._first(self._has_level & self._is_off_level)

    def absurd_dfus(self) -> list[str]:
        """Return the first DFUs that sell more than a hundred times what they usually do, by how much."""
        times = np.divide(self._qty(0), self._usual_qty, out=np.zeros(len(self.dfu_ck)), where=self._is_absurd)
        return self._first(self._is_absurd, times)

    def _first(self, chosen: Flags, weight: NDArray[Any] | None = None) -> list[str]:
        at = np.flatnonzero(chosen)
        order = np.argsort(self.dfu_ck[at], kind="stable") if weight is None else np.argsort(-weight[at], kind="stable")
        return [str(key) for key in self.dfu_ck[at[order[:_KEYS_KEPT]]]]

    def _qty(self, ago: int) -> Floats:
        """Return the (n_dfus,) units of a month; 0 where it lies before the history."""
        return self.demand[-1 - ago] if ago < len(self.demand) else np.zeros(self.demand.shape[1])

    def _rows(self, ago: int) -> Integers:
        if ago >= len(self.rows):
            return np.zeros(self.rows.shape[1], dtype=np.int64)
        rows: Integers = self.rows[-1 - ago].astype(np.int64)
        return rows

    def _rows_of(self, months: tuple[int, ...]) -> Integers:
        rows: Integers = np.sum([self._rows(ago) for ago in months], axis=0)
        return rows

    @cached_property
    def _usual_months(self) -> Integers:
        months: Integers = np.sum([self._qty(ago) > 0 for ago in _BEFORE], axis=0)
        return months

    @cached_property
    def _usual_qty(self) -> Floats:
        """Return the (n_dfus,) mean of the months with demand among the six before; 0 where there are none."""
        total: Floats = np.sum([self._qty(ago) for ago in _BEFORE], axis=0)
        mean: Floats = total / np.maximum(self._usual_months, 1)
        return mean

    @cached_property
    def _has_level(self) -> Flags:
        return (self._usual_months >= _FEWEST_USUAL) & (self._qty(0) > 0) & (self._qty(_YEAR_AGO) > 0)

    @cached_property
    def _is_off_level(self) -> Flags:
        newest = self._qty(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            off = [np.abs(np.log(newest / usual)) > _OFF_LEVEL for usual in (self._usual_qty, self._qty(_YEAR_AGO))]
        return off[0] & off[1]

    @cached_property
    def _is_absurd(self) -> Flags:
        return (self._usual_months >= _FEWEST_USUAL) & (self._qty(0) > _ABSURD_FACTOR * self._usual_qty)

    def _orphan_share(self) -> float | None:
        """Return the share of rows whose DFU is not known: of the judged months or of the as-of month, the larger."""
        judged = [len(self.all_rows) - 1 - ago for ago in _JUDGED if ago < len(self.all_rows)]
        shares = [
            self.unknown_rows[months].sum() / self.all_rows[months].sum()
            for months in (judged, judged[:1])
            if self.all_rows[months].sum()
        ]
        return float(max(shares)) if shares else None

    def _copied_share_rise(self) -> float | None:
        """Return by how much more DFUs sell what they sold the month before than was so the month before."""
        newest, previous, before = (self._qty(ago) for ago in (0, 1, 2))
        now, then = (
            _share(later == earlier, (later > 0) & (earlier > 0), fewest=FEWEST_ROWS)
            for later, earlier in ((newest, previous), (previous, before))
        )
        return _rise(now, then)

    def _vanished_share(self) -> float:
        of_kind = dict.fromkeys(self.groups, 0.0)
        for group in self.silent_groups:
            of_kind[group.kind] += group.share
        return max(of_kind.values(), default=0.0)

    def _silent(self, kind: str, group_of_dfu: pa.Array) -> list[SilentGroup]:
        encoded = group_of_dfu.dictionary_encode()
        names = encoded.dictionary.to_pylist()
        # those without a group are counted behind all groups, and left out
        group = encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
        newest, usual, year_ago = (
            np.bincount(group, self._rows_of(months), len(names) + 1)[:-1] / len(months)
            for months in ((0,), _USUAL_ROWS, (_YEAR_AGO,))
        )
        paused_then = (year_ago < _SILENT_SHARE * usual) & bool(year_ago.sum())
        silent = (usual >= FEWEST_ROWS) & (newest < _SILENT_SHARE * usual) & ~paused_then
        return [
            SilentGroup(kind, str(names[at]), float(usual[at] / usual.sum())) for at in np.flatnonzero(silent).tolist()
        ]


def _rise(now: float | None, then: float | None) -> float | None:
    return None if now is None or then is None else now - then


def _share_beyond_one(months: int, rows: int) -> float | None:
    return float(1 - months / rows) if rows else None


def _share(true: Flags, among: Flags, *, fewest: int) -> float | None:
    n_among = int(among.sum())
    return float((true & among).sum() / n_among) if n_among >= fewest else None


def _typical_change(now: Floats, then: Floats, among: Flags) -> float | None:
    """Return the median of the changes in logarithms."""
    if among.sum() < FEWEST_ROWS:
        return None
    return float(np.median(np.log(now[among] / then[among])))
