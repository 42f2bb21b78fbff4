"""Pictures of the segments: how many, how large and what sets them apart.

Data in, matplotlib Figure out; nothing is saved and pyplot's global state is not touched.
"""

from dataclasses import asdict

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from dfu_clustering.clusters.nominations import KSelection
from dfu_clustering.figures import style
from dfu_clustering.figures.profile_table import PEAK_HEADING, PROFILE_COLUMNS, peak_months, profile_texts, unusualness

_CRITERIA = (
    ("elbow", "wcss", "Spread within clusters (WCSS): the bend is nominated"),
    ("silhouette", "silhouette", "Silhouette: the highest is nominated"),
    ("gap", "gap", "Gap ± standard error: the first that the next does not exceed is nominated"),
)
_COLORMAP = "RdBu_r"
_UNUSUAL = 2.5  # robust standard deviations at which the heatmap's colours end
_BAR_HEIGHT = 0.38


def plot_k_selection(selection: KSelection, *, min_cluster_size_pct: float) -> Figure:
    """Show why K was chosen: WCSS, silhouette, gap with its standard error, and the smallest cluster, each over K.

    A ring marks the K that a criterion nominates, the shaded line the K that was selected.

    Args:
        selection: How K was chosen.
        min_cluster_size_pct: Percent (0-100) of the DFUs that every cluster must hold.
    """
    curves, nominations, selected = pd.DataFrame(selection.curves), asdict(selection.nominations), selection.selected
    nominated = ", ".join(f"{criterion} {k}" for criterion, k in nominations.items())
    chosen = "the median of the nominations moved to the nearest K whose clusters are all large enough"
    if not selection.feasible:
        chosen = "the smallest K, since at no K all clusters are large enough"
    subtitle = f"Ringed: nominated ({nominated}). Shaded: chosen, {chosen}."
    figure = style.new_figure(6.5, f"{selected} clusters were chosen", subtitle)
    panels = figure.subplots(2, 2, sharex=True).ravel()
    k = curves["k"].to_numpy()
    for ax, (criterion, column, title) in zip(panels, _CRITERIA, strict=False):
        ax.plot(k, curves[column], color=style.ACCENT, marker="o", markersize=4)
        nominee = int(np.flatnonzero(k == nominations[criterion])[0])
        ax.plot(k[nominee], curves[column][nominee], "o", markersize=13, markerfacecolor="none", color=style.CONTRAST)
        ax.set_title(title, loc="left", fontsize=style.TEXT_POINTS, color=style.INK)
    panels[2].errorbar(k, curves["gap"], yerr=curves["gap_standard_error"], fmt="none", ecolor=style.ACCENT, capsize=3)
    panels[0].yaxis.set_major_formatter(lambda wcss, _: style.short(wcss))
    _plot_smallest_cluster(panels[3], curves, min_cluster_size_pct / 100)
    for ax in panels:
        ax.axvline(selected, color=style.CONTRAST, linewidth=8, alpha=0.2, zorder=0)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        style.bare(ax)
    for ax in panels[2:]:
        ax.set_xlabel("Number of clusters K", fontsize=style.TEXT_POINTS)
    return figure


def _plot_smallest_cluster(ax: Axes, curves: pd.DataFrame, least_share: float) -> None:
    k, feasible = curves["k"].to_numpy(), curves["feasible"].to_numpy(dtype=bool)
    share = np.array([min(sizes) / sum(sizes) for sizes in curves["sizes"]])
    ax.plot(k, share, color=style.ACCENT)
    ax.plot(k[feasible], share[feasible], "o", markersize=4, color=style.ACCENT)
    ax.plot(k[~feasible], share[~feasible], "X", markersize=8, color=style.CONTRAST)
    ax.axhline(least_share, color=style.MUTED, linewidth=1, linestyle="--")
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    title = f"Smallest cluster: at least {least_share * 100:g}% of the DFUs (dashed), crossed out where smaller"
    ax.set_title(title, loc="left", fontsize=style.TEXT_POINTS, color=style.INK)


