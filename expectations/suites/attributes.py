"""What the attributes of both dimensions must be like: types, expected values, plausible numbers; NULL is allowed."""

from collections.abc import Mapping, Sequence

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.errors import ConfigError
from dfu_clustering.features.attributes import Attribute
from expectations.engine.checks import declare
from expectations.engine.results import KEYS_KEPT

_MOSTLY = 0.99  # a stray value is no news


def attribute_columns(attributes: Sequence[Attribute]) -> dict[str, str]:
    """Return the kind of type of every attribute's column."""
    return {attribute.name: "number" if attribute.kind == "numeric" else "text" for attribute in attributes}


def domains(table: str, key: str, columns: Mapping[str, str], config: ClusteringConfig) -> list[Expectation]:
    """Return the warnings that text columns hold the values that the configuration lists for them.

    Args:
        table: Its name.
        key: Column that names the rows that do not.
        columns: Kind of type by column.
        config: Lists the values.

    Raises:
        ConfigError: It lists values for a column that the project does not read.
    """
    listed = {
        name.partition(".")[2]: values
        for name, values in config.data_quality.domains.items()
        if name.partition(".")[0] == table and values
    }
    unknown = [column for column in listed if columns.get(column) != "text"]
    if unknown:
        raise ConfigError(
            "data_quality.domains names text columns that the project reads",
            found=f"columns of {table}",
            keys=unknown,
            remedy=f"use some of {', '.join(name for name, kind in columns.items() if kind == 'text')}",
        )
    return [
        declare(
            gxe.ExpectColumnValuesToBeInSet,
            f"{column}_is_known",
            "warning",
            f"{column} is one of {', '.join(values)} (99 % of the rows that have one).",
            column=column,
            value_set=list(values),
            mostly=_MOSTLY,
            keys=_keys(table, key, f"{column} NOT IN ({', '.join(map(_quoted, values))})"),
        )
        for column, values in listed.items()
    ]


def ranges(table: str, key: str, bounds: Mapping[str, tuple[float | None, float | None]]) -> list[Expectation]:
    """Return the warnings that numeric columns lie within plausible bounds; ``key`` names the rows that do not."""
    return [
        declare(
            gxe.ExpectColumnValuesToBeBetween,
            f"{column}_is_plausible",
            "warning",
            f"{column} lies within plausible bounds (99 % of the rows that have one).",
            column=column,
            min_value=low,
            max_value=high,
            mostly=_MOSTLY,
            keys=_keys(table, key, _outside(column, low, high)),
        )
        for column, (low, high) in bounds.items()
    ]


def _keys(table: str, key: str, broken: str) -> str:
    # asked for only where an expectation fails; Great Expectations itself would list them in any case, which takes a
    # pass over the table for each column
    return f"SELECT {key} FROM {table} WHERE {broken} ORDER BY 1 LIMIT {KEYS_KEPT}"  # noqa: S608  (own names, own values)


def _outside(column: str, low: float | None, high: float | None) -> str:
    sides = (("<", low), (">", high))
    return " OR ".join(f"{column} {sign} {bound}" for sign, bound in sides if bound is not None)


def _quoted(value: str) -> str:
    text = value.replace("'", "''").replace("%", "%%")  # the SELECT is run with parameters
    return f"'{text}'"
