"""How segments are distinguished in pictures: a colour and a shape, which a segment keeps month after month."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

# Paul Tol's "muted" scheme, safe for colour-blind readers, and the same hues where the ground is dark
PALETTE: Final = (
    "#332288", "#CC6677", "#117733", "#88CCEE", "#DDCC77", "#882255", "#44AA99", "#999933", "#AA4499",
)  # fmt: skip
PALETTE_ON_DARK: Final = (
    "#8F85F0", "#E8899A", "#3FA968", "#9ADAF5", "#E6D88F", "#D4608F", "#5FCBB8", "#BDBD55", "#D07CC4",
)  # fmt: skip
SHAPES: Final = {"circle": "o", "triangle": "^", "square": "s", "diamond": "D", "cross": "P"}  # matplotlib's sign
N_LOOKS: Final = len(PALETTE) * len(SHAPES)  # 5 and 9 have no common factor, so that all 45 pairs come up


@dataclass(frozen=True)
class Look:
    """How one segment is drawn.

    Attributes:
        color: On a light ground.
        color_on_dark: The same hue where the ground is dark.
        shape: Name of its sign, one of SHAPES.
    """

    color: str
    color_on_dark: str
    shape: str

    @property
    def marker(self) -> str:
        """Return matplotlib's sign of the shape."""
        return SHAPES[self.shape]


def places_of(cluster_ids: Iterable[int], kept: Mapping[int, int]) -> dict[int, int]:
    """Return the number of each segment's look, 0 to 44: hue ``number mod 9``, shape ``number mod 5``.

    A segment keeps the look that it has. Another gets one that no other has, first of a hue that fewest others have,
    then the next from its own number on: nine segments have nine hues, 45 have 45 looks.

    Args:
        cluster_ids: Of the segments that are seen together.
        kept: Looks of segments before, by their number.
    """
    wanted = sorted(cluster_ids)
    places = {cluster_id: kept[cluster_id] for cluster_id in wanted if cluster_id in kept}
    for cluster_id in wanted:
        if cluster_id not in places:
            places[cluster_id] = _free_place(cluster_id, Counter(places.values()))
    return places


def _free_place(cluster_id: int, taken: Counter[int]) -> int:
    hues: Counter[int] = Counter()
    for place, segments in taken.items():
        hues[place % len(PALETTE)] += segments
    order = [(cluster_id + step) % N_LOOKS for step in range(N_LOOKS)]
    return min(order, key=lambda place: (taken[place], hues[place % len(PALETTE)]))


def looks_of(cluster_ids: Iterable[int], kept: Mapping[int, int] | None = None) -> dict[int, Look]:
    """Return a look for each segment; see places_of()."""
    return {cluster_id: _look(place) for cluster_id, place in places_of(cluster_ids, kept or {}).items()}


def _look(place: int) -> Look:
    hue = place % len(PALETTE)
    return Look(PALETTE[hue], PALETTE_ON_DARK[hue], tuple(SHAPES)[place % len(SHAPES)])
