"""Who is missing in a month that is not all there: locations and items that usually sell."""

from collections.abc import Iterator

from sqlalchemy import Engine

from dfu_clustering.months import Month
from dfu_clustering.warehouse.connect import names_of, private_connection
from dfu_clustering.warehouse.statements import fetch_rows, statement


def absent_names(engine: Engine, month: Month) -> Iterator[str]:
    """Return a line for locations and one for items that sold in each of the three months before, and not in it."""
    names = names_of(engine)
    with private_connection(engine) as connection:
        kinds = fetch_rows(connection, names, statement(__package__, "absent_names", names, month=f"{month}-01"))
    for kind in kinds:
        if kind["absent"]:
            first = ", ".join(kind["first_absent"]) + (", …" if kind["absent"] > len(kind["first_absent"]) else "")
            yield (
                f"{kind['absent']:,} of {kind['usual']:,} {kind['kind']} that sold in each of the three months before "
                f"have no sale in {month}: {first}"
            )
