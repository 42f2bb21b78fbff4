"""What a run's labels must be like before they are published."""

import great_expectations.expectations as gxe
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from great_expectations.expectations.expectation import Expectation

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.labels.vocabulary import LIFECYCLE_LABELS, label_pattern
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.quality.gate_reports import Suite
from dfu_clustering.runs.summaries import StabilitySummary
from expectations.engine.checks import Batch, bounded, declare, graded

SUITE: Suite = "assignments"

LABEL = label_pattern()

_LEAST_TRUE_SHARE = 0.9  # of the labelled DFUs: all words of their label true within the margin

_MOVES_SHOWN = 5


def label_batches(
    config: ClusteringConfig, labels: pd.DataFrame, clustered: pd.Series, within_margin_share: float | None = None
) -> list[Batch]:
    """Return what is judged in the labels themselves.

    Args:
        config: Smallest cluster.
        labels: dfu_ck, cluster_id, cluster_label.
        clustered: dfu_ck of the feature matrix.
        within_margin_share: Share (0-1) of the DFUs for which all words are true within the margin; None: not known.
    """
    of_clustered = labels[~labels["cluster_label"].isin(LIFECYCLE_LABELS)]
    facts = {
        "unlabelled_dfus": _count_missing(clustered, labels["dfu_ck"]),
        "strange_dfus": _count_missing(of_clustered["dfu_ck"], clustered),
        "within_margin_share": within_margin_share,
    }
    return [
        Batch("labels of every DFU", labels, _OF_EVERY_DFU, key="dfu_ck", essential=True),
        Batch("labels of every segment", _segments(of_clustered), _of_every_segment(config), key="cluster_label"),
        Batch("labels cover the DFUs", pd.DataFrame([facts]), _COVERAGE),
    ]


def _count_missing(wanted: pd.Series, keys: pd.Series) -> int:
    # Arrow's hash of a million keys, where isin() makes an object of each
    found = pc.is_in(*(pa.array(values, pa.large_string(), from_pandas=True) for values in (wanted, keys)))
    return len(found) - int(pc.sum(found).as_py() or 0)


def publishing_batch(
    config: ClusteringConfig, publishing: PublishSummary, stability: StabilitySummary | None = None
) -> Batch:
    """Return what is judged in a dry run of publishing the labels.

    Args:
        config: Limits.
        publishing: What would be written.
        stability: How the labels follow those published before; None: nothing to compare DFU by DFU.
    """
    labelled = [t for t in publishing.transitions if t.old_label is not None]
    changes = [t for t in labelled if t.new_label != t.old_label]
    before = sum(t.dfus for t in labelled)
    after = sum(t.dfus for t in publishing.transitions if t.new_label is not None)
    written = publishing.updated + publishing.unchanged
    vanished = _vanished(publishing)
    facts = {
        "changed_share": sum(t.dfus for t in changes) / before if before else None,
        "not_found_share": publishing.not_found / max(publishing.not_found + written, 1),
        "unexplained_churn": stability.churn_share_unchanged_history if stability else None,
        "vanished_label_share": max(vanished.values(), default=0) / before if before else None,
        "coverage_drop": max(1 - after / before, 0.0) if before else None,
    }
    moves = [f"{t.old_label} -> {t.new_label or 'no label'}: {t.dfus}" for t in changes[:_MOVES_SHOWN]]
    gone = [f"{label}: {dfus}" for label, dfus in list(vanished.items())[:_MOVES_SHOWN]]
    return Batch("labels beside the published ones", pd.DataFrame([facts]), _of_publishing(config, moves, gone))


def _vanished(publishing: PublishSummary) -> dict[str, int]:
    """Return the labels that no DFU would have any more, and how many have them, the largest first."""
    after = publishing.distribution("after")
    before = publishing.distribution("before")
    return {label: dfus for label, dfus in before.items() if label is not None and label not in after}