def plot_profile_heatmap(
    profiles: pd.DataFrame, scales: pd.DataFrame, names: style.Names, *, peak_threshold: float
) -> Figure:
    """Show what is unusual about each segment: medians in original units, coloured by their distance from the usual.

    Args:
        profiles: What profile_clusters() returned.
        scales: What feature_scales() returned; the colour is (median - median of all DFUs) / scale.
        names: Text of each cluster.
        peak_threshold: seasonality_strength from which a segment's peak month is shown.
    """
    unusual, texts = unusualness(profiles, scales).to_numpy(), profile_texts(profiles)
    subtitle = (
        "Median of the segment's DFUs. Colour: distance from the median of all DFUs, in robust standard deviations."
    )
    figure = style.new_figure(0.4 * len(profiles) + 1.3, "What sets the segments apart", subtitle)
    ax = figure.subplots()
    image = ax.imshow(unusual, cmap=_COLORMAP, vmin=-_UNUSUAL, vmax=_UNUSUAL, aspect="auto")
    for row, column in np.ndindex(unusual.shape):
        background = tuple(image.to_rgba(unusual[row, column]))
        _cell_text(ax, column, row, texts[row][column], style.text_color_on(background))
    for row, month in enumerate(peak_months(profiles, peak_threshold)):
        _cell_text(ax, len(PROFILE_COLUMNS), row, month, style.INK)
    headings = [*(column.heading for column in PROFILE_COLUMNS), PEAK_HEADING]
    ax.set_xlim(-0.5, len(PROFILE_COLUMNS) + 0.5)
    ax.set_xticks(range(len(headings)), headings)
    style.segments_at_left(ax, profiles, names)
    ax.xaxis.tick_top()
    style.frameless(ax)
    ax.tick_params(axis="x", labelsize=style.SMALL_POINTS)
    colors = figure.colorbar(
        image, ax=ax, orientation="vertical", ticks=[-_UNUSUAL, 0, _UNUSUAL], shrink=0.9, aspect=30
    )
    colors.ax.set_yticklabels(["far below", "usual", "far above"], fontsize=style.SMALL_POINTS)
    colors.ax.tick_params(length=0)
    colors.outline.set_visible(False)
    return figure


def _cell_text(ax: Axes, column: int, row: int, text: str, color: str) -> None:
    ax.text(column, row, text, color=color, ha="center", va="center_baseline", fontsize=style.TEXT_POINTS)


def plot_sizes(profiles: pd.DataFrame, names: style.Names) -> Figure:
    """Show each segment's share of the DFUs beside its share of the volume.

    Args:
        profiles: What profile_clusters() returned.
        names: Text of each cluster.
    """
    subtitle = "Share of all clustered DFUs beside share of their total demand, per segment."
    figure = style.new_figure(0.5 * len(profiles) + 1.0, "Where the DFUs are and where the volume is", subtitle)
    ax = figure.subplots()
    row = np.arange(len(profiles))
    for column, of_what, color, offset in (
        ("share", "of the DFUs", style.ACCENT, -_BAR_HEIGHT / 2),
        ("volume_share", "of the volume", style.CONTRAST, _BAR_HEIGHT / 2),
    ):
        bars = ax.barh(row + offset, profiles[column], height=_BAR_HEIGHT, color=color)
        texts = [f"{share:.1%}" for share in profiles[column]]
        texts[0] += f" {of_what}"  # says what the colours mean
        ax.bar_label(bars, texts, padding=3, fontsize=style.SMALL_POINTS, color=style.INK)
    style.segments_at_left(ax, profiles, names)
    ax.set_xlim(0, 1.15 * profiles[["share", "volume_share"]].to_numpy().max())
    ax.set_xticks([])
    style.frameless(ax)
    return figure
