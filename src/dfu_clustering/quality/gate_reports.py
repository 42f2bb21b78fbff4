"""What a gate found: checks, reports, whether the run may continue, and the error where it may not."""

import logging
from collections.abc import Sequence
from typing import Literal, get_args

from dfu_clustering.errors import InputError
from dfu_clustering.files.summary import Summary

Suite = Literal["fact_sales_monthly", "dim_dfu", "dim_item", "features", "assignments"]
Severity = Literal["critical", "warning"]
Outcome = Literal["passed", "warned", "failed", "overridden"]
Value = int | float | str | None

SUITES: tuple[Suite, ...] = get_args(Suite)
BEFORE_LABELS = tuple(suite for suite in SUITES if suite != "assignments")  # judged before a run makes its labels

logger = logging.getLogger(__name__)


class DataQualityError(InputError):
    """Data that break an expectation which stops a run; nothing was published."""


class GatePolicy(Summary):
    """When a run continues in spite of failures.

    Attributes:
        accept_warnings: Whether a run continues where nothing worse than a warning failed.
        skip_suites: Suites that are not judged.
        override_reason: Why the run continues in spite of failures; None: they stop it.
    """

    accept_warnings: bool = True
    skip_suites: tuple[Suite, ...] = ()
    override_reason: str | None = None

    def outcome(self, worst: Severity | None) -> Outcome:
        """Return what the worst failure means for the run."""
        if worst is None:
            return "passed"
        if worst == "warning" and self.accept_warnings:
            return "warned"
        return "overridden" if self.override_reason else "failed"


class Check(Summary):
    """One expectation and how it turned out.

    Attributes:
        name: What is expected, in snake_case.
        severity: What its failure means: ``critical`` stops a run, ``warning`` is reported.
        description: A sentence that is true of the data: the expectation where it holds, else what is wrong.
        passed: Whether it holds.
        observed: What was found.
        threshold: What is allowed.
        sample_keys: The first few keys, months or names that break it.
    """

    name: str
    severity: Severity
    description: str
    passed: bool
    observed: Value
    threshold: str
    sample_keys: list[str]


class GateReport(Summary):
    """What one suite found and what follows.

    Attributes:
        suite: A table's name, ``features`` or ``assignments``.
        as_of_month: The run's, ``2026-10``.
        outcome: What it means for the run; of the labels of a dry run, what it would mean for their publish.
        override_reason: Why the run continues in spite of failures, in a person's words.
        checks: Every expectation that was judged.
        not_judged: Expectations for which there is nothing to judge them by.
        facts: Numbers for the gates and runs that follow.
        duration_s: Seconds that it took.
    """

    suite: Suite
    as_of_month: str
    outcome: Outcome
    override_reason: str | None
    checks: list[Check]
    not_judged: list[str]
    facts: dict[str, Value]
    duration_s: float

    @property
    def failures(self) -> list[Check]:
        """Return the checks that failed, the critical ones first."""
        failed = [check for check in self.checks if not check.passed]
        return sorted(failed, key=lambda check: check.severity != "critical")


class SuiteSummary(Summary):
    """What the run's summary says of a suite; see GateReport."""

    suite: Suite
    outcome: Outcome
    override_reason: str | None
    checks: int
    critical: int
    warnings: int
    not_judged: int
    failures: list[Check]

    @classmethod
    def of(cls, report: GateReport) -> "SuiteSummary":
        """Return the summary of a report."""
        severities = [check.severity for check in report.failures]
        return cls(
            suite=report.suite,
            outcome=report.outcome,
            override_reason=report.override_reason,
            checks=len(report.checks),
            critical=severities.count("critical"),
            warnings=severities.count("warning"),
            not_judged=len(report.not_judged),
            failures=report.failures,
        )


def worst_severity(checks: Sequence[Check]) -> Severity | None:
    """Return the severity of the worst failure; None: all passed."""
    failed = {check.severity for check in checks if not check.passed}
    return "critical" if "critical" in failed else "warning" if failed else None


def require_passed(reports: Sequence[GateReport], *, dry_run: bool = False) -> None:
    """Check that the run may continue.

    Args:
        reports: What its suites found.
        dry_run: Whether nothing will be published: what would stop a publish is logged, and the run continues.

    Raises:
        DataQualityError: A suite stops it; suites, expectations, observed values, thresholds and keys are named.
    """
    stopping = [report for report in reports if report.outcome == "failed"]
    if not stopping:
        return
    failures = [check for report in stopping for check in report.failures]
    if dry_run:
        logger.warning("dry_run=true %s", "; ".join(refusals(reports)))
        return
    raise DataQualityError(
        f"{', '.join(report.suite for report in stopping)} must pass the data-quality gate as of "
        f"{stopping[0].as_of_month}",
        found="; ".join(map(describe, failures)),
        keys=list(dict.fromkeys(key for check in failures for key in check.sample_keys)),
        remedy=(
            "correct the data and run again; if the data are right, raise the limit in data_quality, name the "
            "suite in skip_suites or give an override_reason. Nothing was published"
        ),
    )


def refusals(reports: Sequence[GateReport]) -> list[str]:
    """Return what would keep the labels of a dry run from being published, a line each."""
    failed = [check for report in reports if report.outcome == "failed" for check in report.failures]
    return [f"these labels would not be published without an override_reason: {describe(check)}" for check in failed]


def describe(check: Check) -> str:
    """Return a check that failed in one line: what is wrong, by how much, and the name of the expectation."""
    wrong = check.description.rstrip(".")  # an error ends its sentences itself
    return f"{wrong}: observed {check.observed}, allowed {check.threshold} ({check.severity} {check.name})"
