"""The pictures of a model, drawn from its files, so that they are drawn again once clusters have names."""

import warnings
from collections.abc import Iterator, Mapping

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dfu_clustering.clusters.nominations import KSelection
from dfu_clustering.figures.dfu_figures import plot_cluster_map, plot_typical_dfus
from dfu_clustering.figures.looks import looks_of
from dfu_clustering.figures.segment_figures import plot_k_selection, plot_profile_heatmap, plot_sizes
from dfu_clustering.files.tables import atomic_path
from dfu_clustering.outputs.segment_looks import LOOK, read_looks
from dfu_clustering.runs.folder import RunFile, RunFolder

_DPI = 130
# of a key in a script that the font lacks; here, because filters are the whole process's and pictures one thread's
warnings.filterwarnings("ignore", message="Glyph .* missing")


def draw_run(files: RunFolder) -> None:
    """Draw all pictures of a run that has drawn none, from its files alone.

    Raises:
        DataError: A file is missing or unreadable.
    """
    metadata = files.metadata()
    draw_k_selection(files, metadata.k_selection, min_cluster_size_pct=metadata.config.min_cluster_size_pct)
    names = {segment.cluster_id: segment.label for segment in metadata.segments}
    draw_segments(files, names, peak_threshold=metadata.config.labeling.peak_threshold)


def draw_k_selection(files: RunFolder, selection: KSelection, *, min_cluster_size_pct: float) -> None:
    """Draw the curves and nominations behind the number of clusters."""
    _save(plot_k_selection(selection, min_cluster_size_pct=min_cluster_size_pct), files, RunFile.K_PICTURE)


def draw_segments(files: RunFolder, labels: Mapping[int, str], *, peak_threshold: float) -> None:
    """Draw the pictures of segment_figures() into the folder of their training."""
    for picture, figure in segment_figures(files, labels, peak_threshold=peak_threshold):
        _save(figure, files, picture)


def segment_figures(
    files: RunFolder, labels: Mapping[int, str], *, peak_threshold: float
) -> Iterator[tuple[RunFile, Figure]]:
    """Yield sizes, profiles, map and typical members of segments, numbered by descending size, coloured by identity.

    Args:
        files: Of the training.
        labels: Text of each segment, by its cluster_id.
        peak_threshold: seasonality_strength from which a peak says something.
    """
    table, metadata = files.table(RunFile.CENTROIDS), files.metadata()
    number = {cluster_id: at for at, cluster_id in enumerate(table["cluster_id"].tolist())}
    names = {at: labels[cluster_id] for cluster_id, at in number.items()}
    profiles = table.drop(columns=["cluster_id", "cluster_label", LOOK], errors="ignore")
    yield RunFile.SIZES_PICTURE, plot_sizes(profiles, names)
    heatmap = plot_profile_heatmap(profiles, metadata.scales(), names, peak_threshold=peak_threshold)
    yield RunFile.PROFILES_PICTURE, heatmap
    points = files.find_table(RunFile.MAP)
    if points is not None:
        xy, segment = points[["x", "y"]].to_numpy(), points["cluster_id"].map(number).to_numpy()
        n_dfus, shares = int(profiles["size"].sum()), metadata.map_explained_variance
        looks = {number[cluster_id]: look for cluster_id, look in looks_of(number, read_looks(files)).items()}
        yield RunFile.MAP_PICTURE, plot_cluster_map(xy, segment, names, looks, shares, n_dfus=n_dfus)
    typical = files.find_table(RunFile.TYPICAL)
    if typical is not None and metadata.features is not None:
        shown = typical.assign(cluster_id=typical["cluster_id"].map(number))
        window = metadata.features.window_months
        yield RunFile.TYPICAL_PICTURE, plot_typical_dfus(shown, profiles, names, window_months=window)


def _save(figure: Figure, files: RunFolder, picture: RunFile) -> None:
    with atomic_path(files.path(picture)) as draft:
        figure.set_dpi(_DPI)
        # savefig() draws twice, first for the layout alone; no software version: the same picture is the same file
        FigureCanvasAgg(figure).print_png(draft, metadata={"Software": None})  # type: ignore[no-untyped-call]
