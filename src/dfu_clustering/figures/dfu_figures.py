"""Pictures in which single DFUs are seen: the map of all of them and the typical ones of each segment.

Data in, matplotlib Figure out; nothing is saved and pyplot's global state is not touched.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.figures import style
from dfu_clustering.figures.looks import SHAPES, Look

_BADGE_GAP_SHARE = 0.045  # of the map's width and height, between the centres of two badges
_CELL_PITCH = 1.08  # of the columns of typical DFUs, in widths of one
_FLOOR, _CELL_HEIGHT = 0.32, 0.55  # zero line below the middle of its row, and the largest month, in rows
_CAPTION_POINTS = 6.5
_RIGHT_EDGE = 0.93
_KEY_CHARACTERS = 24  # of a key over a chart of the width that the longest labels leave


def plot_cluster_map(
    points: Floats,
    cluster_id: Integers,
    names: style.Names,
    looks: Mapping[int, Look],
    explained_variance_share: tuple[float, float],
    *,
    n_dfus: int,
) -> Figure:
    """Show DFUs on the plane along which they differ most, each cluster numbered at its median.

    Args:
        points: (n_points, 2) places.
        cluster_id: (n_points,) clusters.
        names: Text of each cluster.
        looks: Colour and shape of each cluster.
        explained_variance_share: Share (0-1) of the variance along each of its two directions.
        n_dfus: All clustered DFUs, of which the points may be a sample.
    """
    subtitle = (
        f"Near means alike. Two dimensions show {sum(explained_variance_share):.0%} of the differences: "
        "clusters that overlap here may still lie apart."
    )
    figure = style.new_figure(6.5, _map_title(len(points), n_dfus), subtitle)
    ax = figure.subplots()
    _plot_points(ax, points, cluster_id, looks)
    present, sizes = np.unique(cluster_id, return_counts=True)
    medians = np.array([np.median(points[cluster_id == cluster], axis=0) for cluster in present])
    for cluster, (x, y) in zip(present.tolist(), _kept_apart(medians, np.ptp(points, axis=0)), strict=True):
        _badge(ax, x, y, cluster, looks[cluster].color, ax.transData)
    step = min(0.055, 1 / len(present))
    for row, (cluster, size) in enumerate(zip(present.tolist(), sizes, strict=True)):
        _key_line(ax, 0.98 - row * step, cluster, looks[cluster], f"{names[cluster]}, {size / len(points):.0%}")
    first, second = (f"{share:.0%} of the differences" for share in explained_variance_share)
    ax.set_xlabel(f"Across: {first}", fontsize=style.TEXT_POINTS)
    ax.set_ylabel(f"Up: {second}", fontsize=style.TEXT_POINTS)
    ax.set(xticks=[], yticks=[])
    style.bare(ax)
    return figure


def _map_title(n_points: int, n_dfus: int) -> str:
    return f"Map of {n_points:,} DFUs" if n_points == n_dfus else f"Map of a sample: {n_points:,} of {n_dfus:,} DFUs"


def _plot_points(ax: Axes, points: Floats, cluster_id: Integers, looks: Mapping[int, Look]) -> None:
    area = float(np.clip(60_000 / len(points), 3, 30))
    clusters, of_point = np.unique(cluster_id, return_inverse=True)
    colors = np.array([looks[cluster].color for cluster in clusters.tolist()])[of_point]
    markers = np.array([looks[cluster].marker for cluster in clusters.tolist()])[of_point]
    for marker in SHAPES.values():
        xy, color = points[markers == marker], colors[markers == marker]
        ax.scatter(xy[:, 0], xy[:, 1], c=color, s=area, marker=marker, alpha=0.5, linewidths=0)


def _badge(ax: Axes, x: float, y: float, cluster: int, color: str, transform: Any) -> None:  # noqa: ANN401
    box = {"boxstyle": "circle,pad=0.25", "facecolor": color, "edgecolor": "white", "linewidth": 1.5}
    text = ax.text(x, y, str(cluster), transform=transform, ha="center", va="center", bbox=box)
    text.set(fontsize=style.SMALL_POINTS, weight="bold", color=style.text_color_on(color))


def _key_line(ax: Axes, y: float, cluster: int, look: Look, text: str) -> None:
    _badge(ax, 1.03, y, cluster, look.color, ax.transAxes)
    (marker,) = ax.plot([1.058], [y], look.marker, color=look.color, markersize=5, clip_on=False)
    marker.set_transform(ax.transAxes)
    ax.text(1.075, y, text, transform=ax.transAxes, fontsize=style.TEXT_POINTS, color=style.INK, va="center")


def _kept_apart(places: Floats, extent: Floats) -> Floats:
    """Return (n, 2) places pushed apart until hardly any two lie closer than a badge is wide."""
    around = np.arange(len(places)) * 2.4  # radians: where places coincide, each is pushed its own way
    unit = np.where(extent > 0, extent, 1.0)
    moved = places / unit + 1e-6 * np.column_stack([np.cos(around), np.sin(around)])
    for _ in range(100):
        apart = moved[:, None] - moved[None, :]
        distance = np.hypot(apart[..., 0], apart[..., 1]) + np.eye(len(moved))
        overlap = np.clip(_BADGE_GAP_SHARE - distance, 0, None)
        moved = moved + (apart * (overlap / distance)[..., None]).sum(axis=1) / 2
    placed: Floats = moved * unit
    return placed


def plot_typical_dfus(
    histories: pd.DataFrame, profiles: pd.DataFrame, names: style.Names, *, window_months: int
) -> Figure:
    """Show the monthly demand of each segment's most typical DFUs, one segment a row, each DFU on its own scale.

    Args:
        histories: Columns cluster_id, rank (0 is nearest to the centroid), dfu_ck, month, demand (units a month).
        profiles: What profile_clusters() returned.
        names: Text of each cluster.
        window_months: Newest months, which were clustered; they are shaded.
    """
    months = pd.DatetimeIndex(histories["month"])
    number = months.year.to_numpy() * 12 + months.month.to_numpy() - 1
    first, last = int(number.min()), int(number.max())
    drawn = histories.assign(x=(number - first) / max(last - first, 1)).sort_values(["cluster_id", "rank", "x"])
    subtitle = (
        "Monthly demand of the DFUs nearest to the segment's centre, from zero to each one's own largest month. "
        f"Shaded: the {window_months} months that count."
    )
    figure = style.new_figure(0.8 * len(profiles) + 0.5, "What typical DFUs of each segment look like", subtitle)
    ax = figure.subplots()
    style.segments_at_left(ax, profiles, _with_sizes(profiles, names))
    januaries = _januaries(first, last)
    window = max(0.0, 1 - (window_months - 1) / max(last - first, 1))
    _plot_cells(ax, drawn, {cluster: row for row, cluster in enumerate(profiles.index)}, januaries.values(), window)
    lefts = _CELL_PITCH * np.arange(drawn["rank"].max() + 1)
    ax.set_xticks([left + x for left in lefts for x in januaries.values()], [*januaries] * len(lefts))
    ax.set_xlim(-0.02, lefts[-1] + 1.02)
    style.frameless(ax)
    ax.tick_params(axis="x", labelsize=style.SMALL_POINTS, labelcolor=style.MUTED)
    return figure


def _plot_cells(
    ax: Axes, drawn: pd.DataFrame, row_of: Mapping[int, int], years: Collection[float], window: float
) -> None:
    lines: list[Floats] = []
    frame: list[Floats] = []
    shaded: list[Rectangle] = []
    cells: Any = drawn.groupby(["cluster_id", "rank", "dfu_ck"])
    for (cluster, rank, dfu_ck), history in cells:
        left, floor, largest = rank * _CELL_PITCH, row_of[cluster] + _FLOOR, history["demand"].max()
        height = _CELL_HEIGHT / largest if largest > 0 else 0.0
        lines.append(np.column_stack([left + history["x"], floor - history["demand"] * height]))
        shaded.append(Rectangle((left + window, floor - _CELL_HEIGHT), 1 - window, _CELL_HEIGHT))
        frame.append(np.array([(left, floor), (left + 1, floor)]))
        frame += [np.array([(left + x, floor), (left + x, floor - _CELL_HEIGHT)]) for x in years]
        _caption(ax, left, floor - _CELL_HEIGHT - 0.04, _cut(str(dfu_ck)), "left", "bottom")
        _caption(ax, left + 1, floor + 0.04, f"max {style.short(largest)}", "right", "top")
    ax.add_collection(PatchCollection(shaded, facecolor=style.SHADE, edgecolor="none"))
    ax.add_collection(LineCollection(frame, colors=style.FAINT, linewidths=0.8))
    ax.add_collection(LineCollection(lines, colors=style.ACCENT, linewidths=1.1))


def _januaries(first: int, last: int) -> dict[str, float]:
    """Return where years begin, by year and as a share of the time shown; at most five, none at the right edge.

    A year at the edge would run into the first one of the next column.
    """
    years = range(-(-first // 12), last // 12 + 1)
    step = max(-(-len(years) // 5), 1)
    begins = {str(year): (year * 12 - first) / max(last - first, 1) for year in years[::step]}
    return {year: x for year, x in begins.items() if x < _RIGHT_EDGE}


def _caption(
    ax: Axes, x: float, y: float, text: str, ha: Literal["left", "right"], va: Literal["bottom", "top"]
) -> None:
    ax.text(x, y, text, ha=ha, va=va, fontsize=_CAPTION_POINTS, color=style.MUTED, parse_math=False)


def _cut(key: str) -> str:
    half = _KEY_CHARACTERS // 2
    return key if len(key) <= _KEY_CHARACTERS else f"{key[: half - 1]}…{key[-half:]}"


def _with_sizes(profiles: pd.DataFrame, names: style.Names) -> style.Names:
    return {
        cluster: f"{names[cluster]}\n{size:,} DFUs, {share:.0%}"
        for cluster, size, share in profiles[["size", "share"]].itertuples()
    }