_OF_EVERY_DFU = (
    declare(
        gxe.ExpectColumnValuesToBeUnique,
        "one_label_a_dfu",
        "critical",
        "Every DFU has one label.",
        "DFUs have more than one label.",
        column="dfu_ck",
    ),
    declare(
        gxe.ExpectColumnValuesToNotBeNull,
        "label_is_filled",
        "critical",
        "Every DFU has a label.",
        "DFUs have no label.",
        column="cluster_label",
    ),
    declare(
        gxe.ExpectColumnValuesToMatchRegex,
        "label_is_known",
        "critical",
        "Labels are made by the label rules: tier, pattern, traits.",
        "Labels are not made by the label rules.",
        column="cluster_label",
        regex=LABEL,
    ),
)


def _segments(labels: pd.DataFrame) -> pd.DataFrame:
    by_label = labels.groupby("cluster_label")
    return pd.DataFrame(
        {"share": by_label.size() / len(labels), "clusters": by_label["cluster_id"].nunique()}
    ).reset_index()


def _of_every_segment(config: ClusteringConfig) -> list[Expectation]:
    return [
        declare(
            gxe.ExpectColumnValuesToBeBetween,
            "segment_is_large_enough",
            # clusters that may not be fitted again may shrink: the run could do nothing about it
            "warning" if config.refit == "never" else "critical",
            "Every segment has at least the smallest share of the DFUs that is allowed.",
            "Segments have too few DFUs.",
            column="share",
            min_value=config.min_cluster_size_pct / 100,
        ),
        declare(
            gxe.ExpectColumnValuesToBeBetween,
            "label_names_one_cluster",
            "critical",
            "Every label belongs to one cluster.",
            "A label belongs to several clusters.",
            column="clusters",
            max_value=1,
        ),
    ]


_COVERAGE = (
    bounded(
        "every_clustered_dfu_has_a_label",
        "critical",
        "Every DFU with features has a label.",
        "DFUs with features have no label (DFUs).",
        "unlabelled_dfus",
        high=0,
    ),
    bounded(
        "only_clustered_dfus_have_a_label",
        "critical",
        "Every label but new and inactive belongs to a DFU with features.",
        "Labels other than new and inactive belong to DFUs without features (DFUs).",
        "strange_dfus",
        high=0,
    ),
    bounded(
        "words_are_true",
        "critical",
        "All words of their label are true of most DFUs, within label_margin.",
        "For too many DFUs a word of their label is not true, even within label_margin (share for which all are).",
        "within_margin_share",
        low=_LEAST_TRUE_SHARE,
    ),
)


def _of_publishing(config: ClusteringConfig, moves: list[str], gone: list[str]) -> list[Expectation]:
    limits = config.data_quality
    return [
        *graded(
            "labels_stay_mostly_the_same",
            limits.changed_share,
            "Few DFUs with a published label would get another label or none.",
            "Too many DFUs with a published label would get another label or none (share of them).",
            "changed_share",
            keys=moves,
        ),
        *graded(
            "labels_change_for_a_reason",
            limits.unexplained_churn,
            "Few DFUs would change their label although their own history barely changed.",
            "Too many DFUs would change their label although their own history barely changed (share of them).",
            "unexplained_churn",
        ),
        *graded(
            "labels_do_not_disappear",
            limits.vanished_label_share,
            "No label of many DFUs would disappear.",
            "A label of many DFUs would disappear (largest such label, share of the labelled DFUs).",
            "vanished_label_share",
            keys=gone,
        ),
        *graded(
            "coverage_does_not_fall",
            limits.coverage_drop,
            "About as many DFUs have a label as before.",
            "Far fewer DFUs would have a label than before (share by which they are fewer).",
            "coverage_drop",
        ),
        bounded(
            "labelled_dfus_are_in_dim_dfu",
            "warning",
            f"Almost all DFUs with a label are still in {config.warehouse.tables.dfu}.",
            f"Too many DFUs with a label are no longer in {config.warehouse.tables.dfu} (share of them).",
            "not_found_share",
            high=0.01,
        ),
    ]
