"""Labels beside the published ones: how many changed, from what to what, and which word ended for each DFU."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from dfu_clustering.arrays import Flags
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.files.summary import Summary
from dfu_clustering.labels.reasons import ended_word
from dfu_clustering.labels.rules import JUDGED_FEATURES, own_values
from dfu_clustering.labels.traits import Trait
from dfu_clustering.labels.vocabulary import LABELS, LIFECYCLE
from dfu_clustering.publishing.outcome import Transition

COLUMNS = ("dfu_ck", "old_label", "new_label", "word", "feature", "before", "after")


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
        moves: dfu_ck and move, how far each DFU in both has moved; None: not known.
        unchanged_move: Move up to which a DFU's history barely changed.

    Returns:
        How many labels changed, and which: dfu_ck, old_label, new_label, one row a DFU that has another label than it
        had, by dfu_ck.
    """
    both = _labels(before, "old_label").join(_labels(after, "new_label"), how="outer").sort_index()
    shared = both.dropna()
    changed = shared["old_label"] != shared["new_label"]
    barely = np.zeros(len(shared), dtype=np.bool_)
    if moves is not None:
        barely = (moves.set_index("dfu_ck")["move"].reindex(shared.index) <= unchanged_move).to_numpy()
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
    return churn, shared[changed.to_numpy()].reset_index()


def with_ended_words(
    changes: pd.DataFrame,
    old_values: pd.DataFrame,
    new_values: pd.DataFrame,
    traits: Mapping[str, Trait],
    config: LabelingConfig,
    margin: float,
) -> pd.DataFrame:
    """Return label changes with the word that ended, or took over, and how its value changed.

    Args:
        changes: dfu_ck, old_label, new_label.
        old_values: JUDGED_FEATURES as published, indexed by dfu_ck; a DFU may be absent.
        new_values: The same now.
        traits: What the trait words claim.
        config: Thresholds.
        margin: Share of a threshold by which a word may be missed and still held.

    Returns:
        COLUMNS; word and feature are missing where a DFU was not clustered before or is not now, or bore a label of
        other words.
    """
    told = changes.assign(word=None, feature=None, before=np.nan, after=np.nan)
    for _, alike in changes.groupby(["old_label", "new_label"]):
        rows = alike.index
        old, new = LABELS.get(alike["old_label"].iloc[0]), LABELS.get(alike["new_label"].iloc[0])
        if old is None or new is None or {old.pattern, new.pattern} & set(LIFECYCLE):
            continue
        values = own_values(new_values.reindex(columns=list(JUDGED_FEATURES)).loc[alike["dfu_ck"]])
        ended = list(ended_word(old, new, traits, values, config, margin))
        told.loc[rows, "word"] = [word for word, _ in ended]
        told.loc[rows, "feature"] = [feature for _, feature in ended]
    for name in set(told["feature"].dropna()) - {""}:
        rows = told.index[told["feature"] == name]
        keys = told.loc[rows, "dfu_ck"]
        told.loc[rows, "after"] = new_values[name].reindex(keys).to_numpy(np.float64)
        if name in old_values:
            told.loc[rows, "before"] = old_values[name].reindex(keys).to_numpy(np.float64)
    return told[list(COLUMNS)].astype({"word": "str", "feature": "str"})


def _labels(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    return frame.set_index("dfu_ck")[["cluster_label"]].rename(columns={"cluster_label": name})


def _share(holds: Flags) -> float | None:
    return float(holds.mean()) if len(holds) else None


def _flow(both: pd.DataFrame) -> list[Transition]:
    flow = both.groupby(["old_label", "new_label"], dropna=False).size().rename("dfus").reset_index()
    flow = flow.astype({"old_label": object, "new_label": object})
    flow = flow.where(flow.notna(), None)
    in_order = flow.sort_values(["dfus", "old_label", "new_label"], ascending=[False, True, True])
    rows = in_order.itertuples(index=False, name=None)
    return [Transition(old_label=old, new_label=new, dfus=dfus) for old, new, dfus in rows]
