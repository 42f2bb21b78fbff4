"""With which settings a backfill that was begun may go on."""

import pytest
from sqlalchemy import create_engine

from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import write_summary
from dfu_clustering.steps.backfill_plan import BackfillPlan, open_backfill

NOWHERE = create_engine("postgresql://nobody@nowhere/none")  # a plan that is there asks no warehouse


@pytest.fixture
def folder(tmp_path):
    """A backfill that was begun before the names of the warehouse were settings."""
    settings = load_config().of_the_result()
    del settings["warehouse"]
    write_summary(BackfillPlan(months=["2026-10"], too_early=[], settings=settings), tmp_path / "plan.json")
    return tmp_path


def test_a_section_that_its_version_did_not_know_counts_as_its_default(folder):
    assert open_backfill(load_config(), NOWHERE, folder, months=1, as_of_month=None).months == ["2026-10"]


def test_such_a_section_with_another_value_is_another_setting(folder):
    other = load_config(warehouse={"sales_filter": {"type": 2}})
    with pytest.raises(DataError, match=r"other values \(1: 'warehouse'\)"):
        open_backfill(other, NOWHERE, folder, months=1, as_of_month=None)
