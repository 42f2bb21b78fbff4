"""What one report says: one frozen tree of values that are ready to be shown.

Texts are plain: the page escapes them. What charts draw is apart (``Charts``), because it goes into the page as JSON.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from dfu_clustering.publishing.outcome import Transition
from dfu_clustering.report.worth import Worth

Status = Literal["published", "dry_run", "not_published"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fact(_Part):
    """A number with its name; ``hint`` says what it means where the name does not."""

    name: str
    value: str
    hint: str = ""


class Segment(_Part):
    """One segment as its card shows it.

    Attributes:
        number: Its place by size on this page.
        true_share: Share (0-1) of its DFUs for which all words are strictly true; None where that is not known.
        title: The label in words.
        words: What is typical of its DFUs, a phrase each.
        reason: Why it is called so, a rule each.
        facts: Medians of its DFUs.
        gained: DFUs that came from another label or none; None where nothing was published.
        lost: DFUs that had this label and no longer have it; None where nothing was published.
    """

    number: int
    cluster_id: int
    label: str
    title: str
    size: int
    share: float
    volume_share: float
    true_share: float | None
    words: list[str]
    reason: list[str]
    facts: list[Fact]
    gained: int | None
    lost: int | None


class TierCell(_Part):
    """The segments of one pattern and tier: DFUs and shares (0-1) of the clustered DFUs and of their volume."""

    dfus: int
    share: float
    volume_share: float
    numbers: list[int]


class PatternRow(_Part):
    """A pattern, with its traits, and its cells from high to low volume; None where there is no such segment."""

    title: str
    cells: list[TierCell | None]


class HeatCell(_Part):
    """A median and how unusual it is: -1 (far below the usual) to 1 (far above), None where it says nothing."""

    text: str
    value: float | None
    unusual: float | None


class HeatRow(_Part):
    """A segment's row of the heat map, in the order of the headings."""

    number: int
    cells: list[HeatCell]


class HeatMap(_Part):
    """Medians of the segments, coloured by their distance from those of all DFUs.

    Attributes:
        headings: Of the columns.
        terms: What each column says.
        rows: A segment each.
    """

    headings: list[str]
    terms: list[Fact]
    rows: list[HeatRow]


class ChangedDfu(_Part):
    """A DFU that changed its label, the word that ended or took over, and how the value behind it changed."""

    dfu_ck: str
    old_label: str
    new_label: str
    word: str
    feature: str
    before: str
    after: str
    threshold: str


class Changes(_Part):
    """What a publish changes against the labels that were in dim_dfu before.

    Attributes:
        first: Whether no DFU had a label before.
        kept: DFUs that keep their label.
        moved: DFUs that go from one label to another.
        gained: DFUs that had no label.
        lost: DFUs whose label is taken away.
        flows: DFUs by old and new label, those that move first; without those that have none before and after.
        not_continued: Why the labels do not continue the published ones; None: they do, or there are none.
        facts: What was measured against the published run.
        moved_dfus: Some of the DFUs that moved.
        moved_dfus_total: How many are known by name.
    """

    first: bool
    kept: int
    moved: int
    gained: int
    lost: int
    flows: list[Transition]
    not_continued: str | None
    facts: list[Fact]
    moved_dfus: list[ChangedDfu]
    moved_dfus_total: int


class Finding(_Part):
    """An expectation that failed."""

    suite: str
    severity: str
    description: str
    observed: str
    allowed: str
    keys: str


class SuiteResult(_Part):
    """How a suite of expectations turned out."""

    suite: str
    outcome: str
    judged: int
    failed: int
    not_judged: int
    override_reason: str | None


class Exclusion(_Part):
    """Why DFUs have no label, and how many."""

    reason: str
    meaning: str
    dfus: int


class DataQuality(_Part):
    """What the gates found, which DFUs were left out, and what was odd about the sales."""

    suites: list[SuiteResult]
    findings: list[Finding]
    exclusions: list[Exclusion]
    sales: list[Fact]


class Parameters(_Part):
    """Settings of one part of the configuration."""

    heading: str
    facts: list[Fact]


class KChoice(_Part):
    """How the number of clusters came about, in words; the curves are with the charts."""

    selected: int
    final: int
    nominations: list[Fact]
    explanation: str
    notes: list[str]


class Headline(_Part):
    """The numbers that come first."""

    n_dfus: int
    clustered: int
    left_out: int
    segments: int
    labelled: int
    true_share: float
    within_margin_share: float
    failed_expectations: int
    warned_expectations: int


class Mark(_Part):
    """How a segment is distinguished: number, name, colour in light and dark, and a shape where colours repeat."""

    id: int
    label: str
    title: str
    light: str
    dark: str
    shape: str


class Band(_Part):
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


class SampledDfu(_Part):
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


class KPoint(_Part):
    """What was measured at one K."""

    k: int
    wcss: float
    silhouette: float
    gap: float
    gap_low: float
    gap_high: float
    smallest_share: float
    feasible: bool


class KCurves(_Part):
    """The curves behind the number of clusters."""

    points: list[KPoint]
    nominations: dict[str, int]
    selected: int
    least_share: float


class Charts(_Part):
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


class Report(_Part):
    """Everything that the page of a run says.

    Attributes:
        folder: Of the run, for a program.
    """

    as_of: str
    as_of_month: str
    status: Status
    run_name: str | None
    folder: str
    dfu_table: str
    headline: Headline
    segments: list[Segment]
    matrix: list[PatternRow]
    heat_map: HeatMap
    changes: Changes | None
    quality: DataQuality
    k_choice: KChoice
    worth: Worth
    parameters: list[Parameters]
    provenance: list[Fact]
    map_dfus: int
    charts: Charts = Field(repr=False)
