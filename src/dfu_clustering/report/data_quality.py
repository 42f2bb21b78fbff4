"""What a planner must know about the data: what the gates found, DFUs that are not clustered, unusual sales rows."""

from collections.abc import Sequence

from dfu_clustering.figures.style import short
from dfu_clustering.quality.gate_reports import Check, GateReport
from dfu_clustering.report.inputs import RunArtifacts
from dfu_clustering.report.model import DataQuality, Exclusion, Fact, Finding, SuiteResult
from dfu_clustering.report.wording import exclusion_meaning
from dfu_clustering.runs.summaries import FeatureSummary

_SALES = (
    ("sales_rows", "Sales rows read", ""),
    ("negative_qty_rows", "Rows with a negative quantity", "returns; subtracted within their month"),
    ("clipped_months", "Months of a DFU with more returns than sales", "count as zero demand"),
    ("null_qty_rows", "Rows without a quantity", "count as zero demand"),
    ("duplicate_rows", "Repeated rows of a DFU and month", "added up"),
)


def data_quality(artifacts: RunArtifacts) -> DataQuality:
    """Return findings, exclusions and oddities; those of a run without gates or counts are empty."""
    origin = artifacts.origin
    return DataQuality(
        suites=[_suite(report) for report in artifacts.gates],
        findings=_findings(artifacts.gates),
        exclusions=[
            Exclusion(reason=reason, meaning=exclusion_meaning(reason, artifacts.dfu_table), dfus=dfus)
            for reason, dfus in (origin.excluded if origin else {}).items()
        ],
        sales=_sales(origin) if origin else [],
    )


def _sales(origin: FeatureSummary) -> list[Fact]:
    counts = [(getattr(origin, key), name, hint) for key, name, hint in _SALES]
    return [Fact(name=name, value=f"{count:,}", hint=hint if count else "") for count, name, hint in counts]


def _suite(report: GateReport) -> SuiteResult:
    return SuiteResult(
        suite=report.suite,
        outcome=report.outcome,
        judged=len(report.checks),
        failed=len(report.failures),
        not_judged=len(report.not_judged),
        override_reason=report.override_reason,
    )


def _findings(gates: Sequence[GateReport]) -> list[Finding]:
    found = [(report.suite, check) for report in gates for check in report.failures]
    return [_finding(suite, check) for suite, check in sorted(found, key=lambda item: item[1].severity != "critical")]


def _finding(suite: str, check: Check) -> Finding:
    observed = check.observed
    return Finding(
        suite=suite,
        severity=check.severity,
        description=check.description,
        observed=short(observed) if isinstance(observed, int | float) else str(observed or "–"),
        allowed=check.threshold,
        keys=", ".join(check.sample_keys),
    )
