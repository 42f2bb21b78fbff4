"""What the page says of one DFU besides its label: its own words, and why it is borderline."""

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Objects
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.figures.style import short
from dfu_clustering.labels.reasons import reasons
from dfu_clustering.labels.rules import JUDGED_FEATURES, Bounds, own_values, volume_bounds
from dfu_clustering.labels.traits import traits_of
from dfu_clustering.labels.vocabulary import LABELS, PLAIN, Label
from dfu_clustering.report.inputs import RunArtifacts
from dfu_clustering.report.wording import label_title, pattern_title
from dfu_clustering.runs.dfu_facts import BORDERLINE_SHARE


def own_words(shown: pd.DataFrame) -> list[str]:
    """Return for each DFU the words that are true of it by itself; empty where they are not known."""
    if "own_tier" not in shown:
        return [""] * len(shown)
    columns = (shown[name] for name in ("own_tier", "own_pattern", "own_traits"))
    return [
        f"{pattern_title(pattern, traits.split())}; {tier} volume"
        for tier, pattern, traits in zip(*columns, strict=True)
    ]


def why_borderline(artifacts: RunArtifacts, shown: pd.DataFrame) -> list[str]:
    """Return for each DFU to which other segment it is near and what that one's words ask; empty where to none."""
    if not {"borderline", "next_label", *JUDGED_FEATURES} <= set(shown.columns):
        return [""] * len(shown)
    labeling = artifacts.profiles.labeling
    bounds = volume_bounds(artifacts.members["mean_demand"].to_numpy(np.float64), labeling.volume_thresholds)
    said = np.full(len(shown), "", dtype=object)
    near = shown["borderline"].str.contains("pattern").to_numpy(bool)
    for text in shown["next_label"][near].dropna().unique():
        rows = np.flatnonzero(near & (shown["next_label"] == text).to_numpy(bool))
        if (label := LABELS.get(text)) is not None:
            said[rows] = _near_to(label, artifacts, shown.iloc[rows], bounds, labeling)
    volume = np.flatnonzero(shown["borderline"].str.contains("volume").to_numpy(bool))
    means = shown["mean_demand"].to_numpy(np.float64)
    for row in volume.tolist():
        said[row] = f"{said[row]} {_near_to_tier(float(means[row]), bounds)}".strip()
    borderline: list[str] = said.tolist()
    return borderline


def _near_to(
    label: Label, artifacts: RunArtifacts, shown: pd.DataFrame, bounds: Bounds, labeling: LabelingConfig
) -> Objects:
    """Return what the words of another segment ask, each beside the DFU's own value."""
    sparsity = {segment.label: segment.sparsity_bound_months for segment in artifacts.metadata.segments}
    traits = traits_of(label.traits, sparsity.get(label.text, 0.0))
    title = label_title(label.base, list(label.traits))
    leads = np.where(
        shown["margin"] < 0,
        f"Nearer to the middle of “{title}”, whose words are not its own.",
        f"Nearly as near to the middle of “{title}”.",
    )
    asked = reasons(label, traits, own_values(shown), bounds, labeling)
    if label.pattern == PLAIN:
        asked = ["no word of another pattern may be true; " + text for text in asked]
    said = [f"{lead} What its words ask, beside this DFU: {text}." for lead, text in zip(leads, asked, strict=True)]
    return np.array(said, dtype=object)


def _near_to_tier(mean: float, bounds: Bounds) -> str:
    near = min(bounds, key=lambda bound: abs(bound - mean) / bound)
    tier = "high from" if near == bounds.high else "low up to"
    return (
        f"Its volume is near a bound: {short(mean)} units a month, {tier} {short(near)}; within "
        f"{BORDERLINE_SHARE:.0%} of it the next months decide."
    )
