"""The segments of a run: their cards, the marks that distinguish them, and the heat map of their profiles."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.figures.looks import looks_of
from dfu_clustering.figures.profile_table import (
    PEAK_HEADING,
    PROFILE_COLUMNS,
    UNDEFINED,
    peak_months,
    profile_texts,
    unusualness,
)
from dfu_clustering.labels.vocabulary import TIERS
from dfu_clustering.publishing.outcome import Transition
from dfu_clustering.report.charts import Mark
from dfu_clustering.report.inputs import RunArtifacts
from dfu_clustering.report.model import Fact, HeatCell, HeatMap, HeatRow, PatternRow, Segment, TierCell
from dfu_clustering.report.wording import forecast_words, label_title, pattern_title, profile_words, reason_lines
from dfu_clustering.runs.summaries import SegmentSummary

_UNUSUAL: Final = 2.5  # robust standard deviations at which the colours end
_HINTS: Final = {
    "mean_demand": "mean demand a month",
    "cv_demand": "how much months differ from the mean, as a share of it (coefficient of variation, CV): 0.3 is 30%",
    "zero_demand_pct": "share of the months",
    "sparsity_score": "months of history for each month with demand (average inter-demand interval, ADI)",
    "cv2_demand": "how much the sizes of demand differ, months without demand left out: their CV, squared",
    "seasonality_strength": "share of the ups and downs that the calendar month explains: 0 none, 1 all",
    "growth_rate": "from the first to the last year; not said of demand in less than half of the months",
    "log_growth": "last year against the year before, on a log scale: 0 the same, 0.15 about 16% more, -0.15 14% less",
}
_PEAK_HINT: Final = "calendar month with the most demand; a dash where there is no clear one"


def marks(artifacts: RunArtifacts) -> list[Mark]:
    """Return how each segment is distinguished, by ascending number."""
    looks = looks_of((segment.cluster_id for segment in artifacts.segments), artifacts.looks)
    return [
        Mark(
            id=number,
            label=segment.label,
            title=label_title(segment.base, segment.traits),
            light=looks[segment.cluster_id].color,
            dark=looks[segment.cluster_id].color_on_dark,
            shape=looks[segment.cluster_id].shape,
        )
        for number, segment in enumerate(artifacts.segments)
    ]


def segment_cards(artifacts: RunArtifacts, flows: list[Transition] | None) -> list[Segment]:
    """Return the cards of the segments by ascending number, which is by descending size.

    Args:
        artifacts: The run.
        flows: DFUs by old and new label; None where nothing was published.
    """
    labeling = artifacts.profiles.labeling
    return [_card(number, segment, labeling, flows) for number, segment in enumerate(artifacts.segments)]


def pattern_matrix(artifacts: RunArtifacts) -> list[PatternRow]:
    """Return the segments as planners know them: a row a pattern with its traits, a cell a volume tier."""
    rows: dict[str, dict[str, list[int]]] = {}
    for number, segment in enumerate(artifacts.segments):
        title = pattern_title(segment.pattern or segment.base, segment.traits)
        rows.setdefault(title, {}).setdefault(segment.tier or "", []).append(number)
    return [
        PatternRow(title=title, cells=[_tier_cell(artifacts.segments, tiers.get(tier)) for tier in reversed(TIERS)])
        for title, tiers in rows.items()
    ]


def _tier_cell(segments: list[SegmentSummary], numbers: list[int] | None) -> TierCell | None:
    if not numbers:
        return None
    found = [segments[number] for number in numbers]
    return TierCell(
        dfus=sum(segment.size for segment in found),
        share=sum(segment.share for segment in found),
        volume_share=sum(segment.volume_share for segment in found),
        numbers=numbers,
    )


def _card(number: int, segment: SegmentSummary, labeling: LabelingConfig, flows: list[Transition] | None) -> Segment:
    texts = profile_texts(_frame([segment.profile]))[0]
    facts = [
        Fact(name=column.heading.replace("\n", " "), value=text, hint=_HINTS[column.feature])
        for column, text in zip(PROFILE_COLUMNS, texts, strict=True)
    ]
    moves = None if flows is None else [flow for flow in flows if flow.old_label != flow.new_label]
    return Segment(
        number=number,
        cluster_id=segment.cluster_id,
        label=segment.label,
        title=label_title(segment.base, segment.traits),
        size=segment.size,
        share=segment.share,
        volume_share=segment.volume_share,
        true_share=segment.true_share,
        words=[
            *profile_words(segment.profile, labeling),
            *forecast_words(segment.naive_wape, segment.explained_share),
        ],
        reason=reason_lines(segment.reason),
        facts=facts,
        gained=None if moves is None else sum(flow.dfus for flow in moves if flow.new_label == segment.label),
        lost=None if moves is None else sum(flow.dfus for flow in moves if flow.old_label == segment.label),
    )


def heat_map(artifacts: RunArtifacts) -> HeatMap:
    """Return the medians of all segments with their distance from the usual."""
    profiles = _frame([segment.profile for segment in artifacts.segments])
    unusual = (unusualness(profiles, artifacts.metadata.scales()).to_numpy() / _UNUSUAL).clip(-1, 1)
    values = profiles[[column.feature for column in PROFILE_COLUMNS]].to_numpy(np.float64)
    peaks = peak_months(profiles, artifacts.profiles.labeling.peak_threshold)
    peak_values = np.where([peak == UNDEFINED for peak in peaks], np.nan, profiles["peak_month"].to_numpy(np.float64))
    rows = [
        HeatRow(
            number=number,
            cells=[
                *(_cell(*cell) for cell in zip(texts, values[number], unusual[number], strict=True)),
                _cell(peaks[number], peak_values[number], np.nan),
            ],
        )
        for number, texts in enumerate(profile_texts(profiles))
    ]
    headings = [column.heading for column in PROFILE_COLUMNS]
    hints = [_HINTS[column.feature] for column in PROFILE_COLUMNS]
    terms = [
        Fact(name=heading.replace("\n", " "), value="", hint=hint)
        for heading, hint in zip([*headings, PEAK_HEADING], [*hints, _PEAK_HINT], strict=True)
    ]
    return HeatMap(headings=[*headings, PEAK_HEADING], terms=terms, rows=rows)


def _cell(text: str, value: float, unusual: float) -> HeatCell:
    return HeatCell(text=text, value=_known(value), unusual=_known(round(float(unusual), 3)))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _frame(profiles: list[Mapping[str, Any]]) -> pd.DataFrame:
    """Return profiles as read from JSON, where undefined is null, as profile_clusters() returned them."""
    frame = pd.DataFrame(profiles)
    numbers = frame.columns.drop("demand_class", errors="ignore")
    return frame.astype(dict.fromkeys(numbers, np.float64))
