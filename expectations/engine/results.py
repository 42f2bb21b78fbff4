"""What Great Expectations answers, as checks that people read."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from great_expectations.core import ExpectationValidationResult
from great_expectations.expectations.expectation import Expectation

from dfu_clustering.errors import DfuClusteringError
from dfu_clustering.quality.gate_reports import Check, Severity, Value
from dfu_clustering.rounding import significant

KEYS_KEPT = 5

# of these a missing value means that there is nothing to judge
_AGGREGATES = tuple(f"expect_column_{of}_to_be_between" for of in ("max", "min", "sum", "mean"))


class ExpectationError(DfuClusteringError):
    """An expectation could not be judged, and neither the data nor the database say why."""


@dataclass(frozen=True)
class Finding:
    """One answer.

    Attributes:
        name: Of the expectation, as declared.
        description: The expectation in words.
        failure: What is wrong where it does not hold, with both words of a choice.
        keys: Where keys that break it are found, as declared.
        exceptions: Messages of what was raised while it was judged.
    """

    name: str
    severity: Severity
    description: str
    failure: str
    kind: str
    settings: Mapping[str, Any]
    keys: str | list[str] | None
    passed: bool
    result: Mapping[str, Any]
    exceptions: list[str]

    @classmethod
    def of(cls, answer: ExpectationValidationResult) -> "Finding":
        """Return the answer in the words of this project."""
        asked = answer.expectation_config
        if asked is None or asked.meta is None:
            raise ExpectationError("an expectation came back without its declaration")
        return cls(
            name=asked.meta["name"],
            severity="critical" if asked.severity.value == "critical" else "warning",
            description=asked.description or "",
            failure=asked.meta["failure"],
            kind=asked.type,
            settings=asked.kwargs,
            keys=asked.meta["keys"],
            passed=bool(answer.success),
            result=answer.result,
            exceptions=_exceptions(answer.exception_info or {}),
        )

    @property
    def is_empty(self) -> bool:
        """Return whether there was no value to judge: none in a table, an undefined number in a frame."""
        observed = self.result.get("observed_value")
        return self.kind in _AGGREGATES and bool(observed is None or observed != observed)

    def check(self, sample_keys: Iterable[object]) -> Check:
        """Return the check."""
        return Check(
            name=self.name,
            severity=self.severity,
            description=self.description if self.passed else self._what_is_wrong(),
            passed=self.passed,
            observed=_observed(self.result),
            threshold=_threshold(self.kind, self.settings),
            sample_keys=[str(key) for key in sample_keys][:KEYS_KEPT],
        )

    def _what_is_wrong(self) -> str:
        return re.sub(r"\{(.*?)\|(.*?)\}", lambda words: words[1 if self._is_below() else 2], self.failure)

    def _is_below(self) -> bool:
        low = self.settings.get("min_value")
        return low is not None and self.result["observed_value"] < low

    def listed_keys(self, key: str | None) -> list[Any]:
        """Return the keys that the answer itself lists: values of the column ``key``, else what is missing or wrong."""
        rows = self.result.get("partial_unexpected_index_list") or []
        keys = [row[key] for row in rows] if key else []
        return keys or self.result.get("partial_missing_list") or self.result.get("partial_unexpected_list") or []


def names(expectations: Iterable[Expectation]) -> tuple[str, ...]:
    """Return the declared names, each once."""
    return tuple(dict.fromkeys((expectation.meta or {})["name"] for expectation in expectations))


def one_a_name(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Keep one check of a graded expectation: the worst that failed, else the warning, whose limit is tighter."""
    kept: dict[str, Check] = {}
    for check in checks:
        other = kept.get(check.name, check)
        kept[check.name] = max(other, check, key=_weight)
    return tuple(kept.values())


def _weight(check: Check) -> int:
    critical = check.severity == "critical"
    return 2 + critical if not check.passed else 1 - critical


def _exceptions(info: Mapping[str, Any]) -> list[str]:
    """Return the messages; the mapping is flat, or has one such mapping a metric."""
    if "raised_exception" in info:
        return [str(info.get("exception_message"))] if info["raised_exception"] else []
    return [message for inner in info.values() for message in _exceptions(inner)]


def _observed(result: Mapping[str, Any]) -> Value:
    if result.get("observed_value") is not None:
        return _plain(result["observed_value"])
    if "partial_missing_list" in result:
        return f"{result['missing_count']} missing"
    if result.get("unexpected_count") is not None:
        return f"{result['unexpected_count']} of {result['element_count']} wrong"
    return None


def _threshold(kind: str, settings: Mapping[str, Any]) -> str:
    if kind.endswith("_to_be_between") and "_values_" not in kind:
        bounds = ((">=", settings.get("min_value")), ("<=", settings.get("max_value")))
        return " and ".join(f"{sign} {_plain(bound)}" for sign, bound in bounds if bound is not None)
    if kind.endswith("_to_contain_set"):
        return "none missing"
    tolerated = 1 - settings.get("mostly", 1)
    return f"at most {tolerated:.0%} wrong" if tolerated else "none wrong"


def _plain(value: object) -> Value:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | float):
        return _number(float(value))
    if isinstance(value, np.integer):  # of a frame
        return int(value)
    return value if isinstance(value, int | str) or value is None else str(value)


def _number(value: float) -> Value:
    if not math.isfinite(value):
        return str(value)
    if value == int(value):
        return int(value)
    return round(value, 4) if abs(value) >= 1 else significant(value, 4)
