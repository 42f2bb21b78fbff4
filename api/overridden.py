"""The labels that people have set, as the service lists them."""

from typing import Final

from api.schemas import Override, OverrideList
from api.state import View
from dfu_clustering.overrides import override as entered
from dfu_clustering.overrides.register import Overrides

_KEYS_SHOWN: Final = 100


def override_list(view: View, overrides: Overrides) -> OverrideList:
    """Return all overrides, the newest first, and what has become of those that are published."""
    agreeing = view.newest.agreeing if view.newest else {}
    return OverrideList(
        as_of_month=view.as_of_month,
        overrides=[_override(one, agreeing.get(one.id)) for one in reversed(overrides.all())],
    )


def _override(one: entered.Override, agreeing: int | None) -> Override:
    return Override(
        **one.model_dump(include={"id", "owner", "reason", "until_month", "entered_at", "label"}),
        dfus=len(one.dfu_cks),
        dfu_cks=list(one.dfu_cks[:_KEYS_SHOWN]),
        published=agreeing is not None,
        agreeing=agreeing,
        ended_by=one.ended.owner if one.ended else None,
    )
