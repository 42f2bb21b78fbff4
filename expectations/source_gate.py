"""The gate of the source tables: judged where they lie, and then DFU by DFU in the sales as they were read."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, Final

import numpy as np
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy import Engine

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.warehouse_names import ROLES, Role, WarehouseNames
from dfu_clustering.errors import DataError, WarehouseError
from dfu_clustering.loads.sales_loads import facts_by_day
from dfu_clustering.months import parse_month
from dfu_clustering.quality.gate_reports import Suite, Value, worst_severity
from dfu_clustering.quality.recent_sales import RecentSales
from dfu_clustering.runs.past_gates import report_of_last_publish
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.sales_reading import SalesReading
from dfu_clustering.warehouse.catalog import FoundTable, find_table
from dfu_clustering.warehouse.connect import names_of, private_connection
from dfu_clustering.warehouse.identity import database_identity
from dfu_clustering.warehouse.snapshot import Snapshot, stay_in_snapshot
from expectations.engine.checks import Batch, Moment
from expectations.engine.validation import Judgement, Validator, left_out
from expectations.suites import dim_dfu, dim_item, fact_sales_monthly
from expectations.suites.attributes import attribute_columns
from expectations.suites.columns import columns_batches, target_batch
from expectations.suites.texts import texts_batch
from expectations.suites.views import create_views
from expectations.suites.words import in_words_of

SALES: Final[Suite] = "fact_sales_monthly"
SOURCES: dict[Suite, ModuleType] = {SALES: fact_sales_monthly, "dim_dfu": dim_dfu, "dim_item": dim_item}

_NEVER = np.datetime64("9000-01", "M")  # later than any month, so that a profile holds all there is
_FACTS = ("sales_rows", "dfus", "warehouse")


@dataclass
class JudgedTable:
    """What was found of one table.

    Attributes:
        judgement: The checks so far.
        facts: What later gates compare with.
        duration_s: Seconds that it took.
    """

    judgement: Judgement = field(default_factory=Judgement)
    facts: dict[str, Value] = field(default_factory=dict)
    duration_s: float = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Add the seconds of the block."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.duration_s += time.perf_counter() - started


class SourceGate:
    """Judges the source tables of one run.

    Args:
        config: History, window, limits.
        engine: The warehouse.
        run: Gets what Great Expectations writes.
        reading: Of the sales, and the snapshot to judge.
        suites: Those that are judged.
        chosen: Whether the month was asked for.
    """

    def __init__(
        self,
        config: ClusteringConfig,
        engine: Engine,
        run: Run,
        reading: SalesReading,
        suites: Sequence[Suite],
        *,
        chosen: bool,
    ) -> None:
        self._config, self._engine, self._run, self._reading = config, engine, run, reading
        self._names = names_of(engine)
        self._chosen = chosen
        self._unreadable: DataError | WarehouseError | None = None
        self.tables = {suite: JudgedTable() for suite in suites}

    def judge(self) -> Validator:
        """Judge the tables, and return what can write the Data Docs of it.

        Raises:
            SnapshotGoneError: The snapshot is not open any more.
        """
        with private_connection(self._engine) as connection:
            moment, warehouse = self._moment(connection)
            stay_in_snapshot(connection, self._reading.sales.snapshot if self._reading.sales else None)
            validator = Validator(self._run, connection)
            readable = self._judge_columns(connection, validator)
            if readable and SALES in self.tables:
                moment = replace(moment, sales_days=self._days(connection))
            for suite in self.tables:
                self._judge_rows(connection, validator, suite, moment, readable=readable)
                self.tables[suite].facts["warehouse"] = warehouse
            months = fact_sales_monthly.months(connection, self._names) if readable and SALES in self.tables else []
        if SALES in self.tables:  # without the connection: a loader that waits for its locks waits no longer
            with self.tables[SALES].timed():
                self._judge_what_sells(validator, moment, months)
        return validator

    def require_readable(self) -> None:
        """Check that the sales could be read, unless something critical is known that explains why not.

        Raises:
            DataError, WarehouseError: They could not.
        """
        found = [check for table in self.tables.values() for check in table.judgement.checks]
        if self._unreadable is not None and worst_severity(found) != "critical":
            raise self._unreadable

    def _judge_columns(self, connection: Connection, validator: Validator) -> bool:
        """Judge columns and texts; return whether the rows can be read."""
        found = {role: find_table(connection, self._names, role) for role in ROLES}
        for suite, table in self.tables.items():
            table.judgement += validator.judge(_of_the_columns(suite, found, self._names), {})
        if not self._complete():
            return False
        create_views(connection, self._names, found)
        for suite, table in self.tables.items():
            role = SOURCES[suite].ROLE
            table.judgement += validator.judge([texts_batch(connection, self._names, role, found[role].name)], {})
        return self._complete()

    def _complete(self) -> bool:
        return all(table.judgement.complete for table in self.tables.values())

    def _days(self, connection: Connection) -> str | None:
        known = self._reading.sales.days if self._reading.sales else None
        return known or facts_by_day(Snapshot(connection, self._names))

    def _judge_rows(
        self, connection: Connection, validator: Validator, suite: Suite, moment: Moment, *, readable: bool
    ) -> None:
        source, table = SOURCES[suite], self.tables[suite]
        with table.timed():
            batches = in_words_of(self._names, source.batches(self._config, moment), source.ROLE)
            parameters = source.profile(connection, self._config, moment) if readable else {}
            table.judgement += validator.judge(batches, parameters) if readable else left_out(*batches)
            table.facts |= {name: parameters[name] for name in _FACTS if name in parameters}

    def _judge_what_sells(self, validator: Validator, moment: Moment, months: list[dict[str, Any]]) -> None:
        """Judge the newest month beside the others, and DFU by DFU."""
        table = self.tables[SALES]
        recent = self._recent() if table.judgement.complete else None
        batches = fact_sales_monthly.batches_of_what_sells(self._config, moment, months, recent)
        batches = in_words_of(self._names, batches, fact_sales_monthly.ROLE)
        if not table.judgement.complete:
            table.judgement += left_out(*batches)
            return
        parameters = fact_sales_monthly.parameters(self._config, moment, months, recent)
        of_month, of_dfus = batches
        table.judgement += validator.judge([of_month], parameters)
        table.judgement += validator.judge([of_dfus], parameters) if recent else left_out(of_dfus)

    def _recent(self) -> RecentSales | None:
        """Return what the DFUs sell; None where that cannot be read."""
        try:
            return self._reading.recent(self._engine)
        except (DataError, WarehouseError) as error:
            self._unreadable = error
            return None

    def _moment(self, connection: Connection) -> tuple[Moment, Value]:
        warehouse = database_identity(connection, self._names)
        before = report_of_last_publish(self._run, "dim_dfu", warehouse) if warehouse else None
        dfus = before.facts.get("dfus") if before else None
        as_of = parse_month(self._run.known_month) if self._run.known_month else _NEVER
        return Moment(as_of, chosen=self._chosen, dfus_before=dfus if isinstance(dfus, int) else None), warehouse


def _of_the_columns(suite: Suite, found: Mapping[Role, FoundTable], names: WarehouseNames) -> list[Batch]:
    source = SOURCES[suite]
    table = found[source.ROLE]
    keys = names.columns_of(source.ROLE).values() if source.ROLE != "dfu" else ()  # of DFUs the target tells it
    columns = columns_batches(table.told_of_loose(keys), source.columns(names), attribute_columns(names, source.ROLE))
    return [*columns, target_batch(table, names)] if source.ROLE == "dfu" else columns
