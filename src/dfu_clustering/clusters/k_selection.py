"""Choosing K: elbow, silhouette and gap statistic nominate, the minimum cluster size disposes."""

from collections.abc import Callable, Sequence

import numpy as np

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.clusters.gap_statistic import gap_statistic
from dfu_clustering.clusters.k_fits import SelectionFits, SelectionFitter
from dfu_clustering.clusters.kmeans import distinct_rows, large_enough, nearest_centroids
from dfu_clustering.clusters.nominations import KSelection, KStatistics, nearest_feasible, nominate
from dfu_clustering.clusters.sampling import stratified_sample
from dfu_clustering.clusters.silhouette import mean_silhouettes
from dfu_clustering.config.clustering import KSelectionSettings
from dfu_clustering.errors import DataError
from dfu_clustering.preprocessing.determinism import single_threaded

_SELECTION_SAMPLE, _SILHOUETTE_SAMPLE = 0, 1


def select_k(
    space: Floats,
    *,
    volume: Floats,
    config: KSelectionSettings,
    on_fit: Callable[[], None] | None = None,
    n_threads: int | None = None,
) -> tuple[KSelection, Floats]:
    """Choose the number of clusters: the median of three nominations, moved to the nearest feasible K.

    Rows must come in ascending order of their keys: samples and starts are drawn by position.

    Args:
        space: (n, n_columns) the preprocessed rows.
        volume: (n,) mean monthly demand, by which the samples are stratified.
        config: Range, starts, references, sample sizes, minimum cluster size, seed.
        on_fit: Called in the calling thread after each of n_fits(config) pieces of work.
        n_threads: Fits that run side by side; None: one a core. The result does not depend on it.

    Returns:
        Why it was chosen, and the (selected, n_columns) centroids of the best fit to the sample.

    Raises:
        DataError: There are fewer rows than clusters in the smallest K. A range that distinct rows do not fill is cut
            to their number, and ``warning`` says so.
    """
    rows = stratified_sample(volume, config.selection_sample, _rng(config.seed, _SELECTION_SAMPLE))
    shown = stratified_sample(volume[rows], config.silhouette_sample, _rng(config.seed, _SILHOUETTE_SAMPLE))
    sample = np.ascontiguousarray(space[rows])
    n_distinct = distinct_rows(sample)
    low, high = _possible_range(config.k_range, n_rows=len(space), n_distinct=n_distinct)
    fitter = SelectionFitter(config.n_init, config.gap_references, config.seed, n_threads)
    with single_threaded():
        fits = fitter.fit(sample, range(low, min(high + 1, n_distinct) + 1), on_fit or _nothing)
        measured = _measure(sample, shown, fits, config.min_cluster_size_pct, n_threads)
    curves = tuple(at for at in measured if at.k <= high)
    one_past = measured[-1] if measured[-1].k > high else None
    nominations = nominate(curves, one_past)
    selected = nearest_feasible(nominations.median, curves)
    selection = KSelection(
        selected=selected,
        nominations=nominations,
        curves=curves,
        one_past=one_past,
        sample_size=len(sample),
        silhouette_sample_size=len(shown),
        warning=_warning(curves, config, n_distinct),
    )
    return selection, fits.of_sample[selected - low].centroids


def n_fits(config: KSelectionSettings) -> int:
    """Return how often select_k calls ``on_fit`` where every K of the range, and the one past it, is possible."""
    low, high = config.k_range
    return (high - low + 2) * (1 + config.gap_references)


def _measure(
    sample: Floats,
    shown: Integers,
    fits: SelectionFits,
    min_cluster_size_pct: float,
    n_threads: int | None,
) -> tuple[KStatistics, ...]:
    curve = gap_statistic(np.array([fit.wcss for fit in fits.of_sample]), fits.reference_wcss)
    partitions = [nearest_centroids(sample, fit.centroids)[0] for fit in fits.of_sample]
    of_shown = [labels[shown] for labels in partitions]
    silhouettes = mean_silhouettes(sample[shown], of_shown, n_threads=n_threads)
    sizes = [
        np.sort(np.bincount(labels, minlength=len(fit.centroids)))[::-1]
        for labels, fit in zip(partitions, fits.of_sample, strict=True)
    ]
    return tuple(
        KStatistics(
            k=len(fit.centroids),
            wcss=fit.wcss,
            silhouette=float(silhouettes[i]),
            gap=float(curve.gap[i]),
            gap_standard_error=float(curve.standard_error[i]),
            sizes=tuple(sizes[i].tolist()),
            feasible=bool(large_enough(sizes[i], min_cluster_size_pct).all()),
        )
        for i, fit in enumerate(fits.of_sample)
    )


def _possible_range(k_range: tuple[int, int], *, n_rows: int, n_distinct: int) -> tuple[int, int]:
    """Return the range, cut where there are fewer distinct points than clusters."""
    low, high = k_range
    if n_rows < low:
        raise DataError(
            f"There must be at least {low} DFUs to cluster, the smallest K of k_range",
            found=f"{n_rows} DFUs",
            remedy="load more DFUs, lower min_months_history so that more of them are clustered, or lower k_range",
        )
    return min(low, n_distinct), min(high, n_distinct)


def _warning(curves: Sequence[KStatistics], config: KSelectionSettings, n_distinct: int) -> str | None:
    low, high = curves[0].k, curves[-1].k
    parts = []
    if high < config.k_range[1]:
        shapes = "all DFUs are alike" if n_distinct == 1 else f"only {n_distinct} DFUs differ"
        parts.append(f"k_range ends at {high} instead of {config.k_range[1]}: {shapes}")
    if not any(at.feasible for at in curves):
        parts.append(
            f"no K from {low} to {high} gives every cluster {config.min_cluster_size_pct:g} % of the DFUs: "
            f"the smallest K, {low}, is taken and small clusters are merged into their nearest neighbour"
        )
    return "; ".join(parts) or None


def _rng(seed: int, *name: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=name))


def _nothing() -> None:
    """Do nothing: progress is not shown."""
