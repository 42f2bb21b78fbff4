"""What is compared: forecasters that differ by their columns alone, each with the control that says why it is better.

Columns help for reasons that have nothing to do with segments: a random partition lets trees overfit less or more, an
index averages out noise whatever it is shrunk to. So each arm names the arm that has the same but the meaning.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Block(StrEnum):
    """Columns that come and go together; every arm has those of the base as well."""

    SEGMENT = "segment"  # the origin's segments, applied backwards
    RANDOM_GROUP = "random group"
    FEATURES = "features"
    OWN_INDEX = "own index"
    INDEX_TO_SEGMENT = "index shrunk to the segment"
    INDEX_TO_RANDOM = "index shrunk to the random group"
    INDEX_TO_ALL = "index shrunk to all"


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        name: For tables, metrics and files.
        what: What it trains on, as the end of "train on …".
        blocks: Columns beside those of the base.
        control: Name of the arm with the same but the meaning; None: of the base and of controls themselves.
        models_by: The groups that have a model each; None: one model of all.
    """

    name: str
    what: str
    blocks: tuple[Block, ...] = ()
    control: str | None = None
    models_by: Block | None = None


BASE: Final = Arm("base", "demand alone")
RECOMMENDED: Final = Arm(
    "recommended",
    "the seasonal index shrunk to the segment, and the segment applied backwards",
    (Block.INDEX_TO_SEGMENT, Block.SEGMENT),
    control="recommended, random groups",
)
ARMS: Final = (
    BASE,
    RECOMMENDED,
    Arm("index to segment", "the seasonal index shrunk to the segment", (Block.INDEX_TO_SEGMENT,), "index to random"),
    Arm("index to all", "the seasonal index shrunk to that of all DFUs", (Block.INDEX_TO_ALL,), "base"),
    Arm("own index", "the DFU's own seasonal index", (Block.OWN_INDEX,), "base"),
    Arm("segment", "the segment applied backwards", (Block.SEGMENT,), "random partition"),
    Arm("features", "the features of each as-of month", (Block.FEATURES,), "base"),
    Arm("model a segment", "one model for each segment", (), "model a random group", Block.SEGMENT),
    Arm("random partition", "a random partition of the same sizes", (Block.RANDOM_GROUP,)),
    Arm("index to random", "the seasonal index shrunk to random groups", (Block.INDEX_TO_RANDOM,)),
    Arm(
        "recommended, random groups",
        "the seasonal index shrunk to random groups, and the group",
        (Block.INDEX_TO_RANDOM, Block.RANDOM_GROUP),
    ),
    Arm("model a random group", "one model for each random group", (), models_by=Block.RANDOM_GROUP),
)
BY_NAME: Final = {arm.name: arm for arm in ARMS}
JUDGED: Final = tuple(arm for arm in ARMS if arm.control is not None)  # the sooner, the rather it is recommended
