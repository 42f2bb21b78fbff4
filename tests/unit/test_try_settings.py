"""A try of other settings that is resumed is of the base with which it began."""

from datetime import UTC, datetime, timedelta

import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.loads.publication import Publication
from dfu_clustering.loads.sales_loads import SalesState
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.manifest import READ_SALES_STATE
from dfu_clustering.runs.run import Run
from dfu_clustering.steps import try_settings
from dfu_clustering.warehouse.connect import connect_engine

TRACKING = load_config().tracking
NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
TRY = "0123456789ab"
NOWHERE = connect_engine("postgresql://nobody@nowhere/none")


def publish(runs, name):
    """Add a run with a manifest, and its line in the ledger, which is the newest then."""
    run = Run.named(runs, name)
    run.folder.mkdir(parents=True)
    run.once(READ_SALES_STATE, lambda: SalesState.unknown(run.as_of_month))
    ledger = Ledger(runs)
    line = Publication(
        as_of_month=run.as_of_month,
        load_id=None,
        fingerprint="",
        config_digest="d",
        run=name,
        labels={},
        published_at=NOON + timedelta(hours=len(ledger.publications())),
    )
    ledger.append(line)


@pytest.mark.parametrize(("wanted", "base"), [("published", "b"), ("previous", "a"), (None, "b")])
def test_try_that_is_cut_off_keeps_its_base_whatever_is_published_since(tmp_path, monkeypatch, wanted, base):
    class ProcessEndsError(Exception):
        pass

    def end(*_):
        raise ProcessEndsError

    runs = tmp_path / "runs"
    publish(runs, "2026-08-d-a")
    publish(runs, "2026-09-d-b")
    monkeypatch.setattr(try_settings, "find_standing_runs", end)  # the warehouse is asked after the base is kept
    first = Run.named(runs, "2026-09-d-b" if base == "b" else "2026-08-d-a")
    if wanted:
        assert try_settings.find_base(NOWHERE, runs, TRACKING, wanted, try_id=TRY).name == first.name
    tried = Run.open(runs, as_of_month=first.known_month, config_digest="other", run_id=TRY)
    with pytest.raises(ProcessEndsError):
        try_settings.begin_try(tried, first, NOWHERE, TRACKING)
    publish(runs, "2026-10-d-c")
    assert try_settings.find_base(NOWHERE, runs, TRACKING, wanted, try_id=TRY).name == first.name
    if wanted:
        another = try_settings.find_base(NOWHERE, runs, TRACKING, wanted, try_id="ba9876543210")
        assert another.name != first.name
