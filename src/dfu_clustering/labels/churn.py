"""Labels beside the published ones: how many changed, from what to what, and which feature moved each DFU."""

import pandas as pd
from sklearn.metrics import adjusted_rand_score

from dfu_clustering.arrays import Flags
from dfu_clustering.files.summary import Summary
from dfu_clustering.publishing.outcome import Transition

COLUMNS = ("dfu_ck", "old_label", "new_label", "feature", "before", "after")


class RenamedSegment(Summary):
    """A segment that continues a published one under another name, and why."""

    old_label: str
    new_label: str
    reason: str


class LabelChurn(Summary):
    """Labels of this run against those of the published one.

    Attributes:
        shared_dfus: DFUs that have a label in both.
        new_dfus: DFUs that had none.
        left_dfus: DFUs that have none any more.
        churn_share: Share (0-1) of the shared DFUs whose label changed; 0 where none are shared.
        unchanged_dfus: Shared DFUs whose own history barely changed; None where it is not known how far they moved.
        churn_share_unchanged_history: Share (0-1) of these whose label changed; None where there are none.
        ari: Adjusted Rand index of both groupings of the shared DFUs; None where none are shared.
        flow: All DFUs from label to label, the largest first.
    """

    shared_dfus: int
    new_dfus: int
    left_dfus: int
    churn_share: float
    unchanged_dfus: int | None
    churn_share_unchanged_history: float | None
    ari: float | None
    flow: list[Transition]


def compare_with_published(
    before: pd.DataFrame, after: pd.DataFrame, moves: pd.DataFrame | None, *, unchanged_move: float
) -> tuple[LabelChurn, pd.DataFrame]:
    """Compare labels DFU by DFU; the order of the rows does not matter.

    Args:
        before: dfu_ck and cluster_label as published.
        after: The same now.
        moves: dfu_ck, move, feature, before, after: what movement() told of DFUs in both; None: not known.
        unchanged_move: Move up to which a DFU's history barely changed.

    Returns:
        How many labels changed, and which: columns COLUMNS, one row a DFU that has another label than it had, by
        dfu_ck.
    """
    both = _labels(before, "old_label").join(_labels(after, "new_label"), how="outer").sort_index()
    shared = both.dropna()
    changed = shared["old_label"] != shared["new_label"]
    told = shared.join(_moves(moves), how="left")
    barely = (told["move"] <= unchanged_move).to_numpy()
    churn = LabelChurn(
        shared_dfus=len(shared),
        new_dfus=int(both["old_label"].isna().sum()),
        left_dfus=int(both["new_label"].isna().sum()),
        churn_share=_share(changed.to_numpy()) or 0.0,
        unchanged_dfus=None if moves is None else int(barely.sum()),
        churn_share_unchanged_history=_share(changed.to_numpy()[barely]),
        ari=float(adjusted_rand_score(shared["old_label"], shared["new_label"])) if len(shared) else None,
        flow=_flow(both),
    )
    return churn, told[changed.to_numpy()].reset_index()[list(COLUMNS)]


def _labels(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    return frame.set_index("dfu_ck")[["cluster_label"]].rename(columns={"cluster_label": name})


def _moves(moves: pd.DataFrame | None) -> pd.DataFrame:
    if moves is not None:
        return moves.set_index("dfu_ck")
    types = {"move": "float64", "feature": "str", "before": "float64", "after": "float64"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()}).rename_axis(index="dfu_ck")


def _share(holds: Flags) -> float | None:
    return float(holds.mean()) if len(holds) else None


def _flow(both: pd.DataFrame) -> list[Transition]:
    flow = both.groupby(["old_label", "new_label"], dropna=False).size().rename("dfus").reset_index()
    flow = flow.astype({"old_label": object, "new_label": object})
    flow = flow.where(flow.notna(), None)
    in_order = flow.sort_values(["dfus", "old_label", "new_label"], ascending=[False, True, True])
    rows = in_order.itertuples(index=False, name=None)
    return [Transition(old_label=old, new_label=new, dfus=dfus) for old, new, dfus in rows]
