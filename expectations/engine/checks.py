"""How expectations are declared: Great Expectations' own, each with a name, a severity and plain sentences."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity

from dfu_clustering.config.data_quality import Limits
from dfu_clustering.months import Month
from dfu_clustering.quality.gate_reports import Severity

PARAMETER = "$PARAMETER"  # how Great Expectations marks a bound that is given later
SEVERITIES: tuple[Severity, ...] = ("critical", "warning")


@dataclass(frozen=True)
class Moment:
    """What the source tables are judged as of.

    Attributes:
        as_of: The run's month.
        chosen: Whether it was asked for; else it is the newest, which must not be a stale one.
        dfus_before: Rows of dim_dfu when labels were last published; None: not known.
        sales_days: Facts of the sales of every day, as JSON; None: not known, or there are none.
    """

    as_of: Month
    chosen: bool
    dfus_before: int | None
    sales_days: str | None = None


@dataclass(frozen=True)
class Batch:
    """Rows that are judged together.

    Attributes:
        name: Shown in the Data Docs.
        source: A table in PostgreSQL; a SELECT of few rows there, which Great Expectations also reads to try it; or a
            frame.
        expectations: What is expected of them; see declare().
        key: Column whose values name the rows that break an expectation.
        essential: Whether its failure makes the suite's later batches meaningless.
    """

    name: str
    source: str | pd.DataFrame
    expectations: Sequence[Expectation]
    key: str | None = None
    essential: bool = False

    @property
    def file_name(self) -> str:
        """Return the name without what no name of a file can hold: a table may be called so."""
        return re.sub(r"[/\\\0]", "_", self.name)


def declare(
    kind: type[Expectation],
    name: str,
    severity: Severity,
    description: str,
    failure: str,
    *,
    keys: str | list[str] | None = None,
    **settings: Any,  # noqa: ANN401  (whatever the kind takes)
) -> Expectation:
    """Return an expectation.

    Args:
        kind: One of great_expectations.expectations.
        name: In snake_case; the same for both severities of a graded one.
        severity: What its failure means.
        description: The expectation as a sentence that a planner understands.
        failure: What is wrong where it does not hold, likewise; ``{few|many}`` is few below the lower bound and
            many above the upper one.
        keys: What breaks it: a SELECT of one text column, only run where it fails, or the names themselves.
        **settings: The kind's own; a bound that only the data give is a parameter().
    """
    return kind(
        severity=FailureSeverity(severity),
        description=description,
        meta={"name": name, "failure": failure, "keys": keys},
        **settings,
    )


def bounded(
    name: str,
    severity: Severity,
    description: str,
    failure: str,
    column: str,
    *,
    low: object = None,
    high: object = None,
    of: type[Expectation] = gxe.ExpectColumnMaxToBeBetween,
    keys: str | list[str] | None = None,
) -> Expectation:
    """Return the expectation that a column's maximum (or sum, mean, minimum: ``of``) lies between low and high."""
    return declare(of, name, severity, description, failure, keys=keys, column=column, min_value=low, max_value=high)


def graded(
    name: str,
    limits: Limits,
    description: str,
    failure: str,
    column: str,
    *,
    of: type[Expectation] = gxe.ExpectColumnMaxToBeBetween,
    keys: str | list[str] | None = None,
) -> list[Expectation]:
    """Return the expectations of both severities that a column is at most its limits; see bounded()."""
    return [
        bounded(name, severity, description, failure, column, high=getattr(limits, severity), of=of, keys=keys)
        for severity in SEVERITIES
    ]


def parameter(name: str) -> dict[str, str]:
    """Return a bound that is given when the suite is judged; where it is None then, nothing is judged."""
    return {PARAMETER: name}
