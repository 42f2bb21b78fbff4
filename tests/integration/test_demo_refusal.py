"""What `make demo` says of a month that is only half there."""

import logging

import numpy as np
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.quality.gate_reports import DataQualityError
from dfu_clustering.warehouse.connect import connect_engine
from flows.cli import bad_input_said_once
from flows.demo_refusal import ways_out
from tests.integration.corruptions import FACT, NEWEST
from tests.integration.gate_runs import copied_panel, execute, fetch

pytestmark = pytest.mark.integration


def test_half_loaded_month_names_who_is_missing_and_the_newest_that_is_complete(clean_panel):
    with copied_panel(clean_panel, "half_loaded") as url:
        regular = (
            f"SELECT loc FROM {FACT} WHERE startdate BETWEEN '2026-07-01' AND '2026-09-01'"
            ' GROUP BY loc HAVING count(DISTINCT startdate) = 3 ORDER BY loc COLLATE "C"'
        )
        usual = [loc for (loc,) in fetch(url, regular)]
        gone = usual[: len(usual) // 2]
        listed = ", ".join(f"'{loc}'" for loc in gone)
        execute(url, f"DELETE FROM {FACT} WHERE {NEWEST} AND loc IN ({listed})")
        engine = connect_engine(url)
        locations, items, way_out = ways_out(load_config(), engine, np.datetime64("2026-10", "M"))
        engine.dispose()
    assert locations == (
        f"{len(gone)} of {len(usual)} locations that sold in each of the three months before have no sale in 2026-10: "
        f"{', '.join(gone[:5])}, …"
    )
    assert "items that sold in each of the three months before have no sale in 2026-10: " in items
    assert way_out == "The newest month that is complete is 2026-09: run make demo with AS_OF=2026-09"


def test_bad_input_is_kept_from_the_terminal_and_everything_else_is_not():
    told: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record):
            told.append(f"{record.getMessage()} {record.exc_info and record.exc_info[1]}")

    shown = Kept()
    prefect, logger = logging.getLogger("prefect"), logging.getLogger("prefect.some_run")
    prefect.addHandler(shown)
    refused = DataQualityError("the rule", found="half", remedy="wait")
    try:
        with bad_input_said_once():
            for error in (refused, DataError("another rule", found="x", remedy="y"), RuntimeError("a fault")):
                logger.error("Task run failed", exc_info=error)
            logger.error("Finished in state Failed('Task run encountered an exception DataQualityError: the rule')")
            logger.error("Finished in state Failed('RuntimeError: a fault')")
        logger.error("DataQualityError: said again afterwards")
    finally:
        prefect.removeHandler(shown)
    assert told == [
        "Task run failed a fault",
        "Finished in state Failed('RuntimeError: a fault') None",
        "DataQualityError: said again afterwards None",
    ]
