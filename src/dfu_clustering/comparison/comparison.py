"""Two runs beside one another: what changed, in which direction, and by which word."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from dfu_clustering.comparison.causes import because, changed_words, most_frequent, with_causes
from dfu_clustering.comparison.changes import label_changes
from dfu_clustering.comparison.model import ComparedRun, Comparison, LabelSize, Move
from dfu_clustering.comparison.settings import differing_settings
from dfu_clustering.comparison.sides import Side
from dfu_clustering.errors import DataError
from dfu_clustering.labels.churn import LabelChurn

_EXAMPLES: Final = 5  # DFUs of a move
_OF_THE_GATES: Final = "data_quality."  # settings that change no label
_LEAST_SHARED: Final = 0.5  # below it the runs are of different assortments, or nearly so


class IncomparableError(DataError):
    """Two runs of which one has no labels, or that have no DFU in common."""


@dataclass(frozen=True, eq=False)
class RunSide:
    """One of two runs.

    Attributes:
        run: What is known of it.
        side: Its labels, and what they were judged on.
        settings: As it recorded them; a month of a backfill recorded those of its labels alone.
        overridden: DFUs that had a label set by hand on top when it was published.
    """

    run: ComparedRun
    side: Side
    settings: Mapping[str, Any]
    overridden: int = 0


def compare(
    before: RunSide,
    after: RunSide,
    *,
    moves: pd.DataFrame | None = None,
    clusters_differ: bool | None = None,
) -> Comparison:
    """Return what changed from one run to another.

    Args:
        before: The one that counts as the earlier.
        after: The other.
        moves: dfu_ck and move, how far each DFU moved from the one to the other; None: not known.
        clusters_differ: Whether the clusters were fitted again between them; None: not known.

    Raises:
        IncomparableError: They have no DFU in common.
    """
    settings = differing_settings(before.settings, after.settings)
    churn, changed = label_changes(
        before.side,
        after.side,
        moves=moves,
        fitted_again=clusters_differ is True,
        other_settings=any(not one.key.startswith(_OF_THE_GATES) for one in settings),
    )
    shared = sum(one.dfus for one in churn.flow if one.old_label and one.new_label)
    _require_shared(shared, before, after)
    changes = with_causes(changed)
    return Comparison(
        headline=_headline(shared, changes),
        before=before.run,
        after=after.run,
        labelled_in_both=shared,
        changed=len(changes),
        changed_share=len(changes) / shared,
        clusters_differ=clusters_differ,
        churn=churn,
        sizes=_sizes(churn),
        moves=_moves(changes),
        words=changed_words(changes),
        settings=settings,
        notes=_notes(shared, before, after, clusters_differ=clusters_differ, settings_known=bool(settings)),
    )


def _require_shared(shared: int, before: RunSide, after: RunSide) -> None:
    if shared:
        return
    found = f"none of {len(before.side.labels):,} in {before.run.run} and {len(after.side.labels):,} in {after.run.run}"
    raise IncomparableError(
        "Two runs that are compared must have DFUs with a label in common",
        found=found,
        remedy="name two runs of the same assortment and warehouse",
    )


def _headline(shared: int, changes: pd.DataFrame) -> str:
    if changes.empty:
        return f"All {shared:,} DFUs that have a label in both runs keep it."
    counted = f"{len(changes):,} of {shared:,} DFUs ({len(changes) / shared:.1%}) have another label."
    largest, alike = max(changes.groupby(["old_label", "new_label"], sort=True), key=lambda group: len(group[1]))
    cause = changed_words(alike)[0]
    of_them = "all" if cause.dfus == len(alike) else f"{cause.dfus:,}"
    return (
        f"{counted} The largest move: {len(alike):,} from {largest[0]} to {largest[1]}, "
        f"{of_them} of them because {because(cause)}."
    )


def _sizes(churn: LabelChurn) -> list[LabelSize]:
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    for one in churn.flow:
        for label, counts in ((one.old_label, before), (one.new_label, after)):
            if label is not None:
                counts[label] = counts.get(label, 0) + one.dfus
    labels = sorted(before.keys() | after.keys(), key=lambda label: (-after.get(label, 0), label))
    return [LabelSize(label=label, before=before.get(label, 0), after=after.get(label, 0)) for label in labels]


def _moves(changes: pd.DataFrame) -> list[Move]:
    moves = [
        Move(
            old_label=str(old),
            new_label=str(new),
            dfus=len(alike),
            causes=most_frequent(alike["change"]),
            examples=sorted(alike["dfu_ck"].tolist())[:_EXAMPLES],
        )
        for (old, new), alike in changes.groupby(["old_label", "new_label"])
    ]
    return sorted(moves, key=lambda move: (-move.dfus, move.old_label, move.new_label))


def _notes(
    shared: int, before: RunSide, after: RunSide, *, clusters_differ: bool | None, settings_known: bool
) -> list[str]:
    notes = []
    smaller = min(len(before.side.labels), len(after.side.labels))
    if shared < _LEAST_SHARED * smaller:
        notes.append(f"Only {shared:,} DFUs are in both, of {smaller:,} in the smaller run: another assortment?")
    if clusters_differ:
        notes.append("The clusters were fitted again between both runs, so DFUs may change without a change of demand.")
    bare = [one.run.run for one in (before, after) if one.side.own_values.empty]
    if bare:
        notes.append(f"No values of DFUs were kept of {', '.join(bare)}: why labels changed is known in part only.")
    by_hand = [f"{one.overridden:,} DFUs in {one.run.run}" for one in (before, after) if one.overridden]
    if by_hand:
        notes.append(f"Compared are the machine's labels; {' and '.join(by_hand)} had one set by hand on top.")
    digests = {before.run.config_digest, after.run.config_digest}
    if not settings_known and len(digests) == 2 and None not in digests:
        notes.append(
            "The settings differ although none is listed: in what a run does not record one by one (which sales "
            "count, which attributes there are), or a backfill, which records the thresholds of the words alone."
        )
    return notes
