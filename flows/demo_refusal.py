"""What the demo says where the gate refuses its sales: once, with the way out."""

import logging
from collections.abc import Iterator

from sqlalchemy import Engine

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.demo.absent_names import absent_names
from dfu_clustering.months import Month
from dfu_clustering.quality.gate_reports import DataQualityError, GatePolicy
from dfu_clustering.warehouse.snapshot import sales_span
from expectations.standalone import require_good_sources

_MONTHS_TRIED = 3


def ways_out(config: ClusteringConfig, engine: Engine, month: Month) -> Iterator[str]:
    """Return lines of who is missing in a month that the gate refused, and of the newest month that it lets pass."""
    yield from absent_names(engine, month)
    first = sales_span(engine).first_month
    for earlier in (month - back for back in range(1, _MONTHS_TRIED + 1)):
        if earlier > first and _passes(config, engine, earlier):
            yield f"The newest month that is complete is {earlier}: run make demo with AS_OF={earlier}"
            return
    yield f"None of the {_MONTHS_TRIED} months before {month} passes the gate either"


def _passes(config: ClusteringConfig, engine: Engine, month: Month) -> bool:
    logger = logging.getLogger("dfu_clustering")
    level = logger.level
    logger.setLevel(logging.ERROR)  # warnings of months that nobody asked for
    try:
        require_good_sources(config, engine, GatePolicy(), as_of_month=str(month), chosen=True)
    except DataQualityError:
        return False
    finally:
        logger.setLevel(level)
    return True
