"""What a run recorded of itself, as far as a comparison needs it and whatever version wrote it."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from dfu_clustering.comparison.sides import Thresholds
from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.files.summary import Summary

_JUDGING = ("labeling", "stability", "min_months_history")


class RecordedFigures(Summary):
    """How true and how distinct segments are; null: not recorded."""

    true_share: float | None = None
    within_margin_share: float | None = None
    silhouette: float | None = None


class RecordedTraining(Summary):
    """Of cluster_metadata.json."""

    as_of_month: str | None = None
    k: int | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    config_digest: str | None = None
    code_version: str | None = None


class RecordedNaming(Summary):
    """Of cluster_profiles.json: the labels may have been named by other thresholds than those of the training."""

    labeling: dict[str, Any] | None = None
    figures: RecordedFigures = RecordedFigures()


def recorded_settings(training: RecordedTraining, naming: RecordedNaming) -> dict[str, Any]:
    """Return the settings of the labels."""
    return training.config | ({"labeling": naming.labeling} if naming.labeling else {})


def recorded_thresholds(settings: Mapping[str, Any], default: RunSettings) -> Thresholds:
    """Return by which thresholds the labels were judged; what was not recorded, or has another form, as today."""
    known = default.of_the_run().model_dump() | {name: settings[name] for name in _JUDGING if name in settings}
    try:
        return Thresholds.of(RunSettings.model_validate(known))
    except ValidationError:
        return Thresholds.of(default)
