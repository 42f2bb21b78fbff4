"""What all pictures share: colours, type sizes, frame and heading."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.typing import ColorType

from dfu_clustering.figures.looks import PALETTE

Names = Mapping[int, str]  # cluster_id to the text that stands for it

INK, MUTED, FAINT = "#222222", "#666666", "#DDDDDD"
SHADE = "#F1EEF6"  # behind what counts
ACCENT, CONTRAST = PALETTE[0], PALETTE[1]
TITLE_POINTS, TEXT_POINTS, SMALL_POINTS = 14.0, 9.5, 8.0

_LUMINANCE = (0.2126, 0.7152, 0.0722)
_WIDTH_INCHES = 12.0
_HEADER_INCHES = 0.8
_MARGIN_INCHES = 0.15


def new_figure(height_inches: float, title: str, subtitle: str) -> Figure:
    """Return an empty figure of the common width with its heading; the axes arrange themselves below it."""
    width, height = _WIDTH_INCHES, height_inches + _HEADER_INCHES
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    side, floor = _MARGIN_INCHES / width, _MARGIN_INCHES / height
    figure.set_layout_engine("constrained", rect=(side, floor, 1 - 2 * side, height_inches / height - floor))
    left = 2 * side
    figure.text(left, 1 - 0.15 / height, title, fontsize=TITLE_POINTS, weight="bold", color=INK, va="top")
    figure.text(left, 1 - 0.45 / height, subtitle, fontsize=TEXT_POINTS, color=MUTED, va="top")
    return figure


def bare(ax: Axes) -> None:
    """Leave an axes with thin lines at the left and below only."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.tick_params(labelsize=SMALL_POINTS, color=FAINT, labelcolor=INK)


def frameless(ax: Axes) -> None:
    """Leave an axes without lines, with its tick labels only."""
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labelsize=TEXT_POINTS, labelcolor=INK)


def segments_at_left(ax: Axes, profiles: pd.DataFrame, names: Names) -> None:
    """Give each cluster of the profiles a row 0, 1, … from the top, with its name at the left."""
    ax.set_yticks(range(len(profiles)), [names[cluster] for cluster in profiles.index])
    ax.set_ylim(len(profiles) - 0.5, -0.5)


def text_color_on(background: ColorType) -> str:
    """Return black or white, whichever is readable on a colour (relative luminance, WCAG 2)."""
    luminance = sum(weight * _linear(channel) for weight, channel in zip(_LUMINANCE, to_rgb(background), strict=True))
    return INK if luminance > 0.179 else "white"  # equal contrast with black and white


def short(value: float) -> str:
    """Return a quantity with 3 significant digits: 0.0833, 12.3, 1,640, 12.3k, 4.5M."""
    for unit_from, unit, sign in ((1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= unit_from:
            return f"{value / unit:.3g}{sign}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
