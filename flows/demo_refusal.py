"""What the demo says where the gate refuses its sales: once, with the way out."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.demo.absent_names import absent_names
from dfu_clustering.errors import InputError
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


@contextmanager
def bad_input_said_once() -> Iterator[None]:
    """Keep from the terminal what Prefect says of an InputError, task by task and with its traceback.

    The log of the run on the server keeps all of it.
    """
    handlers = {handler for name in ("prefect", None) for handler in logging.getLogger(name).handlers}
    for handler in handlers:
        handler.addFilter(_is_news)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    of_input = any(f"{kind.__name__}:" in record.getMessage() for kind in InputError.__subclasses__())
    return not (isinstance(error, InputError) or (of_input and record.name.startswith("prefect.")))
