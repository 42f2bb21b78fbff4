"""What a publish changes: the flow of DFUs between labels, and which DFUs moved."""

import math

import pandas as pd

from dfu_clustering.figures.style import short
from dfu_clustering.labels.change_words import changes_in_words
from dfu_clustering.labels.reasons import feature_in_words
from dfu_clustering.publishing.outcome import Transition
from dfu_clustering.report.inputs import RunArtifacts
from dfu_clustering.report.model import ChangedDfu, Changes, Fact
from dfu_clustering.runs.summaries import StabilitySummary

_DFUS_SHOWN = 200
_MEASURES = (
    ("churn_share", "DFUs with another label", "share of those in a segment in both runs"),
    (
        "churn_share_unchanged_history",
        "DFUs with another label and an unchanged past",
        "share of those with an unchanged past; should be almost none",
    ),
    (
        "held_share",
        "DFUs that keep their label within the margin",
        "one of its words is no longer strictly true of them",
    ),
    ("far_share", "DFUs far from every segment", "further out than 99% of those fitted on"),
)


def changes(artifacts: RunArtifacts) -> Changes | None:
    """Return what the publish changes; None where the labels were not published."""
    if artifacts.published is None:
        return None
    flows = [flow for flow in artifacts.published.transitions if flow.old_label or flow.new_label]
    moved = artifacts.label_changes
    return Changes(
        first=all(flow.old_label is None for flow in flows),
        kept=sum(flow.dfus for flow in flows if flow.old_label == flow.new_label),
        moved=sum(flow.dfus for flow in flows if flow.old_label and flow.new_label and _moves(flow)),
        gained=sum(flow.dfus for flow in flows if flow.old_label is None),
        lost=sum(flow.dfus for flow in flows if flow.new_label is None),
        flows=sorted(flows, key=lambda flow: (not _moves(flow), -flow.dfus)),
        compared_with=artifacts.stability.published_run if artifacts.stability else None,
        not_continued=artifacts.not_continued,
        facts=_measures(artifacts.stability) if artifacts.stability else [],
        moved_dfus=[] if moved is None else _moved_dfus(moved),
        moved_dfus_total=0 if moved is None else len(moved),
    )


def _moves(flow: Transition) -> bool:
    return flow.old_label != flow.new_label


def _measures(stability: StabilitySummary) -> list[Fact]:
    """Return what the comparison with the published run measured; a share may be unknown."""
    fitted = "fitted again" if stability.refit else "kept as published"
    shares = [(getattr(stability, key), name, hint) for key, name, hint in _MEASURES]
    known = [Fact(name=name, value=f"{share:.1%}", hint=hint) for share, name, hint in shares if share is not None]
    facts = [Fact(name="Clusters", value=fitted, hint=stability.refit_reason), *known]
    if stability.lifecycle_changes:
        hint = "new DFUs that now have a segment, DFUs that stopped selling or sell again; in none of these shares"
        facts.append(
            Fact(
                name="DFUs no longer new, or inactive, or selling again",
                value=f"{stability.lifecycle_changes:,}",
                hint=hint,
            )
        )
    if stability.ari is not None:
        hint = "adjusted Rand index (ARI): 1 means the same groups, 0 no more alike than by chance"
        facts.append(Fact(name="Agreement of the groupings", value=f"{stability.ari:.2f}", hint=hint))
    return facts


def _moved_dfus(moved: pd.DataFrame) -> list[ChangedDfu]:
    """Return the DFUs of the largest moves first, a few of each."""
    pair = ["old_label", "new_label"]
    rank = moved.sort_values("dfu_ck").groupby(pair, dropna=False, sort=True).cumcount()
    shown = moved.assign(_rank=rank).sort_values(["_rank", *pair, "dfu_ck"]).head(_DFUS_SHOWN)
    shown["feature"] = shown["feature"].map(feature_in_words, na_action="ignore")
    shown["change"] = changes_in_words(shown["word"].tolist(), shown["old_label"].tolist())
    names = ["dfu_ck", *pair, "change", "feature", "before", "after", "threshold"]
    rows = shown.reindex(columns=names).itertuples(index=False, name=None)
    return [ChangedDfu(**{name: _text(value) for name, value in zip(names, row, strict=True)}) for row in rows]


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return short(float(value)) if isinstance(value, int | float) else str(value)
