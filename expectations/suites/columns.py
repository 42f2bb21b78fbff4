"""The columns that a table must have, with types that can be read so."""

from collections.abc import Mapping

import great_expectations.expectations as gxe

from dfu_clustering.warehouse.statements import statement
from expectations.engine.checks import Batch, declare


def columns_batch(table: str, columns: Mapping[str, str]) -> Batch:
    """Return the batch that judges the columns of a table from PostgreSQL's catalog.

    Args:
        table: Its name; found by the role's search path.
        columns: Kind of type by column: text, number, date or timestamp.
    """
    found = statement(__package__, "table_columns").format(table=table)
    wanted = [f"{column} {kind}" for column, kind in columns.items()]
    listed = ", ".join(f"('{column}', '{column} {kind}')" for column, kind in columns.items())
    expected = declare(
        gxe.ExpectColumnDistinctValuesToContainSet,
        "columns_and_types",
        "critical",
        f"{table} exists and this role may read the columns that the project reads, with types that fit.",
        column="column_and_type",
        value_set=wanted,
        keys=(
            "SELECT wanted || ', ' || coalesce('found ' || column_and_type, 'not found')"  # noqa: S608  (own names)
            f" FROM (VALUES {listed}) AS w (name, wanted)"
            f" LEFT JOIN ({found}) AS f ON f.column_name = w.name WHERE wanted IS DISTINCT FROM column_and_type"
        ),
    )
    return Batch(f"{table} columns", found, [expected], essential=True)
