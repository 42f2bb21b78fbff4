"""The labels that people have set, apart from those of the clusters."""

import pandas as pd

from dfu_clustering.report.model import Overridden, OverriddenDfu

_DFUS_SHOWN = 200


def overridden(table: pd.DataFrame | None) -> Overridden | None:
    """Return what the page says of overrides; None where a run has none.

    Args:
        table: A row a DFU with an override, with the machine's label beside the person's.
    """
    if table is None or table.empty:
        return None
    agrees = table["machine_label"] == table["label"]
    shown = table.assign(agrees=agrees).sort_values(["agrees", "dfu_ck"], ascending=[False, True]).head(_DFUS_SHOWN)
    return Overridden(
        overrides=table["override"].nunique(),
        dfus=len(table),
        agreeing=int(agrees.sum()),
        rows=[
            OverriddenDfu(
                dfu_ck=row.dfu_ck,
                machine_label=None if pd.isna(row.machine_label) else row.machine_label,
                label=row.label,
                owner=row.owner,
                reason=row.reason,
                until_month=row.until_month,
                agrees=bool(row.agrees),
            )
            for row in shown.itertuples(index=False)
        ],
    )
