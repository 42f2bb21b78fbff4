"""The name of a load is one line at every door by which it comes in."""

import sys
from datetime import UTC, datetime
from uuid import UUID

import pytest
from prefect.exceptions import ParameterTypeError

from dfu_clustering.errors import DataError
from dfu_clustering.loads.events import sales_loaded_event
from dfu_clustering.standalone.program import run_program
from flows.cluster_dfus import cluster_dfus
from scripts import announce_sales_load

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
NO_IDS = ["a\u2028b", "a\u2029b", "a\x85b", "a\x9bb", "a\nb", "a\n", "a\rb", "a\tb", "a\x1bb", "", "a" * 201]


@pytest.mark.parametrize("load_id", [*NO_IDS, "a\x00b"])
def test_event_of_another_name_is_refused(load_id):
    with pytest.raises(DataError, match="on one line"):
        sales_loaded_event("2026-10", load_id, event_id=UUID(int=1), occurred=NOON)


@pytest.mark.parametrize("load_id", [*NO_IDS, "a\x00b"])
def test_run_that_an_event_or_a_person_starts_with_another_name_does_not_begin(load_id):
    with pytest.raises(ParameterTypeError, match="load_id"):
        cluster_dfus.validate_parameters({"load_id": load_id})


@pytest.mark.parametrize("load_id", NO_IDS)
def test_program_that_is_given_another_name_says_so(load_id, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["announce_sales_load.py", "--month=2026-10", f"--load-id={load_id}"])
    with pytest.raises(SystemExit) as ended:
        run_program(announce_sales_load.main)
    assert ended.value.code == 2
    assert "on one line" in capsys.readouterr().err


@pytest.mark.parametrize("load_id", ["SAP-4711", "été 7/3 #1", "=1+1", "a" * 200, "\u200b"])
def test_any_other_line_is_a_name(load_id):
    assert cluster_dfus.validate_parameters({"load_id": load_id})["load_id"] == load_id
    assert sales_loaded_event("2026-10", load_id, event_id=UUID(int=1), occurred=NOON)
