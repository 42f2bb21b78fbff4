"""How a run came about: the number of clusters, the settings, and where everything comes from."""

from collections.abc import Mapping
from typing import Any

from dfu_clustering.report.inputs import RunArtifacts
from dfu_clustering.report.model import Fact, KChoice, KCurves, KPoint, Parameters

_CRITERIA = {
    "elbow": ("Elbow", "where the spread within clusters bends"),
    "silhouette": ("Silhouette", "where DFUs lie closest to their own cluster"),
    "gap": ("Gap", "where more clusters stop beating chance"),
}
_SETTINGS = (
    ("Who is clustered", ("min_months_history", "time_window_months")),
    (
        "How DFUs are compared",
        (
            "feature_set",
            "feature_scaling",
            "winsorize_quantiles",
            "min_variance",
            "attributes",
            "max_categories",
            "use_pca",
            "pca_explained_variance",
        ),
    ),
    (
        "How many clusters",
        (
            "k_range",
            "min_cluster_size_pct",
            "n_init",
            "selection_sample",
            "silhouette_sample",
            "gap_references",
            "seed",
        ),
    ),
)
_TOLD_ELSEWHERE = {"labeling", "data_quality"}


def k_choice(artifacts: RunArtifacts) -> KChoice:
    """Return the choice of K in words."""
    chosen = artifacts.metadata["k_selection"]
    selected, final = int(chosen["selected"]), int(artifacts.metadata["k"])
    nominations = [
        Fact(name=name, value=str(chosen["nominations"][key]), hint=hint) for key, (name, hint) in _CRITERIA.items()
    ]
    return KChoice(
        selected=selected,
        final=final,
        nominations=nominations,
        explanation=_explanation(artifacts),
        notes=list(artifacts.metadata["warnings"]),
    )


def k_curves(artifacts: RunArtifacts) -> KCurves:
    """Return the curves behind the choice."""
    chosen = artifacts.metadata["k_selection"]
    return KCurves(
        points=[_point(at) for at in chosen["curves"]],
        nominations=chosen["nominations"],
        selected=chosen["selected"],
        least_share=_least_pct(artifacts) / 100,
    )


def parameters(artifacts: RunArtifacts) -> list[Parameters]:
    """Return the settings of the run by part; limits of the data-quality gates are in their own section."""
    settings = artifacts.metadata.get("config", {})
    parts = [
        Parameters(heading=heading, facts=[_setting(key, settings[key]) for key in keys if key in settings])
        for heading, keys in _SETTINGS
    ]
    told = {key for _, keys in _SETTINGS for key in keys} | _TOLD_ELSEWHERE
    further = [_setting(key, value) for key, value in settings.items() if key not in told]
    if further:
        parts.append(Parameters(heading="Further settings", facts=further))
    labeling = [_setting(key, value) for key, value in artifacts.profiles["labeling"].items()]
    return [*parts, Parameters(heading="What segments are called", facts=labeling)]


def provenance(artifacts: RunArtifacts) -> list[Fact]:
    """Return where the numbers come from."""
    metadata, origin = artifacts.metadata, artifacts.origin
    columns = ", ".join(metadata.get("clustered_columns", []))
    known = {
        "As-of month": metadata.get("as_of_month"),
        "Oldest month of sales": origin.get("first_month"),
        "Months that count": origin.get("window_months"),
        "Run": artifacts.run_name,
        "Configuration": metadata.get("config_digest"),
        "Code": metadata.get("code_version"),
        "Seed": metadata.get("seed"),
        "Compared by": columns,
    }
    return [Fact(name=name, value=str(value)) for name, value in known.items() if value not in (None, "")]


def _explanation(artifacts: RunArtifacts) -> str:
    least_pct, continuity = _least_pct(artifacts), artifacts.metadata.get("continuity")
    if continuity and not continuity["refit"]:
        return (
            f"Kept from the published run {continuity['published_run']}: {continuity['reason']}. "
            "Nominations and curves are those of the run in which the number was chosen."
        )
    if not artifacts.metadata["k_selection"]["feasible"]:
        return (
            f"At no K does every cluster hold {least_pct:g} % of the DFUs, so the smallest was taken "
            "and clusters that are too small were merged into their nearest neighbour."
        )
    rule = (
        f"The middle one of the three nominations, moved to the nearest K at which every cluster holds "
        f"at least {least_pct:g} % of the DFUs"
    )
    if continuity:
        return f"{rule}, where it describes the DFUs clearly better than the published number; else that one."
    return f"{rule}."


def _point(at: Mapping[str, Any]) -> KPoint:
    gap, error = at["gap"], at["gap_standard_error"]
    return KPoint(
        k=at["k"],
        wcss=at["wcss"],
        silhouette=at["silhouette"],
        gap=gap,
        gap_low=gap - error,
        gap_high=gap + error,
        smallest_share=min(at["sizes"]) / sum(at["sizes"]),
        feasible=at["feasible"],
    )


def _least_pct(artifacts: RunArtifacts) -> float:
    return float(artifacts.metadata["config"]["min_cluster_size_pct"])


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
