"""The closed list of words that labels are made of: tiers, patterns, traits, and the two labels of a DFU's life.

A label is a sentence of these words. Its number is made of the numbers of its words, so that it is bound to the text
for good: the same label has the same number in every run, of every warehouse, after any restore.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from typing import Final, Literal

Tier = Literal["low", "medium", "high"]

TIERS: Final[tuple[Tier, ...]] = ("low", "medium", "high")
SEASONAL, GROWING, DECLINING, INTERMITTENT = "seasonal", "growing", "declining", "intermittent"
VOLATILE, STEADY, PLAIN = "volatile", "steady", "plain"
NEW, INACTIVE = "new", "inactive"
LIFECYCLE: Final = (NEW, INACTIVE)

# How a pattern is written into a label, in the order in which patterns are looked for, and its number. Numbers are kept
# for good: a new pattern takes a new one.
_TEXTS: Final = {
    SEASONAL: ("seasonal_{tier}_volume", 1),
    GROWING: ("{tier}_volume_growing", 2),
    DECLINING: ("{tier}_volume_declining", 3),
    INTERMITTENT: ("intermittent_{tier}_volume", 4),
    VOLATILE: ("{tier}_volume_volatile", 5),
    STEADY: ("{tier}_volume_steady", 6),
    PLAIN: ("{tier}_volume", 7),
    NEW: ("new_{tier}_volume", 8),
    INACTIVE: ("inactive", 9),
}
PATTERN_NAMES: Final = (SEASONAL, GROWING, DECLINING, INTERMITTENT, VOLATILE, STEADY, PLAIN)
TRAIT_NUMBERS: Final = {  # in the order in which trait words are written
    **{f"peak_q{quarter}": quarter for quarter in (1, 2, 3, 4)},
    "rising": 5,
    "fading": 6,
    "erratic": 7,
    "regular": 8,
    "sparser": 9,
    "denser": 10,
}
TRAIT_FAMILIES: Final = {  # of each family a label has one word at most
    "peak": ("peak_q1", "peak_q2", "peak_q3", "peak_q4"),
    "momentum": ("rising", "fading"),
    "regularity": ("erratic", "regular"),
    "density": ("sparser", "denser"),
}
MOST_TRAITS: Final = 2


@dataclass(frozen=True, order=True)
class Label:
    """A label by its words.

    Attributes:
        pattern: One of PATTERN_NAMES or LIFECYCLE.
        tier: One of TIERS; of INACTIVE any, it is not written.
        traits: Up to MOST_TRAITS words of TRAIT_NUMBERS, in that order, that distinguish it from others of its pattern.
    """

    pattern: str
    tier: Tier
    traits: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """Return the text without traits: ``seasonal_high_volume``."""
        return _TEXTS[self.pattern][0].format(tier=self.tier)

    @property
    def text(self) -> str:
        """Return the label as it is published: ``seasonal_high_volume_peak_q4``."""
        return "_".join((self.base, *self.traits))

    @property
    def segment_id(self) -> int:
        """Return the number of the text: one digit each for pattern and tier, then two for every trait.

        1304 is seasonal (1), high (3), peak_q4 (04); 9 alone is inactive.
        """
        number = _TEXTS[self.pattern][1]
        if self.pattern == INACTIVE:
            return number
        number = 10 * number + TIERS.index(self.tier) + 1
        for trait in self.traits:
            number = 100 * number + TRAIT_NUMBERS[trait]
        return number


def _trait_texts() -> Iterator[tuple[str, ...]]:
    """Yield what may stand behind a pattern: no word, or up to MOST_TRAITS of different families."""
    for n in range(MOST_TRAITS + 1):
        for families in combinations(TRAIT_FAMILIES.values(), n):
            yield from product(*families)


def _labels() -> Iterator[Label]:
    for traits in _trait_texts():
        yield from (Label(pattern, tier, traits) for pattern in PATTERN_NAMES for tier in TIERS)
    yield from (Label(NEW, tier) for tier in TIERS)
    yield Label(INACTIVE, "low")


LABELS: Final = {label.text: label for label in _labels()}  # all that there are, by text
LIFECYCLE_LABELS: Final = tuple(text for text, label in LABELS.items() if label.pattern in LIFECYCLE)


def is_known(label: Label) -> bool:
    """Return whether a label is one of the closed list, with its words in their order."""
    return LABELS.get(label.text) == label


def label_pattern() -> str:
    """Return the regular expression of the texts of all labels; two words at most is more than it can say."""
    tier = f"(?:{'|'.join(TIERS)})"
    clustered = "|".join(sorted({_TEXTS[pattern][0].format(tier=tier) for pattern in PATTERN_NAMES}))
    others = "|".join(_TEXTS[pattern][0].format(tier=tier) for pattern in LIFECYCLE)
    traits = "".join(f"(?:_(?:{'|'.join(words)}))?" for words in TRAIT_FAMILIES.values())
    return rf"^(?:(?:{clustered}){traits}|{others})$"
