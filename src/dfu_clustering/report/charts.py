"""What the charts of a report draw: it goes into the page as JSON."""

from pydantic import BaseModel, ConfigDict

from dfu_clustering.publishing.outcome import Transition


class Part(BaseModel):
    """A part of what a report says, frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Mark(Part):
    """How a segment is distinguished: number, name, colour in light and dark, and a shape where colours repeat."""

    id: int
    label: str
    title: str
    light: str
    dark: str
    shape: str


class Band(Part):
    """Quartiles and mean of demand by month, each DFU divided by its own mean; None where few have begun.

    Attributes:
        selling: Share (0-1) of the DFUs that sell in a month; None: most sell in most months, so the quartiles say it.
        sizes: Quartiles of what a DFU sells in a month in which it sells, units; None as above, or nobody sells.
    """

    low: list[float | None]
    mid: list[float | None]
    high: list[float | None]
    mean: list[float | None]
    dfus: int
    selling: list[float | None] | None = None
    sizes: tuple[float, float, float] | None = None


class SampledDfu(Part):
    """A DFU that the page can show by itself.

    Attributes:
        key: Its dfu_ck.
        segment: Number of its segment.
        mean: Mean demand a month.
        abc: A, B or C by its share of all volume; empty where that is not known.
        reason: Why it is called so, with its own values.
        own: The words that are true of it by itself; empty where they are not known.
        near: To which other segment it is near, and what that one asks; empty where to none.
        earlier: Places in ``earlier_labels`` of its labels by month; None where it had none.
        at: Its place on the map, where it is on it.
        demand: By month, None before the first sale; empty where the demand is not at hand.
    """

    key: str
    segment: int
    mean: float
    abc: str
    reason: str
    own: str = ""
    near: str = ""
    earlier: list[int | None] = []
    at: tuple[float, float] | None
    demand: list[float | None]


class KPoint(Part):
    """What was measured at one K."""

    k: int
    wcss: float
    silhouette: float
    gap: float
    gap_low: float
    gap_high: float
    smallest_share: float
    feasible: bool


class KCurves(Part):
    """The curves behind the number of clusters."""

    points: list[KPoint]
    nominations: dict[str, int]
    selected: int
    least_share: float


class Charts(Part):
    """What the page draws, as JSON in it.

    Attributes:
        months: Of bands and demand, ``2026-10``.
        window_months: Newest months, which were clustered.
        bands: By segment.
        typical: Positions in ``sample`` of the DFUs nearest to each segment's centre.
        earlier_months: Months before this one that were published.
        earlier_labels: The labels that DFUs had in them.
        borderline: Positions of those nearest to another segment, or farthest from their own centre.
    """

    marks: list[Mark]
    months: list[str]
    window_months: int
    bands: list[Band]
    sample: list[SampledDfu]
    typical: list[list[int]]
    borderline: list[list[int]]
    earlier_months: list[str]
    earlier_labels: list[str]
    map_shares: tuple[float, float] | None
    k_curves: KCurves
    flows: list[Transition]
