"""How segments are distinguished in pictures: a colour and a shape that follow their number, month after month."""

from collections.abc import Iterable
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


def looks_of(cluster_ids: Iterable[int]) -> dict[int, Look]:
    """Return a look for each segment, which follows its number and not its size, so that it stays the same.

    The look is number ``cluster_id mod 45``, and the next free one where two segments share it. All differ up to 45.

    Args:
        cluster_ids: Of the segments that are seen together.
    """
    looks: dict[int, Look] = {}
    free = set(range(N_LOOKS))
    for cluster_id in sorted(cluster_ids):
        free = free or set(range(N_LOOKS))
        place = min(free, key=lambda place: (place - cluster_id) % N_LOOKS)
        free.discard(place)
        looks[cluster_id] = _look(place)
    return looks


def _look(place: int) -> Look:
    hue = place % len(PALETTE)
    return Look(PALETTE[hue], PALETTE_ON_DARK[hue], tuple(SHAPES)[place % len(SHAPES)])
