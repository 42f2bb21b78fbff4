"""Everything the service reads from PostgreSQL: through a pool, read-only, with limits of time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ARRAY,
    Connection,
    Engine,
    Row,
    RowMapping,
    Text,
    any_,
    cast,
    create_engine,
    event,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from api.columns import ReadColumns, find_columns
from api.filters import KEY, LABEL, Filter, Sort
from api.problem_details import InvalidParameterError
from api.settings import ApiSettings
from api.tables import COLUMNS, DFU_TABLE, NAMES
from dfu_clustering.warehouse.connect import connect_engine
from dfu_clustering.warehouse.statements import table

Keys = NDArray[np.int64]
T = TypeVar("T")

_APPLICATION: Final = "dfu-api"
_POOL_RECYCLE_S: Final = 1800
_BATCH_ROWS: Final = 10_000  # of a list
_KEEPALIVE: Final = {"keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3}

# rows written since the statistics began, the file that holds the table (TRUNCATE and the like make another), and on a
# standby, which counts no rows, how far it has come
_CHANGE_MARK: Final = text("""
SELECT pg_stat_get_tuples_inserted(oid), pg_stat_get_tuples_updated(oid), pg_stat_get_tuples_deleted(oid), relfilenode,
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END
FROM pg_class WHERE oid = CAST(:table AS regclass)
""")
_SNAPSHOT_LIMIT: Final = text("SELECT set_config('statement_timeout', :limit, true)")  # SET LOCAL
# one row a label: an array as text is read many times faster than a row a DFU
_LABELS: Final = select(COLUMNS[LABEL], cast(func.array_agg(COLUMNS[KEY]), Text)).group_by(COLUMNS[LABEL])
_TABLE: Final = {"table": table(NAMES, "dfu")}


@dataclass(frozen=True, eq=False)
class LabelSnapshot:
    """Which DFU carries which label, as one statement saw it.

    Attributes:
        members: dfu_sk, ascending, by label; None: DFUs without a label.
    """

    members: Mapping[str | None, Keys]

    @property
    def n_dfus(self) -> int:
        """Return the number of DFUs."""
        return sum(map(len, self.members.values()))

    @cached_property
    def all_members(self) -> Keys:
        """The dfu_sk of all rows, ascending."""
        return np.sort(np.concatenate([np.empty(0, dtype=np.int64), *self.members.values()]))

    def counts(self) -> dict[str, int]:
        """Return the number of DFUs by label, the largest first (ties: by label)."""
        counts = {label: len(keys) for label, keys in self.members.items() if label is not None}
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True)
class Page:
    """DFUs, and how many there are in all that fit the filters."""

    total: int
    rows: Sequence[RowMapping]


class Database:
    """The warehouse, read-only."""

    def __init__(self, settings: ApiSettings) -> None:
        """Make the pool; nothing is connected yet.

        Raises:
            ConfigError: The address names no PostgreSQL database.
        """
        self._engine = _engine(settings)
        self._snapshot_timeout_s = settings.snapshot_timeout_s

    def close(self) -> None:
        """Close the pool's connections."""
        self._engine.dispose()

    def change_mark(self) -> tuple[Any, ...]:
        """Return something that differs when rows of the DFU table were written; a write shows about a second later."""
        return tuple(self._read(lambda connection: connection.execute(_CHANGE_MARK, _TABLE).one()))

    def label_snapshot(self) -> LabelSnapshot:
        """Return the labels of all DFUs."""
        _ = self._columns  # a fault of the table is named, whatever is asked for first

        def read(connection: Connection) -> Sequence[Row[Any]]:
            # all rows are read: a limit of its own, which holds for this transaction only
            transaction = connection.execution_options(isolation_level="READ COMMITTED")
            transaction.execute(_SNAPSHOT_LIMIT, {"limit": f"{int(self._snapshot_timeout_s * 1000)}ms"})
            return transaction.execute(_LABELS).all()

        return LabelSnapshot({label: _sorted_keys(keys) for label, keys in self._read(read)})

    def page(self, filters: Sequence[Filter], sort: Sort, *, limit: int, offset: int) -> Page:
        """Return a page of the rows that fit all filters; rows and total are of one moment."""
        self._require_present([*(one.column for one in filters), sort.column])
        columns = self._columns.by_field
        conditions = [one.condition(columns) for one in filters]
        counted = select(func.count()).select_from(DFU_TABLE).where(*conditions)
        wanted = select(*self._columns.selected()).where(*conditions).order_by(*sort.order(columns))
        cut = wanted.limit(limit).offset(offset)

        def read(connection: Connection) -> Page:
            snapshot = connection.execution_options(isolation_level="REPEATABLE READ")
            total = snapshot.execute(counted).scalar_one()
            return Page(total, snapshot.execute(cut).mappings().all() if offset < total else [])

        return self._read(read)

    def read_all(
        self,
        names: Sequence[str],
        filters: Sequence[Filter],
        sort: Sort,
        work: Callable[[Iterator[Sequence[Row[Any]]]], T],
        keys: Sequence[str] | None = None,
    ) -> T:
        """Do some work on fields of all rows that fit all filters, in batches of one moment; one is in memory.

        Args:
            names: Of the fields.
            filters: That rows must fit.
            sort: Their order.
            work: Gets the batches.
            keys: dfu_ck of the only rows that are wanted; None: all.
        """
        self._require_present([*(one.column for one in filters), sort.column])
        columns = self._columns.by_field
        conditions = [one.condition(columns) for one in filters]
        if keys is not None:
            conditions.append(columns["dfu_ck"] == any_(literal(list(keys), ARRAY(Text))))
        wanted = select(*(columns[name] for name in names)).where(*conditions).order_by(*sort.order(columns))

        def read(connection: Connection) -> T:
            streamed = connection.execution_options(isolation_level="REPEATABLE READ", yield_per=_BATCH_ROWS)
            streamed.execute(_SNAPSHOT_LIMIT, {"limit": f"{int(self._snapshot_timeout_s * 1000)}ms"})
            return work(streamed.execute(wanted).partitions())

        return self._read(read)

    def rows(self, keys: Sequence[int]) -> Sequence[RowMapping]:
        """Return the rows of some dfu_sk, ascending; keys that are gone are left out."""
        wanted = select(*self._columns.selected()).where(COLUMNS[KEY].in_(keys)).order_by(COLUMNS[KEY])
        return self._read(lambda connection: connection.execute(wanted).mappings().all())

    def row(self, dfu_ck: str) -> RowMapping | None:
        """Return the row of a DFU; None where there is none."""
        wanted = select(*self._columns.selected()).where(self._columns.by_field["dfu_ck"] == dfu_ck)
        return self._read(lambda connection: connection.execute(wanted).mappings().one_or_none())

    @cached_property
    def _columns(self) -> ReadColumns:
        """How the fields of a row are read; looked for again after an error."""
        return self._read(find_columns)

    def _require_present(self, columns: Sequence[str]) -> None:
        for column in self._columns.missing.intersection(columns):
            raise InvalidParameterError("filters or sort", f"{NAMES.tables.dfu} has no column for {column!r} now.")

    def _read(self, work: Callable[[Connection], T]) -> T:
        """Do some reading on a connection; once more on a new one where the server had closed it meanwhile."""
        try:
            with self._engine.connect() as connection:
                return work(connection)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        with self._engine.connect() as connection:
            return work(connection)


