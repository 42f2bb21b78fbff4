"""What the attributes of both dimensions must be like: types, expected values, plausible numbers; NULL is allowed."""

from collections.abc import Mapping

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.warehouse_names import Role, WarehouseNames
from dfu_clustering.errors import ConfigError
from dfu_clustering.warehouse.statements import literal, quoted
from expectations.engine.checks import declare
from expectations.engine.results import KEYS_KEPT

_MOSTLY = 0.99  # a stray value is no news


def attribute_columns(names: WarehouseNames, role: Role) -> dict[str, str]:
    """Return the kind of type of every attribute's column in the warehouse."""
    return {one.source: "number" if one.kind == "numeric" else "text" for one in names.attributes_of(role)}


def domains(suite: str, view: str, key: str, role: Role, config: ClusteringConfig) -> list[Expectation]:
    """Return the warnings that text columns hold the values that the configuration lists for them.

    Args:
        suite: Its name, under which the configuration lists them.
        view: Where the attributes are judged.
        key: Column that names the rows that do not.
        role: The table.
        config: Lists the values.

    Raises:
        ConfigError: It lists values for a column that the project does not read.
    """
    listed = {
        name.partition(".")[2]: values
        for name, values in config.data_quality.domains.items()
        if name.partition(".")[0] == suite and values
    }
    texts = {one.name: one.source for one in config.warehouse.attributes_of(role) if one.kind == "categorical"}
    unknown = [name for name in listed if name not in texts]
    if unknown:
        raise ConfigError(
            "data_quality.domains must name text columns that the project reads",
            found=f"names that are no text attributes of {getattr(config.warehouse.tables, role)}",
            keys=unknown,
            remedy=f"use some of {', '.join(texts)}, list no values for it, or add it to warehouse.attributes",
        )
    return [
        declare(
            gxe.ExpectColumnValuesToBeInSet,
            f"{column}_is_known",
            "warning",
            f"{texts[column]} is one of {', '.join(values)} in 99 % of the rows that have a value.",
            f"{texts[column]} is none of {', '.join(values)} in too many rows.",
            column=column,
            value_set=list(values),
            mostly=_MOSTLY,
            keys=_keys(view, key, f"{_named(column)} NOT IN ({', '.join(map(_quoted, values))})"),
        )
        for column, values in listed.items()
    ]


def ranges(
    view: str, key: str, bounds: Mapping[str, tuple[float | None, float | None]], role: Role, names: WarehouseNames
) -> list[Expectation]:
    """Return the warnings that numeric columns lie within plausible bounds; ``key`` names the rows that do not."""
    numbers = {one.name: one.source for one in names.attributes_of(role) if one.kind == "numeric"}
    return [
        declare(
            gxe.ExpectColumnValuesToBeBetween,
            f"{column}_is_plausible",
            "warning",
            f"{numbers[column]} is within plausible bounds in 99 % of the rows that have a value.",
            f"{numbers[column]} is outside of plausible bounds in too many rows.",
            column=column,
            min_value=low,
            max_value=high,
            mostly=_MOSTLY,
            keys=_keys(view, key, _outside(_named(column), low, high)),
        )
        for column, (low, high) in bounds.items()
        if column in numbers
    ]


def _keys(view: str, key: str, broken: str) -> str:
    # asked for only where an expectation fails; Great Expectations itself would list them in any case, which takes a
    # pass over the table for each column
    return f"SELECT {key} FROM pg_temp.{view} WHERE {broken} ORDER BY 1 LIMIT {KEYS_KEPT}"  # noqa: S608  (own names, own values)


def _outside(column: str, low: float | None, high: float | None) -> str:
    sides = (("<", low), (">", high))
    return " OR ".join(f"{column} {sign} {bound}" for sign, bound in sides if bound is not None)


def _named(column: str) -> str:
    return quoted(column).replace("%", "%%")


def _quoted(value: str) -> str:
    return literal(value).replace("%", "%%")  # the SELECT is run with parameters
