"""Figures hold the numbers that they were given, say them in words that fit, and leave no global state."""

import io
from collections import Counter
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axis import Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PatchCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from dfu_clustering.clusters.nominations import KSelection, KStatistics, Nominations
from dfu_clustering.figures.dfu_figures import plot_cluster_map, plot_typical_dfus
from dfu_clustering.figures.looks import PALETTE, SHAPES, looks_of, places_of
from dfu_clustering.figures.segment_figures import plot_k_selection, plot_profile_heatmap, plot_sizes
from dfu_clustering.figures.style import short, text_color_on
from dfu_clustering.labels.profiles import COMPARED_FEATURES

LONG_NAME = "intermittent_medium_volume_sparser_fading"


def xs(line: Line2D) -> list[float]:
    return np.asarray(line.get_xdata()).tolist()


def ys(line: Line2D) -> list[float]:
    return np.asarray(line.get_ydata()).tolist()


def selection_of(feasible_up_to: int = 6) -> KSelection:
    curves = tuple(
        KStatistics(
            k=k,
            wcss=900.0 / k,
            silhouette=0.5 - 0.1 * abs(k - 4),
            gap=1.0 - 1.0 / k,
            gap_standard_error=0.02,
            sizes=(60, 40 - 5 * k, 5 * k),
            feasible=k <= feasible_up_to,
        )
        for k in range(3, 8)
    )
    return KSelection(
        selected=5,
        nominations=Nominations(elbow=5, silhouette=4, gap=7),
        curves=curves,
        one_past=None,
        sample_size=100,
        silhouette_sample_size=100,
        warning=None,
    )


def profiles_of(k: int) -> pd.DataFrame:
    number = np.arange(1.0, k + 1)
    return pd.DataFrame(
        {
            "size": np.arange(k, 0, -1) * 1000,
            "share": number[::-1] / number.sum(),
            "volume_share": number / number.sum(),
            "mean_demand": 10.0 ** number.clip(max=6),
            "cv_demand": 0.2 * number,
            "zero_demand_pct": number / (2 * k),
            "sparsity_score": number,
            "cv2_demand": 0.1 * number,
            "seasonality_strength": number / k,
            "peak_month": 0.6 + number * 0.7,
            "peak_agreement": 0.8,
            "growth_rate": 0.25 * number,
            "log_growth": -0.1 * number,
        },
    ).rename_axis(index="cluster_id")


def scales_of() -> pd.DataFrame:
    return pd.DataFrame({"median": 0.0, "scale": 1.0}, index=list(COMPARED_FEATURES))


def histories_of(k: int, members: int = 5, n_months: int = 24) -> pd.DataFrame:
    months = np.datetime64("2025-12", "M") - np.arange(n_months - 1, -1, -1)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "cluster_id": cluster,
                    "rank": rank,
                    "dfu_ck": f"ITEM{cluster}_CUSTOMER GROUP WITH A LONG NAME_LOC{rank}",
                    "month": months.astype("datetime64[s]"),
                    "demand": np.arange(n_months, dtype=float) * (rank + 1),
                }
            )
            for cluster in range(k)
            for rank in range(members)
        ]
    )


def cloud_of(k: int) -> tuple[np.ndarray, np.ndarray]:
    cluster_id = np.repeat(np.arange(k), 40)
    spread = np.random.default_rng(0).normal(size=(len(cluster_id), 2))
    angle = cluster_id * (2 * np.pi / k)
    return spread + 4 * np.column_stack([np.cos(angle), np.sin(angle)]), cluster_id


def every_figure(k: int, name: str) -> dict[str, Figure]:
    names = dict.fromkeys(range(k), name)
    return {
        "k_selection": plot_k_selection(selection_of(), min_cluster_size_pct=1.0),
        "map": plot_cluster_map(*cloud_of(k), names, looks_of(range(k)), (0.4, 0.2), n_dfus=10_000),
        "heatmap": plot_profile_heatmap(profiles_of(k), scales_of(), names, peak_threshold=0.25),
        "sizes": plot_sizes(profiles_of(k), names),
        "typical": plot_typical_dfus(histories_of(k), profiles_of(k), names, window_months=24),
    }


