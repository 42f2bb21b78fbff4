"""What a run records of how its segments continue the published ones."""

from typing import Final

from dfu_clustering.files.summary import Summary

FROM_SCRATCH: Final = (  # what to do where a published model cannot be read
    "make labels from scratch: give the flow an override_reason, or leave out --published of the programs"
)


class Continuity(Summary):
    """How the segments continue the published ones.

    Attributes:
        published_run: The run that they continue.
        refit: Whether the clusters were fitted again.
        reason: Why, or why not.
        psi: Population stability index by column of the published space; empty where that is not used any more.
        far_share: Share (0-1) of the DFUs further out than 99 % of those fitted on; None where that is not known.
        held_share: Share (0-1) of the DFUs that keep their label although one of its words is not strictly true.
    """

    published_run: str
    refit: bool
    reason: str
    psi: dict[str, float]
    far_share: float | None
    held_share: float
