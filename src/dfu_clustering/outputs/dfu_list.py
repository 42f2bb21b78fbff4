"""A list of the DFUs of a run for people, without a database: what the run says of each, and its attributes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from dfu_clustering.arrays import Flags
from dfu_clustering.errors import DataError, did_you_mean
from dfu_clustering.features.dfu_keys import KEY_COLUMNS
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES
from dfu_clustering.files.keys import places_of
from dfu_clustering.files.spreadsheet import SpreadsheetWriter
from dfu_clustering.files.tables import atomic_path
from dfu_clustering.overrides.overlay import put_over
from dfu_clustering.runs.dfu_facts import CHANGE_FACTS, dfu_facts, label_changes
from dfu_clustering.runs.folder import RunFile, RunFolder

_FEATURES: Final = frozenset(feature.name for feature in TIME_SERIES_FEATURES)


def dfu_list(files: RunFolder, *, changed: bool = False) -> pd.DataFrame:
    """Return a row a DFU by key: what lists of the API show, as far as a run's folder has it.

    Args:
        files: The run.
        changed: Only those whose label the run changed, with the label before and what changed it.

    Raises:
        DataError: The run has no labels, or, with changed, does not know those before.
    """
    facts = _with_overrides(dfu_facts(files), files)
    if changed:
        changes = label_changes(files)
        of_changed = facts.drop(columns="dfu_ck").reindex(places_of(changes["dfu_ck"], facts["dfu_ck"]))
        facts = changes.join(of_changed.reset_index(drop=True))
        facts = facts[["dfu_ck", "label", *CHANGE_FACTS, *of_changed.columns.drop("label")]]
    facts["as_of_month"] = files.trained_segments().as_of_month
    return _with_attributes(_with_keys(facts, files), files)


def _with_keys(facts: pd.DataFrame, files: RunFolder) -> pd.DataFrame:
    """Return the facts with item, customer group and location behind the key; runs of earlier versions kept none."""
    dfus = files.find_table(RunFile.DFUS)
    if dfus is None:
        return facts
    of_each = dfus.reindex(places_of(facts["dfu_ck"], dfus["dfu_ck"])).reset_index(drop=True)
    for number, name in enumerate(KEY_COLUMNS, start=1):
        facts.insert(number, name, of_each[name])
    return facts


def _with_attributes(facts: pd.DataFrame, files: RunFolder) -> pd.DataFrame:
    matrix = files.find_table(RunFile.MATRIX)
    if matrix is None:
        return facts
    attributes = matrix[[name for name in matrix.columns if name not in _FEATURES and name not in facts.columns]]
    of_each = attributes.reindex(places_of(facts["dfu_ck"], matrix["dfu_ck"])).reset_index(drop=True)
    return facts.join(of_each)


def _with_overrides(facts: pd.DataFrame, files: RunFolder) -> pd.DataFrame:
    """Return the facts with the labels that people have set, and beside each the machine's label and who set it."""
    both, overridden = facts.copy(), files.find_table(RunFile.OVERRIDES)
    both.insert(2, "machine_label", facts["label"])
    both.insert(3, "set_by", None)
    if overridden is None or overridden.empty:
        return both
    both = put_over(both, overridden, "label").sort_values("dfu_ck", ignore_index=True)
    place = places_of(both["dfu_ck"], overridden["dfu_ck"])
    both["set_by"] = overridden["owner"].reindex(place).to_numpy(dtype=object)
    return both


def in_order(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the rows by a column, those without a value last.

    Args:
        table: The rows.
        column: Its name; with a minus sign before it downwards.

    Raises:
        DataError: It is unknown.
    """
    name = column.removeprefix("-")
    _require_column(table, name, "An order")
    return table.sort_values(name, ascending=name == column, kind="stable", na_position="last", ignore_index=True)


def fitting(table: pd.DataFrame, filters: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return the rows that fit all filters, which mean what they mean in the API.

    Args:
        table: The rows.
        filters: Column and value each: ``=text`` is exactly that text, or that number in a column of numbers; ``text``
            any value that contains it, in upper or lower case.

    Raises:
        DataError: A column is unknown, or a text stands for a number.
    """
    for column, value in filters:
        _require_column(table, column, "A filter")
        table = table[_fits(table[column], value)]
    return table


def _require_column(table: pd.DataFrame, name: str, what: str) -> None:
    if name not in table.columns:
        raise DataError(
            f"{what} must name a column of the list",
            found=f"{name!r}{did_you_mean(name, table.columns)}; there are",
            keys=list(table.columns),
            remedy=f"name one of {', '.join(table.columns)}; other columns of the DFU table are in the API's lists",
        )


def write_list(table: pd.DataFrame, path: Path) -> None:
    """Write a list for a spreadsheet; an interrupted write leaves the old file or none."""
    with atomic_path(path) as draft, draft.open("w", encoding="utf-8", newline="") as sink:
        SpreadsheetWriter(sink, list(table.columns)).write(table.itertuples(index=False, name=None))


def _fits(values: "pd.Series[str] | pd.Series[float]", value: str) -> Flags:
    is_number = pd.api.types.is_numeric_dtype(values)
    if not value.startswith("="):
        texts = values.map("{:g}".format, na_action="ignore") if is_number else values.astype("str")
        fits: Flags = texts.str.contains(value, case=False, regex=False, na=False).to_numpy(bool)
        return fits
    try:
        wanted = float(value[1:]) if is_number else value[1:]
    except ValueError:
        raise DataError(
            "A column of numbers must be compared with a number", found=repr(value[1:]), remedy="give a number"
        ) from None
    equal: Flags = (values == wanted).fillna(False).to_numpy(bool)  # noqa: FBT003
    return equal