def texts_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def test_k_selection_draws_the_curves_and_rings_the_nominations() -> None:
    figure = plot_k_selection(selection_of(), min_cluster_size_pct=1.0)
    wcss, silhouette, gap, smallest = figure.axes
    for ax, values, nominated in (
        (wcss, [300.0, 225.0, 180.0, 150.0, 900 / 7], (5, 180.0)),
        (silhouette, [0.4, 0.5, 0.4, 0.3, 0.2], (4, 0.5)),
        (gap, [2 / 3, 0.75, 0.8, 5 / 6, 6 / 7], (7, 6 / 7)),
    ):
        curve, ring = ax.lines[:2]
        assert xs(curve) == [3, 4, 5, 6, 7]
        assert ys(curve) == pytest.approx(values)
        assert [xs(ring)[0], ys(ring)[0]] == pytest.approx(nominated)
    assert ys(smallest.lines[0]) == pytest.approx([0.15, 0.2, 0.15, 0.1, 0.05])


def test_k_selection_marks_the_chosen_k_in_every_panel() -> None:
    figure = plot_k_selection(selection_of(), min_cluster_size_pct=1.0)
    for ax in figure.axes:
        assert any(xs(line) == [5, 5] for line in ax.lines)
    assert "5 clusters were chosen" in texts_of(figure)


def test_k_selection_shows_the_gap_with_its_standard_error() -> None:
    bars = plot_k_selection(selection_of(), min_cluster_size_pct=1.0).axes[2].collections[0]
    assert isinstance(bars, LineCollection)
    low, high = bars.get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((2 / 3 - 0.02, 2 / 3 + 0.02))


def test_k_selection_crosses_the_k_whose_smallest_cluster_is_too_small() -> None:
    smallest = plot_k_selection(selection_of(feasible_up_to=5), min_cluster_size_pct=12.5).axes[3]
    large_enough, too_small = smallest.lines[1:3]
    assert xs(large_enough) == [3, 4, 5]
    assert xs(too_small) == [6, 7]
    assert ys(smallest.lines[3]) == [0.125, 0.125]
    assert "12.5%" in smallest.get_title(loc="left")


def test_k_selection_says_when_no_k_is_feasible() -> None:
    texts = texts_of(plot_k_selection(selection_of(feasible_up_to=0), min_cluster_size_pct=40.0))
    assert any("the smallest K, since at no K all clusters are large enough" in text for text in texts)


def test_map_draws_every_dfu_in_the_colour_of_its_cluster() -> None:
    points, cluster_id = cloud_of(12)
    figure = plot_cluster_map(
        points, cluster_id, {i: f"cluster {i}" for i in range(12)}, looks_of(range(12)), (0.4, 0.25), n_dfus=len(points)
    )
    clouds = [c for c in figure.axes[0].findobj(PathCollection) if len(np.asarray(c.get_offsets()))]
    drawn = np.concatenate([cloud.get_offsets() for cloud in clouds])
    colors = np.concatenate([cloud.get_facecolor() for cloud in clouds])
    order = np.argsort(cluster_id % len(SHAPES), kind="stable")  # one cloud a shape
    assert drawn.tolist() == points[order].tolist()
    in_order = colors[np.argsort(order)]
    assert len(np.unique(in_order, axis=0)) == len(PALETTE)
    assert in_order[cluster_id == 9].tolist() == in_order[cluster_id == 0].tolist()  # the colours begin again


@pytest.mark.parametrize("cluster_ids", [range(45), range(0, 45 * 45, 45), (1304, 22, 71, 67, 112)])
def test_colour_and_shape_together_tell_45_clusters_apart(cluster_ids) -> None:
    assert len(set(looks_of(cluster_ids).values())) == len(cluster_ids)


def test_hues_come_before_signs() -> None:
    one_pattern = (32, 42, 43, 4109, 4209, 4210, 4310, 410810, 420810, 430810)  # a real panel of intermittent demand
    hues = Counter(look.color for look in looks_of(one_pattern).values())
    assert sorted(hues.values()) == [1] * 8 + [2]


def test_a_segment_keeps_its_look_whatever_segments_come_and_go() -> None:
    before = places_of([32, 42, 4109, 4209], {})
    after = places_of([11, 22, 32, 4109, 4209, 4210], before)
    assert {number: after[number] for number in (32, 4109, 4209)} == {n: before[n] for n in (32, 4109, 4209)}
    assert len({place % len(PALETTE) for place in after.values()}) == 6
    assert looks_of([32, 11], before)[32] == looks_of([32, 4109, 42], before)[32]


