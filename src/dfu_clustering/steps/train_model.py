"""Step 2: the feature matrix becomes clusters, fitted or continued from the published ones; then explained, written."""

import logging

import pandas as pd

from dfu_clustering.clusters.k_selection import n_fits
from dfu_clustering.config.clustering import HistorySettings, KSelectionSettings, RunSettings
from dfu_clustering.errors import DataError
from dfu_clustering.files.progress import progress
from dfu_clustering.outputs.feature_matrix import read_matrix
from dfu_clustering.outputs.moves import measure_moves
from dfu_clustering.outputs.pictures import draw_k_selection
from dfu_clustering.outputs.segment_looks import read_looks
from dfu_clustering.outputs.training_files import Training, write_training
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.manifest import TRAIN_MODEL, once
from dfu_clustering.runs.month_training import trained_segments
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.summaries import FeatureSummary, KChoice, TrainingSummary
from dfu_clustering.segments.continuation import continue_published, without_drift
from dfu_clustering.segments.continuity import Continuity
from dfu_clustering.segments.first_fit import segment_from_scratch
from dfu_clustering.segments.segmentation import Segmentation
from dfu_clustering.steps.build_features import origin_of

logger = logging.getLogger(__name__)


@once(TRAIN_MODEL)
def train_model(
    files: RunFolder,
    config: RunSettings,
    published: PublishedFiles | None = None,
    *,
    pictures: bool = True,
    look_for_drift: bool = True,
) -> TrainingSummary:
    """Choose K, fit the clusters on all DFUs of the matrix and write them, with the picture of the choice.

    The pictures of the segments are drawn once they have names: by the labelling, or by a caller that only trains.

    Args:
        files: The feature matrix, and where the model's files are written.
        config: The settings.
        published: The run whose clusters these continue; None: as if nothing had been published.
        pictures: Whether to draw.
        look_for_drift: Whether clusters are fitted again where the DFUs have drifted from those of the fit.

    Raises:
        DataError: The matrix is unreadable, lacks a column, repeats a DFU, or holds fewer DFUs than clusters; or the
            published run's files are missing, unreadable or of a later month.
    """
    matrix = read_matrix(files, config, published)
    origin = origin_of(files, matrix)
    config = _as_built(config, origin)
    left_out = files.find_table(RunFile.EXCLUDED) if origin else None
    if published is not None:
        published.require_not_later(origin.as_of_month if origin else None)
        others = [] if left_out is None else [left_out["dfu_ck"]]
        published.require_shared(pd.concat([matrix["dfu_ck"], *others]))
    how = config if look_for_drift else without_drift(config)
    segmentation, continuity = _segmented(how, matrix, published)
    summary = _summary(config, segmentation, continuity)
    for warning in summary.warnings:
        logger.warning("train_model %s", warning)
    moves = measure_moves(matrix, segmentation, published) if published else None
    left_out = files.find_table(RunFile.EXCLUDED) if origin else None
    looks = read_looks(published.files) if published else {}
    published_map = _published_map(published) if published else None
    training = Training(config, matrix, origin, segmentation, summary, left_out, moves, looks, published_map)
    write_training(files, training)
    if pictures:
        draw_k_selection(files, segmentation.k_selection, min_cluster_size_pct=config.min_cluster_size_pct)
    return summary


def _published_map(published: PublishedFiles) -> pd.DataFrame | None:
    """Return the map of the published run; a file that cannot be read costs no run."""
    try:
        return published.files.find_table(RunFile.MAP)
    except DataError as error:
        logger.warning("the map may be turned against the published one: %s", error)
        return None


def _as_built(config: RunSettings, origin: FeatureSummary | None) -> RunSettings:
    """Return the configuration with history and windows as the features were built, whatever the flags say."""
    if origin is None:
        return config
    built = {name: getattr(origin, name) for name in HistorySettings.model_fields}
    return type(config).model_validate({**config.model_dump(), **built})


def _segmented(
    config: RunSettings, matrix: pd.DataFrame, published: PublishedFiles | None
) -> tuple[Segmentation, Continuity | None]:
    with progress("choosing K", n_fits(config)) as advance:
        if published is None:
            return segment_from_scratch(config, matrix, on_fit=lambda: advance(1)), None
        segmentation, continuity = continue_published(config, matrix, published.model, on_fit=lambda: advance(1))
    logger.info(
        "continued published=%s refit=%s held_share=%.3f reason=%s",
        *(published.run, continuity.refit, continuity.held_share, continuity.reason),
    )
    return segmentation, continuity


def _summary(config: RunSettings, segmentation: Segmentation, continuity: Continuity | None) -> TrainingSummary:
    selection = segmentation.k_selection
    at_selected = selection.at(selection.selected)
    from_scratch = continuity is None or continuity.refit
    return TrainingSummary(
        n_dfus=len(segmentation.segment),
        k=len(segmentation.fitted.kmeans_centroids),
        k_selection=KChoice.of(selection),
        gap=at_selected.gap if at_selected else None,
        segments=trained_segments(segmentation),
        figures=segmentation.figures,
        warnings=[*segmentation.warnings, *(_edge_warning(config, selection.selected) if from_scratch else ())],
        continuity=continuity,
    )


def _edge_warning(config: KSelectionSettings, selected: int) -> list[str]:
    low, high = config.k_range
    if low == high or selected < high:
        return []
    return [f"K {high} is the largest of k_range; a larger K may describe the DFUs better"]
