"""How a run came about: the number of clusters, the settings, and where everything comes from."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dfu_clustering.clusters.nominations import KStatistics
from dfu_clustering.config.clustering import HistorySettings, KSelectionSettings, SpaceSettings
from dfu_clustering.report.charts import KCurves, KPoint
from dfu_clustering.report.inputs import RunArtifacts
from dfu_clustering.report.model import Fact, KChoice, Parameters

_CRITERIA = {
    "elbow": ("Elbow", "where the curve of the spread within clusters bends"),
    "silhouette": ("Silhouette", "where DFUs lie closest to their own cluster"),
    "gap": ("Gap", "from where more clusters are no better than chance"),
}
_SETTINGS = (
    ("Which DFUs are clustered", tuple(HistorySettings.model_fields)),
    ("How DFUs are compared", tuple(SpaceSettings.model_fields)[len(HistorySettings.model_fields) :]),
    ("How many clusters", tuple(KSelectionSettings.model_fields)),
)
_PROVENANCE_HINTS = {
    "As-of month": "the newest month that counts",
    "Configuration": "stands for all settings: another one means that one of them differs",
    "Code": "version of the program",
    "Seed": "from which random numbers start; the same gives the same result",
    "Compared by": "measures of demand by which DFUs are found alike",
}
_SHOWN_ELSEWHERE = {"labeling", "data_quality"}


def k_choice(artifacts: RunArtifacts) -> KChoice:
    """Return the choice of K in words."""
    chosen = artifacts.metadata.k_selection
    nominated = asdict(chosen.nominations)
    nominations = [Fact(name=name, value=str(nominated[key]), hint=hint) for key, (name, hint) in _CRITERIA.items()]
    return KChoice(
        selected=chosen.selected,
        final=artifacts.metadata.k,
        nominations=nominations,
        explanation=_explanation(artifacts),
        notes=artifacts.metadata.warnings,
    )


def k_curves(artifacts: RunArtifacts) -> KCurves:
    """Return the curves behind the choice."""
    chosen = artifacts.metadata.k_selection
    return KCurves(
        points=[_point(at) for at in chosen.curves],
        nominations=asdict(chosen.nominations),
        selected=chosen.selected,
        least_share=artifacts.metadata.config.min_cluster_size_pct / 100,
    )


def parameters(artifacts: RunArtifacts) -> list[Parameters]:
    """Return the settings of the run by part; limits of the data-quality gates are in their own section."""
    settings = artifacts.metadata.config.model_dump(mode="json")
    parts = [
        Parameters(heading=heading, facts=[_setting(key, settings[key]) for key in keys]) for heading, keys in _SETTINGS
    ]
    shown = {key for _, keys in _SETTINGS for key in keys} | _SHOWN_ELSEWHERE
    further = [_setting(key, value) for key, value in settings.items() if key not in shown]
    if further:
        parts.append(Parameters(heading="Further settings", facts=further))
    labeling = [_setting(key, value) for key, value in artifacts.profiles.labeling.model_dump(mode="json").items()]
    return [*parts, Parameters(heading="How segments are named", facts=labeling)]


def provenance(artifacts: RunArtifacts) -> list[Fact]:
    """Return where the numbers come from."""
    metadata, origin = artifacts.metadata, artifacts.origin
    known = {
        "As-of month": metadata.as_of_month,
        "Oldest month of sales": origin.first_month if origin else None,
        "Months that count": origin.window_months if origin else None,
        "Run": artifacts.run_name,
        "Publish": artifacts.answer.said_of(published=not artifacts.asked) if artifacts.answer else None,
        "Configuration": metadata.config_digest,
        "Code": metadata.code_version,
        "Seed": metadata.seed,
        "Compared by": ", ".join(metadata.clustered_columns),
    }
    return [
        Fact(name=name, value=str(value), hint=_PROVENANCE_HINTS.get(name, ""))
        for name, value in known.items()
        if value not in (None, "")
    ]


def _explanation(artifacts: RunArtifacts) -> str:
    least_pct, continuity = artifacts.metadata.config.min_cluster_size_pct, artifacts.metadata.continuity
    if continuity and not continuity.refit:
        return (
            f"Kept from the published run {continuity.published_run}: {continuity.reason}. "
            "Nominations and curves are from the run that chose the number."
        )
    if not artifacts.metadata.k_selection.feasible:
        return (
            f"At no K does every cluster hold {least_pct:g} % of the DFUs, so the smallest was taken "
            "and clusters that are too small were merged into their nearest neighbour."
        )
    rule = (
        f"The middle one of the three nominations, moved to the nearest K at which every cluster holds "
        f"at least {least_pct:g} % of the DFUs"
    )
    if continuity:
        return f"{rule}. Clusters of {continuity.published_run} were fitted again: {continuity.reason}."
    return f"{rule}."


def _point(at: KStatistics) -> KPoint:
    return KPoint(
        k=at.k,
        wcss=at.wcss,
        silhouette=at.silhouette,
        gap=at.gap,
        gap_low=at.gap - at.gap_standard_error,
        gap_high=at.gap + at.gap_standard_error,
        smallest_share=min(at.sizes) / sum(at.sizes),
        feasible=at.feasible,
    )


def _setting(key: str, value: Any) -> Fact:  # noqa: ANN401
    return Fact(name=key, value=_plain(value))


def _plain(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " to ".join(map(_plain, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
