"""Everything the service reads from PostgreSQL: through a pool, in read-only transactions, with limits of time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, create_engine, event, func, select, text
from sqlalchemy.pool import QueuePool

from api.dfu_table import DIM_DFU
from api.filters import KEY, Filter, Sort
from api.settings import ApiSettings
from dfu_clustering.warehouse import connect_engine

Keys = NDArray[np.int64]

_APPLICATION: Final = "dfu-api"
_POOL_RECYCLE_S: Final = 1800
_KEEPALIVE: Final = {"keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3}

# rows written since the statistics began, the file that holds the table (TRUNCATE and the like make another), and on a
# standby, which counts no rows, how far it has come
_CHANGE_MARK: Final = text("""
SELECT pg_stat_get_tuples_inserted(oid), pg_stat_get_tuples_updated(oid), pg_stat_get_tuples_deleted(oid), relfilenode,
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END
FROM pg_class WHERE oid = 'dim_dfu'::regclass
""")
# one row a label: an array as text is read many times faster than a row a DFU
_LABELS: Final = text("SELECT cluster_assignment, array_agg(dfu_sk)::text FROM dim_dfu GROUP BY cluster_assignment")


@dataclass(frozen=True, eq=False)
class LabelSnapshot:
    """Which DFU carries which label, as one statement saw it.

    Attributes:
        members: dfu_sk, ascending, by label; None: DFUs without a label.
    """

    members: Mapping[str | None, Keys]

    @property
    def n_dfus(self) -> int:
        """Return the number of rows of dim_dfu."""
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
    """Rows of dim_dfu, and how many there are in all that fit the filters."""

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

    def close(self) -> None:
        """Close the pool's connections."""
        self._engine.dispose()

    def change_mark(self) -> tuple[Any, ...]:
        """Return something that differs when rows of dim_dfu were written; a write shows about a second later."""
        with self._reading() as connection:
            return tuple(connection.execute(_CHANGE_MARK).one())

    def label_snapshot(self) -> LabelSnapshot:
        """Return the labels of all DFUs."""
        with self._reading() as connection:
            rows = connection.execute(_LABELS).all()
        return LabelSnapshot({label: _sorted_keys(keys) for label, keys in rows})

    def page(self, filters: Sequence[Filter], sort: Sort, *, limit: int, offset: int) -> Page:
        """Return a page of the rows that fit all filters; rows and total are of one moment."""
        conditions = [one.condition() for one in filters]
        rows = select(DIM_DFU).where(*conditions).order_by(*sort.order()).limit(limit).offset(offset)
        with self._reading() as connection:
            total = connection.execute(select(func.count()).select_from(DIM_DFU).where(*conditions)).scalar_one()
            return Page(total, connection.execute(rows).mappings().all() if offset < total else [])

    def rows(self, keys: Sequence[int]) -> Sequence[RowMapping]:
        """Return the rows of some dfu_sk, ascending; keys that are gone are left out."""
        return self._rows(DIM_DFU.c[KEY].in_(keys))

    def row(self, dfu_ck: str) -> RowMapping | None:
        """Return the row of a DFU; None where there is none."""
        return next(iter(self._rows(DIM_DFU.c.dfu_ck == dfu_ck)), None)

    def _rows(self, condition: ColumnElement[bool]) -> Sequence[RowMapping]:
        with self._reading() as connection:
            return connection.execute(select(DIM_DFU).where(condition).order_by(DIM_DFU.c[KEY])).mappings().all()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """Lend a connection in one transaction: all statements see the same rows."""
        with self._engine.connect() as connection:
            yield connection


def _engine(settings: ApiSettings) -> Engine:
    engine = create_engine(
        connect_engine(settings.database_url.get_secret_value()).url,
        poolclass=QueuePool,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout_s,
        pool_recycle=_POOL_RECYCLE_S,
        pool_pre_ping=True,
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
        connection.set_client_encoding("UTF8")
        with connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'; SET datestyle = 'ISO'")
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", (_milliseconds(settings),))
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", (_milliseconds(settings),))
            cursor.execute("SET idle_in_transaction_session_timeout = '30s'")
        connection.commit()
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)

    return engine


def _milliseconds(settings: ApiSettings) -> str:
    return str(int(settings.statement_timeout_s * 1000))


def _sorted_keys(array: str) -> Keys:
    keys = np.fromstring(array.strip("{}"), dtype=np.int64, sep=",")
    keys.sort()
    return keys