def _engine(settings: ApiSettings) -> Engine:
    engine = create_engine(
        connect_engine(settings.database_url.get_secret_value()).url,
        poolclass=QueuePool,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout_s,
        pool_recycle=_POOL_RECYCLE_S,
        # one statement sees one state without BEGIN and ROLLBACK, two round trips less
        isolation_level="AUTOCOMMIT",
        connect_args={
            "connect_timeout": settings.connect_timeout_s,
            "application_name": _APPLICATION,
            # a server that vanished without a word is noticed, also while it owes an answer
            "tcp_user_timeout": int((settings.statement_timeout_s + settings.connect_timeout_s) * 1000),
            **_KEEPALIVE,
        },
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:  # noqa: ANN401  (a psycopg2 connection)
        limit_ms = int(settings.statement_timeout_s * 1000)
        connection.set_client_encoding("UTF8")
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on; SET TIME ZONE 'UTC'; SET datestyle = 'ISO'")
            cursor.execute(f"SET statement_timeout = {limit_ms}; SET lock_timeout = {limit_ms}")
            cursor.execute("SET idle_in_transaction_session_timeout = '30s'")
        connection.commit()

    return engine


def _sorted_keys(array: str) -> Keys:
    keys = np.fromstring(array.strip("{}"), dtype=np.int64, sep=",")
    keys.sort()
    return keys
