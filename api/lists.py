"""Lists of DFUs for people: rows of the DFU table with what the published run says of each, as files for spreadsheets.

The rows are of one moment. What was said of a label stands only beside the label of which it was said: beside one that
was written by hand, or in the seconds between a publish and its line in the ledger, it is empty.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import Row

from api.database import Database
from api.filters import LABEL, Filter, Sort, parse_filters, parse_sort
from api.list_files import ListFile
from api.problem_details import NotFoundError, UnavailableError
from api.state import View, Views
from api.tables import NAMES
from dfu_clustering.arrays import Integers
from dfu_clustering.files.spreadsheet import list_name
from dfu_clustering.runs.dfu_facts import CHANGE_FACTS, LABEL_FACTS, OWN_FACTS

KEYS: Final = ("dfu_ck", "dmdunit", "dmdgroup", "loc")
SHOWN: Final = tuple(one.name for one in NAMES.shown_columns())
COLUMNS: Final = (*KEYS, "label", "machine_label", "set_by", *OWN_FACTS, *LABEL_FACTS, "as_of_month", *SHOWN)
CHANGE_COLUMNS: Final = (*KEYS, "label", *CHANGE_FACTS, *COLUMNS[len(KEYS) + 1 :])

_FACTS: Final = (*OWN_FACTS, *LABEL_FACTS)
_NO_FACTS: Final = pd.DataFrame(columns=["dfu_ck", "label", *_FACTS], dtype=object)
_READ: Final = (*KEYS, LABEL, *SHOWN)
_AT_ONCE: Final = 2
_PATIENCE_S: Final = 20.0
_N_FIRST: Final = len(KEYS) + 1  # of them stand before what the run says

Batch = Sequence[Row[Any]]


class DfuLists:
    """Makes the lists."""

    def __init__(self, database: Database, views: Views) -> None:
        self._database = database
        self._views = views
        self._places = threading.BoundedSemaphore(_AT_ONCE)

    def of_filters(self, filters: str | None, sort: str | None) -> ListFile:
        """Return all rows of the DFU table that fit the filters."""
        conditions, view = parse_filters(filters), self._views.current()
        kind = "dfus-filtered" if conditions else "dfus"
        return self._listed(view, kind, conditions, sort)

    def of_segment(self, label: str, filters: str | None, sort: str | None) -> ListFile:
        """Return all DFUs that have a label, and fit the filters.

        Raises:
            NotFoundError: No DFU has the label.
        """
        conditions, view = parse_filters(filters), self._views.current()
        if label not in view.labels.members and not (view.newest and view.newest.segment(label)):
            raise NotFoundError("No DFU has this label.")
        return self._listed(view, label, (Filter(LABEL, exact=True, value=label), *conditions), sort)

    def of_changes(self, filters: str | None, sort: str | None) -> ListFile:
        """Return all DFUs whose label the last publish changed, and that fit the filters.

        Raises:
            NotFoundError: Nothing has been published yet, or what it replaced is not kept.
        """
        conditions, order, view = parse_filters(filters), parse_sort(sort), self._views.current()
        run = view.require_newest()
        changes, facts = _Known(run.label_changes), _Known(_facts(view))

        def write(batches: Iterator[Batch]) -> ListFile:
            rows = (_changed(batch, changes, facts, view) for batch in batches)
            return ListFile.of(list_name("label-changes", view.as_of_month), CHANGE_COLUMNS, rows)

        return self._made(conditions, order, write, changes.table["dfu_ck"].tolist())

    def _listed(self, view: View, kind: str, conditions: Sequence[Filter], sort: str | None) -> ListFile:
        order, facts = parse_sort(sort), _Known(_facts(view))

        def write(batches: Iterator[Batch]) -> ListFile:
            rows = (_rows(batch, facts, view) for batch in batches)
            return ListFile.of(list_name(kind, view.as_of_month), COLUMNS, rows)

        return self._made(conditions, order, write)

    def _made(
        self,
        conditions: Sequence[Filter],
        order: Sort,
        write: Callable[[Iterator[Batch]], ListFile],
        keys: Sequence[str] | None = None,
    ) -> ListFile:
        """Make a list; a few at once, since each holds a connection for as long as it takes."""
        if not self._places.acquire(timeout=_PATIENCE_S):
            raise UnavailableError("other lists are being made; ask again in a minute")
        try:
            return self._database.read_all(_READ, conditions, order, write, keys)
        finally:
            self._places.release()


class _Known:
    """What is known of DFUs, looked up by their keys; the index of all keys is made once a list."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self._keys = pd.Index(table["dfu_ck"].to_numpy(dtype=object))

    def places(self, batch: Batch) -> Integers:
        """Return the place of each row's DFU in the table; -1 where it is not there."""
        found: Integers = self._keys.get_indexer(pd.Index([row[0] for row in batch], dtype=object))
        return found


def _facts(view: View) -> pd.DataFrame:
    found = view.newest.facts if view.newest else None
    return _NO_FACTS if found is None else found


def _rows(batch: Batch, facts: _Known, view: View) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a list: keys and label, what is known of the DFU, the month, and the columns that are shown."""
    known = _of_batch(batch, facts)
    for row, (machine_label, *of_dfu) in zip(batch, known, strict=True):
        yield (*row[:_N_FIRST], machine_label, _set_by(row, view), *of_dfu, view.as_of_month, *row[_N_FIRST:])


def _set_by(row: Row[Any], view: View) -> str | None:
    """Return who has set the label of a row by hand; None: nobody."""
    override = view.newest.override(row[0]) if view.newest else None
    return override.owner if override and override.label == row[_N_FIRST - 1] else None


def _changed(batch: Batch, changes: _Known, facts: _Known, view: View) -> Iterator[tuple[Any, ...]]:
    """Yield the rows whose label changed, with the label before and what changed it behind the label."""
    place = changes.places(batch)
    at = np.flatnonzero(place >= 0)
    before = changes.table[list(CHANGE_FACTS)].iloc[place[at]].itertuples(index=False, name=None)
    for why, row in zip(before, _rows([batch[i] for i in at.tolist()], facts, view), strict=True):
        yield (*row[:_N_FIRST], *why, *row[_N_FIRST:])


def _of_batch(batch: Batch, facts: _Known) -> Iterator[tuple[Any, ...]]:
    """Yield the label by the run and the facts of each row."""
    nothing, place = (None,) * len(_FACTS), facts.places(batch)
    if facts.table.empty:
        yield from ((None, *nothing) for _ in batch)
        return
    columns = facts.table[["label", *_FACTS]].iloc[place]
    for row, at, (label, *known) in zip(batch, place.tolist(), columns.itertuples(index=False, name=None), strict=True):
        if at < 0:
            yield (None, *nothing)
        elif row[_N_FIRST - 1] != label:
            yield (label, *known[: len(OWN_FACTS)], *nothing[len(OWN_FACTS) :])
        else:
            yield (label, *known)
