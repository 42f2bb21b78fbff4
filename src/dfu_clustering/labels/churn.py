"""Labels beside the published ones: how many changed, from what to what, and which word ended for each DFU."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Flags, Floats
from dfu_clustering.files.summary import Summary
from dfu_clustering.labels.ended_words import EndedWord, Judged, ended_word
from dfu_clustering.labels.traits import Trait, trait_words
from dfu_clustering.labels.vocabulary import INACTIVE, LABELS, LIFECYCLE, LIFECYCLE_LABELS, NEW, Label
from dfu_clustering.publishing.outcome import Transition

COLUMNS: Final = ("dfu_ck", "old_label", "new_label", "word", "feature", "threshold", "before", "after")
_BOUND_BY_CLUSTERS: Final = ("sparser", "denser")

Words = tuple[str, tuple[str, ...]]  # pattern and traits: what a cluster claims of its members


class LabelChurn(Summary):
    """Labels of this run against those of the published one.

    A DFU that is new or inactive in one of them is in no share and not in the index: nothing can keep it from growing
    old or from falling silent.

    Attributes:
        shared_dfus: DFUs that have a label of a segment in both.
        new_dfus: DFUs that had none.
        left_dfus: DFUs that have none any more.
        churn_share: Share (0-1) of the shared DFUs whose label changed; 0 where none are shared.
        unchanged_dfus: Shared DFUs whose own history barely changed; None where it is not known how far they moved.
        churn_share_unchanged_history: Share (0-1) of these whose label changed; None where there are none.
        ari: Adjusted Rand index of both groupings of the shared DFUs; None where none are shared.
        flow: All DFUs from label to label, the largest first.
        lifecycle_changes: DFUs with another label that is, or was, one of new and inactive DFUs.
    """

    shared_dfus: int
    new_dfus: int
    left_dfus: int
    churn_share: float
    unchanged_dfus: int | None
    churn_share_unchanged_history: float | None
    ari: float | None
    flow: list[Transition]
    lifecycle_changes: int = 0


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
    labelled = both.dropna()
    changed = (labelled["old_label"] != labelled["new_label"]).to_numpy()
    in_segments = ~(_of_lifecycle(labelled["old_label"]) | _of_lifecycle(labelled["new_label"]))
    shared, moved = labelled[in_segments], changed[in_segments]
    barely = np.zeros(len(shared), dtype=np.bool_)
    if moves is not None:
        barely = (moves.set_index("dfu_ck")["move"].reindex(shared.index) <= unchanged_move).to_numpy()
    churn = LabelChurn(
        shared_dfus=len(shared),
        new_dfus=int(both["old_label"].isna().sum()),
        left_dfus=int(both["new_label"].isna().sum()),
        churn_share=_share(moved) or 0.0,
        unchanged_dfus=None if moves is None else int(barely.sum()),
        churn_share_unchanged_history=_share(moved[barely]),
        ari=_agreement(shared["old_label"], shared["new_label"]) if len(shared) else None,
        flow=_flow(both),
        lifecycle_changes=int((changed & ~in_segments).sum()),
    )
    return churn, labelled[changed].reset_index()


def with_ended_words(
    changes: pd.DataFrame,
    then: Judged,
    now: Judged,
    sparsity_bounds: Mapping[Words, float],
    *,
    min_months_history: int,
    fitted_again: bool = False,
    other_settings: bool = False,
) -> pd.DataFrame:
    """Return label changes with the word that ended, or took over, and how its value changed.

    Args:
        changes: dfu_ck, old_label, new_label.
        then: What the old labels were judged on, in the order of the changes; of a DFU that was not clustered the
            mean_demand alone may be known, or nothing.
        now: The same of the new ones.
        sparsity_bounds: Months that ``sparser`` and ``denser`` are measured against, by pattern and traits.
        min_months_history: Months of history from which a DFU is new no more.
        fitted_again: Whether the clusters are others than the published ones.
        other_settings: Whether the labels were made with other settings than the published ones.

    Returns:
        COLUMNS. Before and after lie on both sides of the threshold where there is one, unless the threshold moved past
        both. Where no word ended and no pattern took over, ``word`` says what happened and the rest is missing; all is
        missing where a label is of other words.
    """
    ended: list[EndedWord | None] = [None] * len(changes)
    for rows in map(list, changes.groupby(["old_label", "new_label"]).indices.values()):
        old_text, new_text = changes[["old_label", "new_label"]].iloc[rows[0]]
        old, new = LABELS.get(old_text), LABELS.get(new_text)
        if old is None or new is None:
            continue
        if {old.pattern, new.pattern} & set(LIFECYCLE):
            found = _of_life(old, new, now.at(rows).own["history_months"], min_months_history)
        else:
            otherwise = _otherwise(old_text, fitted_again=fitted_again, other_settings=other_settings)
            known = _known_traits(old, sparsity_bounds)
            found = ended_word(old, new, known, then.at(rows), now.at(rows), otherwise=otherwise)
        for at, one in zip(rows, found, strict=True):
            ended[at] = one
    return _with_words(changes, ended, then, now)


def _with_words(changes: pd.DataFrame, ended: Sequence[EndedWord | None], then: Judged, now: Judged) -> pd.DataFrame:
    """Return the changes with the word of each, and the value before and after of the feature that it is judged by."""
    with_words = changes.assign(
        word=np.array([one.word if one else None for one in ended], dtype=object),
        feature=np.array([one.feature if one else None for one in ended], dtype=object),
        threshold=np.array([one.threshold if one else np.nan for one in ended], dtype=np.float64),
    )
    feature = np.array([one.feature if one else "" for one in ended], dtype=object)
    for when, judged in (("before", then), ("after", now)):
        of_each = np.full(len(changes), np.nan)
        for name in set(feature) - {""}:
            of_each = np.where(feature == name, judged.own[name], of_each)
        with_words[when] = of_each
    return with_words[list(COLUMNS)].astype({"word": "str", "feature": "str"})


def _otherwise(old_label: str, *, fitted_again: bool, other_settings: bool) -> EndedWord:
    """Return what changed a label of which no word ended and no pattern took over."""
    if other_settings:
        return EndedWord("other settings")
    return EndedWord("clusters fitted again" if fitted_again else f"too few DFUs in {old_label}")


def _known_traits(label: Label, sparsity_bounds: Mapping[Words, float]) -> dict[str, Trait]:
    """Return what the trait words of a label claim; a relative word only where its bound is known."""
    bound = sparsity_bounds.get((label.pattern, label.traits))
    known = trait_words(bound or 0.0)
    return {word: known[word] for word in label.traits if bound is not None or word not in _BOUND_BY_CLUSTERS}


def _of_life(old: Label, new: Label, history_months: Floats, min_months_history: int) -> list[EndedWord]:
    """Return for each DFU what changed a label of, or to, the new and the inactive ones."""
    if new.pattern == INACTIVE:
        return [EndedWord("no demand in the window", "mean_demand")] * len(history_months)
    if old.pattern == INACTIVE:
        return [EndedWord("sells again", "mean_demand")] * len(history_months)
    if old.pattern == new.pattern:
        return [EndedWord(f"{old.tier} volume", "mean_demand")] * len(history_months)
    if new.pattern == NEW:
        return [EndedWord("history too short to judge", "history_months", min_months_history)] * len(history_months)
    return [
        EndedWord(f"{months:.0f} months of history", "history_months", min_months_history)
        for months in history_months.tolist()
    ]


def _labels(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    return frame.set_index("dfu_ck")[["cluster_label"]].rename(columns={"cluster_label": name})


def _of_lifecycle(labels: "pd.Series[str]") -> Flags:
    found: Flags = labels.isin(LIFECYCLE_LABELS).to_numpy()
    return found


def _agreement(old: "pd.Series[str]", new: "pd.Series[str]") -> float:
    """Return the adjusted Rand index of two groupings; of numbers, which are compared faster than texts."""
    from sklearn.metrics import adjusted_rand_score  # late: seconds, for all who only read the record

    return float(adjusted_rand_score(pd.factorize(old)[0], pd.factorize(new)[0]))


def _share(holds: Flags) -> float | None:
    return float(holds.mean()) if len(holds) else None


def _flow(both: pd.DataFrame) -> list[Transition]:
    flow = both.groupby(["old_label", "new_label"], dropna=False).size().rename("dfus").reset_index()
    flow = flow.astype({"old_label": object, "new_label": object})
    flow = flow.where(flow.notna(), None)
    in_order = flow.sort_values(["dfus", "old_label", "new_label"], ascending=[False, True, True])
    rows = in_order.itertuples(index=False, name=None)
    return [Transition(old_label=old, new_label=new, dfus=dfus) for old, new, dfus in rows]
