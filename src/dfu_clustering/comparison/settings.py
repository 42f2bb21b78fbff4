"""The settings in which two runs differ, each under its dotted key."""

from collections.abc import Iterator, Mapping
from typing import Any

from dfu_clustering.comparison.model import SettingDifference


def differing_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[SettingDifference]:
    """Return the settings that are not the same in both, by key; a part of a section that one does not have is None.

    Sections that one of them did not record are left out: a month of a backfill recorded that of the labels alone.
    """
    both = before.keys() & after.keys()
    old, new = (dict(dotted({name: of[name] for name in both})) for of in (before, after))
    keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return [SettingDifference(key=key, before=old.get(key), after=new.get(key)) for key in keys]


def dotted(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of a tree of settings under its dotted key."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