def test_more_than_45_segments_share_looks_evenly() -> None:
    assert set(Counter(looks_of(range(90)).values()).values()) == {2}


def test_map_names_each_cluster_once_with_its_share_and_numbers_it_at_its_median() -> None:
    points, cluster_id = cloud_of(4)
    figure = plot_cluster_map(
        points, cluster_id, {i: f"segment {i}" for i in range(4)}, looks_of(range(4)), (0.4, 0.25), n_dfus=len(points)
    )
    texts = texts_of(figure)
    assert [text for text in texts if text.startswith("segment")] == [f"segment {i}, 25%" for i in range(4)]
    badges = [text for text in figure.axes[0].texts if text.get_text() == "2"]
    assert badges[0].get_position() == pytest.approx(np.median(points[cluster_id == 2], axis=0), abs=1e-3)
    assert "Across: 40% of the differences" in texts
    assert any("65% of the differences" in text for text in texts)


def test_map_keeps_numbers_apart_where_clusters_coincide() -> None:
    points = np.random.default_rng(1).normal(size=(900, 2))
    figure = plot_cluster_map(
        points,
        np.arange(900) % 9,
        {i: f"cluster {i}" for i in range(9)},
        looks_of(range(9)),
        (0.5, 0.3),
        n_dfus=len(points),
    )
    at = np.array([text.get_position() for text in figure.axes[0].texts if text.get_text().isdigit()][:9])
    apart = (at[:, None] - at[None, :]) / np.ptp(points, axis=0)
    distance = np.hypot(apart[..., 0], apart[..., 1])[np.triu_indices(9, 1)]
    assert distance.min() > 0.04


def test_heatmap_writes_original_units_and_colours_distance_from_the_usual() -> None:
    profiles, scales = profiles_of(3), scales_of()
    scales.loc["growth_rate"] = [0.25, 0.5]  # growth 0.25, 0.5, 0.75: 0, 0.5 and 1 robust deviation above the usual
    figure = plot_profile_heatmap(profiles, scales, {0: "a", 1: "b", 2: "c"}, peak_threshold=0.5)
    ax = figure.axes[0]
    (image,) = ax.images
    assert np.asarray(image.get_array())[:, 6].tolist() == pytest.approx([0.0, 0.5, 1.0])
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    assert [cells[column, 1] for column in range(9)] == [
        "100", "0.40", "33%", "2.0", "0.20", "0.67", "+50%", "-0.20", "Feb",
    ]  # fmt: skip
    assert cells[8, 0] == "–"  # seasonality 0.33 is below the threshold
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]


def test_heatmap_leaves_what_is_undefined_blank() -> None:
    profiles = profiles_of(2).assign(growth_rate=[np.nan, 0.1], peak_month=[np.nan, 3.0])
    ax = plot_profile_heatmap(profiles, scales_of(), {0: "a", 1: "b"}, peak_threshold=0.0).axes[0]
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    assert (cells[6, 0], cells[8, 0], cells[8, 1]) == ("–", "–", "Mar")


def test_sizes_puts_the_share_of_dfus_beside_the_share_of_volume() -> None:
    figure = plot_sizes(profiles_of(3), {0: "a", 1: "b", 2: "c"})
    dfus, volume = figure.axes[0].containers
    assert [bar.get_width() for bar in dfus] == pytest.approx([3 / 6, 2 / 6, 1 / 6])
    assert [bar.get_width() for bar in volume] == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert {"50.0% of the DFUs", "16.7% of the volume", "33.3%", "16.7%", "50.0%"} <= set(texts_of(figure))


