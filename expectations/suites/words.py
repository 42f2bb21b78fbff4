"""The sentences of the expectations in the words of the warehouse: people look for the names that it has."""

import re
from collections.abc import Iterable
from copy import copy
from dataclasses import replace

from great_expectations.expectations.expectation import Expectation

from dfu_clustering.config.warehouse_names import Role, WarehouseNames
from expectations.engine.checks import Batch

_TABLES: dict[str, Role] = {"fact_sales_monthly": "sales", "dim_dfu": "dfu", "dim_item": "item"}


def in_words_of(names: WarehouseNames, batches: Iterable[Batch], role: Role) -> list[Batch]:
    """Return batches of one table whose names and sentences name tables and columns as the configuration does."""
    tables = {own: getattr(names.tables, of) for own, of in _TABLES.items()}
    words = tables | names.columns_of(role)
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, words))})\b")

    def reworded(text: str) -> str:
        return pattern.sub(lambda found: words[found[1]], text)

    def of(expectation: Expectation) -> Expectation:
        renamed = copy(expectation)
        renamed.description = reworded(expectation.description or "")
        declared = expectation.meta or {}
        renamed.meta = {**declared, "failure": reworded(declared["failure"])}
        return renamed

    return [
        replace(batch, name=reworded(batch.name), expectations=[of(one) for one in batch.expectations])
        for batch in batches
    ]
