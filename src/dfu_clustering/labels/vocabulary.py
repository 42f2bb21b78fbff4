"""The closed list of words that labels are made of: tiers, patterns, traits, and the two labels of a DFU's life.

A label is a sentence of these words. Its number is made of the numbers of its words, so that it is bound to the text
for good: the same label has the same number in every run, of every warehouse, after any restore.
"""

from dataclasses import dataclass
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
TRAIT_NUMBERS: Final = {
    **{f"peak_q{quarter}": quarter for quarter in (1, 2, 3, 4)},
    "rising": 5,
    "fading": 6,
    "erratic": 7,
    "regular": 8,
    "sparser": 9,
    "denser": 10,
}


@dataclass(frozen=True, order=True)
class Label:
    """A label by its words.

    Attributes:
        pattern: One of PATTERN_NAMES or LIFECYCLE.
        tier: One of TIERS; of INACTIVE any, it is not written.
        traits: Words of TRAIT_NUMBERS that tell it from other segments of its pattern.
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


def label_pattern() -> str:
    """Return the regular expression of all labels that the words can make."""
    tier = f"(?:{'|'.join(TIERS)})"
    clustered = "|".join(sorted({_TEXTS[pattern][0].format(tier=tier) for pattern in PATTERN_NAMES}))
    others = "|".join(_TEXTS[pattern][0].format(tier=tier) for pattern in LIFECYCLE)
    return rf"^(?:(?:{clustered})(?:_(?:{'|'.join(TRAIT_NUMBERS)}))*|{others})$"


def parse_label(text: str) -> Label | None:
    """Return the words of a published label; None where it is not made of these words."""
    found: Label | None = None
    for pattern in _TEXTS:
        for tier in TIERS:
            base = Label(pattern, tier)
            traits = _traits(text.removeprefix(base.text)) if text.startswith(base.text) else None
            if traits is None or (traits and pattern in LIFECYCLE):
                continue
            if found is None or len(base.text) > len(found.base):
                found = Label(pattern, tier, traits)
    return found


def _traits(suffix: str) -> tuple[str, ...] | None:
    """Return the words of ``_peak_q4_rising``; None where there are others."""
    words: list[str] = []
    while suffix:
        word = next((word for word in TRAIT_NUMBERS if suffix.startswith(f"_{word}")), None)
        if word is None:
            return None
        words.append(word)
        suffix = suffix.removeprefix(f"_{word}")
    return tuple(words)
