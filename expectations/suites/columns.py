"""The columns that a table must have, with types that can be read so, and whether labels can be written to it."""

from collections.abc import Mapping

import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.expectations.expectation import Expectation

from dfu_clustering.config.warehouse_names import WarehouseNames
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.quality.gate_reports import Severity
from dfu_clustering.warehouse.catalog import FoundTable, target_problems
from expectations.engine.checks import Batch, bounded, declare

_LEAST_WIDTH = max(len(label.base) for label in LABELS.values())  # traits may be longer: publishing looks at the labels


def columns_batches(table: FoundTable, columns: Mapping[str, str], attributes: Mapping[str, str]) -> list[Batch]:
    """Return the batches that judge the columns of a table.

    Args:
        table: As PostgreSQL's catalog shows it to this role.
        columns: Kind of type by column: text, number, date or timestamp; one that is missing stops the run.
        attributes: The same of its attributes; of these one that is missing is only reported.
    """
    readable = {column: kind for column, kind in attributes.items() if column in table.types or not table.types}
    return [
        Batch(
            f"{table.name} columns",
            _frame(table),
            [_wanted(table, {**columns, **readable}, "critical")],
            essential=True,
        ),
        Batch(f"{table.name} attributes", _frame(table), [_wanted(table, {**columns, **attributes}, "warning")]),
    ]


def _frame(table: FoundTable) -> pd.DataFrame:
    return pd.DataFrame({"column_and_type": [f"{name} {kind}" for name, kind in table.types.items()]}, dtype=object)


def _wanted(table: FoundTable, columns: Mapping[str, str], severity: Severity) -> Expectation:
    return declare(
        gxe.ExpectColumnDistinctValuesToContainSet,
        "columns_and_types",
        severity,
        f"{table.name} exists, and this role may read the columns that the project needs, with types that fit.",
        f"{table.name} lacks columns that the project needs, their types do not fit, or this role may not read them.",
        column="column_and_type",
        value_set=[f"{column} {kind}" for column, kind in columns.items()],
        keys=[_difference(column, kind, table) for column, kind in columns.items() if table.types.get(column) != kind],
    )


def target_batch(table: FoundTable, names: WarehouseNames) -> Batch:
    """Return the batch that judges whether labels can be written to the DFU table."""
    problems = target_problems(table, names, _LEAST_WIDTH)
    label = names.columns.dfu.cluster_assignment
    expected = bounded(
        "labels_can_be_written",
        "critical",
        f"{table.name} is a table, and its keys and {label} are text without padding.",
        f"Labels cannot be written to {table.name}: {_listed(problems)}.",
        "problems",
        high=0,
        keys=problems,
    )
    return Batch(f"{table.name} as target", pd.DataFrame({"problems": [len(problems)]}), [expected], essential=True)


def _listed(problems: list[str]) -> str:
    return "; ".join(problems) or "problems"


def _difference(column: str, kind: str, table: FoundTable) -> str:
    found = f"found {column} {table.types[column]}" if column in table.types else "not found"
    return f"{column} {kind}, {found}"
