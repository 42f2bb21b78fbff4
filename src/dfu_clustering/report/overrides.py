"""The labels that people have set, apart from those of the clusters."""

import pandas as pd
from pydantic import BaseModel, ConfigDict

_DFUS_SHOWN = 200


class OverriddenDfu(BaseModel):
    """A DFU whose label a person has set.

    Attributes:
        agrees: Whether the machine gives the same label by itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dfu_ck: str
    machine_label: str | None
    label: str
    owner: str
    reason: str
    until_month: str
    agrees: bool


class Overridden(BaseModel):
    """The labels that people have set.

    Attributes:
        overrides: Those that hold.
        dfus: DFUs that have one.
        agreeing: Of these, those to which the machine gives the same label by itself.
        rows: Those that agree first, then by key; the first few.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    overrides: int
    dfus: int
    agreeing: int
    rows: list[OverriddenDfu]


def overridden(table: pd.DataFrame | None) -> Overridden | None:
    """Return what the page says of overrides; None where a run has none.

    Args:
        table: A row a DFU with an override, with the machine's label beside the person's.
    """
    if table is None or table.empty:
        return None
    agrees = table["machine_label"] == table["label"]
    machine = table["machine_label"].astype(object).where(table["machine_label"].notna(), None)
    judged = table.assign(agrees=agrees, machine_label=machine)
    shown = judged.sort_values(["agrees", "dfu_ck"], ascending=[False, True]).head(_DFUS_SHOWN)
    return Overridden(
        overrides=table["override"].nunique(),
        dfus=len(table),
        agreeing=int(agrees.sum()),
        rows=[OverriddenDfu.model_validate(row) for row in shown[list(OverriddenDfu.model_fields)].to_dict("records")],
    )
