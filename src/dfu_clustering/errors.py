"""One family of errors: each says which rule was broken, by what, how often, and what to do next."""

import difflib
from collections.abc import Iterable, Sequence

_KEYS_SHOWN = 5


class DfuClusteringError(Exception):
    """Base of every error that this project raises on purpose."""


class InputError(DfuClusteringError):
    """Input that breaks a rule; retrying does not help, so programs exit with code 2.

    Args:
        rule: The rule, as a sentence with "must" and without a full stop.
        found: What was found instead.
        remedy: What the reader should do next.
        keys: The offending keys in a stable order; their number and the first few are shown.
    """

    def __init__(self, rule: str, *, found: str, remedy: str, keys: Sequence[object] = ()) -> None:
        self.rule = rule
        self.found = found
        self.remedy = remedy
        self.keys = tuple(keys)
        super().__init__(f"Rule broken: {rule}. Found: {found}{_count_and_first(self.keys)}. What to do: {remedy}.")

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild from the parts: errors cross process boundaries, and keyword arguments are not pickled."""
        return _rebuild, (type(self), self.rule, self.found, self.remedy, self.keys)


class ConfigError(InputError):
    """A configuration key or value that is unknown, out of range or contradicts another."""


class WarehouseError(InputError):
    """A table or column that the warehouse should have and has not, or rows that break its rules."""


class DataError(InputError):
    """Sales, features or labels from which no trustworthy result can be made."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like a wrong one; None: none is near."""
    return next(iter(difflib.get_close_matches(name, sorted(set(known)), n=1)), None)


def suggestion(meant: str | None) -> str:
    """Return what somebody may have meant, as an addition to a message; nothing where that is not known."""
    return f" (did you mean {meant}?)" if meant else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like a wrong one, as an addition to a message; nothing where none is."""
    return suggestion(nearest(name, known))


def _count_and_first(keys: Sequence[object]) -> str:
    if not keys:
        return ""
    shown = ", ".join(repr(key) for key in keys[:_KEYS_SHOWN])
    more = ", …" if len(keys) > _KEYS_SHOWN else ""
    return f" ({len(keys)}: {shown}{more})"


def _rebuild(kind: type[InputError], rule: str, found: str, remedy: str, keys: Sequence[object]) -> InputError:
    return kind(rule, found=found, remedy=remedy, keys=keys)
