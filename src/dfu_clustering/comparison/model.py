"""What a comparison of two runs says; counts are DFUs, shares are 0 to 1."""

from typing import Annotated, Any

from pydantic import Field

from dfu_clustering.files.summary import Summary
from dfu_clustering.labels.churn import LabelChurn

Share = Annotated[float, Field(ge=0, le=1)]


class ComparedRun(Summary):
    """One of both runs; what it did not record is null."""

    run: Annotated[str, Field(description="name of its folder, or backfill and month")]
    kind: Annotated[str, Field(description="as the list of runs has it; files: of no list")]
    stands: Annotated[bool, Field(description="whether its labels are the ones that are published now")] = False
    as_of_month: str | None
    labelled: Annotated[int, Field(description="DFUs with a label")]
    k: Annotated[int | None, Field(description="clusters that K-means found")] = None
    segments: Annotated[int, Field(description="labels of clustered DFUs")]
    true_share: Annotated[
        float | None, Field(description="share (0-1) of the clustered DFUs for which every word of the label is true")
    ] = None
    within_margin_share: Annotated[
        float | None, Field(description="the same with every threshold eased by the margin")
    ] = None
    silhouette: Annotated[float | None, Field(description="of the segments, -1 to 1")] = None
    config_digest: str | None = None
    code_version: str | None = None


class LabelSize(Summary):
    """How many DFUs have a label in each of both runs."""

    label: str
    before: int
    after: int


class Cause(Summary):
    """What changed the labels of some DFUs."""

    change: Annotated[str, Field(description="in words", examples=["no longer steady"])]
    dfus: Annotated[int, Field(description="whose label changed by it")]


class ChangedWord(Cause):
    """What changed labels: a word that is no longer true, a pattern that is now true, or what else happened."""

    word: Annotated[str | None, Field(description="as label_changes.parquet has it; null: not known")]
    feature: Annotated[str | None, Field(description="by which the word is judged")] = None
    threshold: Annotated[float | None, Field(description="which that has passed, with the margin")] = None
    median_before: Annotated[float | None, Field(description="of the feature over these DFUs")] = None
    median_after: Annotated[float | None, Field(description="of the feature over these DFUs")] = None


class Move(Summary):
    """DFUs that went from one label to another."""

    old_label: str
    new_label: str
    dfus: int
    causes: Annotated[list[Cause], Field(description="the most frequent ones")]
    examples: Annotated[list[str], Field(description="the first few of the DFUs, by dfu_ck")]


class SettingDifference(Summary):
    """A setting that both runs do not have alike; null: one of them has no such setting."""

    key: Annotated[str, Field(description="dotted", examples=["labeling.cv_thresholds.steady"])]
    before: Any
    after: Any


class Comparison(Summary):
    """What changed from one run to another, and why."""

    headline: Annotated[str, Field(description="the whole in a sentence or three")]
    before: ComparedRun
    after: ComparedRun
    labelled_in_both: Annotated[int, Field(description="DFUs that have a label in both")]
    changed: Annotated[int, Field(description="of these those with another label")]
    changed_share: Annotated[Share, Field(description="of those with a label in both")]
    clusters_differ: Annotated[bool | None, Field(description="whether they were fitted again; null: not known")]
    churn: Annotated[LabelChurn, Field(description="the same without new and inactive DFUs; flow is the matrix")]
    sizes: Annotated[list[LabelSize], Field(description="DFUs by label, the largest after first")]
    moves: Annotated[list[Move], Field(description="from label to label, the largest first")]
    words: Annotated[list[ChangedWord], Field(description="what changed labels, the most frequent first")]
    settings: Annotated[list[SettingDifference], Field(description="those that differ")]
    notes: Annotated[list[str], Field(description="what a reader should know before relying on it")]
