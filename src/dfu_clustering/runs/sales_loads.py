"""What a load of sales is, by what the table shows of it."""

import hashlib

from dfu_clustering.files.summary import Summary

_FINGERPRINT_DIGITS = 12


class SalesState(Summary):
    """What fact_sales_monthly shows of the months up to one, so that two loads can be told apart.

    Attributes:
        as_of_month: Newest month that is looked at, ``2026-10``.
        rows: Rows up to and including it.
        newest_load_ts: Newest load_ts among them, UTC; None where no row has one.
        newest_modified_ts: Newest modified_ts, likewise.
        total_qty: Exact sum of qty, as text; None where no row has one.
    """

    as_of_month: str
    rows: int
    newest_load_ts: str | None
    newest_modified_ts: str | None
    total_qty: str | None

    @classmethod
    def unknown(cls, as_of_month: str | None) -> "SalesState":
        """Return the state of a table that cannot be read, or has no sales for the month."""
        month = as_of_month or "unknown"
        return cls(as_of_month=month, rows=0, newest_load_ts=None, newest_modified_ts=None, total_qty=None)

    @property
    def fingerprint(self) -> str:
        """Return 12 hex digits that change when rows come, go, or are rewritten with a new time or another sum."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:_FINGERPRINT_DIGITS]

    @property
    def load_id(self) -> str:
        """Return a name for the load that left the table so, for whoever has no name of the loader's."""
        return f"{self.as_of_month}-{self.fingerprint}"
