"""Records of publishes, for tests that publish labels without a run."""

from dfu_clustering.loads.publication import NOT_YET, Publication
from dfu_clustering.runs.folder import RunFolder
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.publish_record import LedgerRecord


class NoRecord:
    """Hears of a publish and writes nothing down; a test overrides what it wants to do."""

    def begin(self, table):
        return None

    def keep_previous(self, previous):
        return None

    def prepare(self, attempt):
        return None

    def committed(self, attempt):
        return None


def line(run, **facts):
    """Return the line of a publish that is about to be."""
    known = {"as_of_month": run[:7], "load_id": None, "fingerprint": "", "config_digest": "c0ffee", "labels": {}}
    return Publication(**{**known, "run": run, "published_at": NOT_YET, **facts})


def record_in(folder, kind=LedgerRecord):
    """Return the record of a publish that is kept in a folder, its line in a ledger beside it."""
    return kind(Ledger(folder.parent), RunFolder(folder), line(f"2026-10-c0ffee-{folder.name}"))