def test_typical_dfus_draw_each_history_from_zero_to_its_own_largest_month() -> None:
    figure = plot_typical_dfus(histories_of(2, members=3), profiles_of(2), {0: "a", 1: "b"}, window_months=24)
    frame, lines = figure.axes[0].findobj(LineCollection)
    segments = lines.get_segments()
    assert len(segments) == 6
    for number, line in enumerate(segments):
        row, column = divmod(number, 3)
        floor = row + 0.32
        assert line[[0, -1], 0] == pytest.approx([column * 1.08, column * 1.08 + 1])
        assert (floor - line[:, 1]) / 0.55 == pytest.approx(np.arange(24) / 23)
    zero_lines = [line for line in frame.get_segments() if line[0, 1] == line[1, 1]]
    assert [line[0].tolist() for line in zero_lines[:2]] == [[0.0, 0.32], [1.08, 0.32]]
    assert {"a\n2,000 DFUs, 67%", "b\n1,000 DFUs, 33%", "max 23", "max 69"} <= set(texts_of(figure))


def test_typical_dfus_place_a_short_history_at_its_own_months_and_mark_januaries() -> None:
    histories = pd.concat([histories_of(1, 1, 24), histories_of(1, 1, 12).assign(rank=1)])
    ax = plot_typical_dfus(histories, profiles_of(1), {0: "a"}, window_months=24).axes[0]
    short_line = ax.findobj(LineCollection)[1].get_segments()[1]
    assert short_line[[0, -1], 0] == pytest.approx([1.08 + 12 / 23, 2.08])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2024", "2025"] * 2
    assert ax.get_xticks().tolist() == pytest.approx([0.0, 12 / 23, 1.08, 1.08 + 12 / 23])


def test_typical_dfus_shade_the_months_that_were_clustered() -> None:
    ax = plot_typical_dfus(histories_of(1, 1, 24), profiles_of(1), {0: "a"}, window_months=12).axes[0]
    (shade,) = ax.findobj(PatchCollection)
    corners = np.asarray(shade.get_paths()[0].vertices)
    assert (corners[:, 0].min(), corners[:, 0].max()) == pytest.approx((12 / 23, 1.0))


def test_typical_dfus_without_demand_lie_on_the_zero_line() -> None:
    histories = histories_of(1, 1).assign(demand=0.0)
    ax = plot_typical_dfus(histories, profiles_of(1), {0: "a"}, window_months=24).axes[0]
    assert set(ax.findobj(LineCollection)[1].get_segments()[0][:, 1]) == {0.32}


def test_long_histories_name_at_most_five_years() -> None:
    ax = plot_typical_dfus(histories_of(1, 1, 200), profiles_of(1), {0: "a"}, window_months=24).axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2010", "2014", "2018", "2022"]


@pytest.mark.parametrize("k", [1, 3, 15])
def test_no_text_is_clipped_and_no_texts_overlap(k: int) -> None:
    for title, figure in every_figure(k, LONG_NAME).items():
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        frame = figure.bbox
        boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in _shown_texts(figure)]
        for text, box in boxes:
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            assert inside, (title, text)
        pairs = combinations(boxes, 2)
        assert [(title, one, other) for (one, box), (other, beside) in pairs if box.overlaps(beside)] == []
        assert sum(LONG_NAME in text for text, _ in boxes) == (0 if title == "k_selection" else k)


def test_same_data_gives_the_same_bytes() -> None:
    once, again = every_figure(3, "cluster"), every_figure(3, "cluster")
    assert all(png(once[title]) == png(again[title]) for title in once)


def test_pyplot_knows_nothing_of_the_figures() -> None:
    from matplotlib._pylab_helpers import Gcf

    every_figure(2, "cluster")
    assert Gcf.get_all_fig_managers() == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.08333, "0.0833"), (12.34, "12.3"), (163.2, "163"), (1640.4, "1,640"), (15_912.0, "15.9k"), (4.5e6, "4.5M")],
)
def test_quantities_are_written_short(value: float, text: str) -> None:
    assert short(value) == text


def test_text_is_black_on_light_and_white_on_dark() -> None:
    assert text_color_on("#88CCEE") == "#222222"
    assert text_color_on("#332288") == "white"


def _shown_texts(figure: Figure) -> list[Text]:
    texts = list(figure.texts)
    for ax in figure.axes:
        texts += [*ax.texts, ax.xaxis.label, ax.yaxis.label]
        texts += [text for text in ax.get_children() if isinstance(text, Text) and text not in ax.texts]
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [
                label for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high for label in _labels(tick)
            ]
    return [text for text in texts if text.get_text().strip() and text.get_visible()]


def _labels(tick: Tick) -> tuple[Text, Text]:
    return tick.label1, tick.label2
