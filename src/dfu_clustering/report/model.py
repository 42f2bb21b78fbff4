"""What one report says: one frozen tree of values that are ready to be shown.

Texts are plain: the page escapes them. What charts draw is apart (``charts``), because it goes into the page as JSON.
"""

from typing import Literal

from pydantic import Field

from dfu_clustering.publishing.outcome import Transition
from dfu_clustering.report.charts import Charts, Part
from dfu_clustering.report.overrides import Overridden
from dfu_clustering.report.worth import Worth

Status = Literal["published", "dry_run", "waiting", "refused", "not_published"]


class Fact(Part):
    """A number with its name; ``hint`` says what it means where the name does not."""

    name: str
    value: str
    hint: str = ""


class Segment(Part):
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


class TierCell(Part):
    """The segments of one pattern and tier: DFUs and shares (0-1) of the clustered DFUs and of their volume."""

    dfus: int
    share: float
    volume_share: float
    numbers: list[int]


class PatternRow(Part):
    """A pattern, with its traits, and its cells from high to low volume; None where there is no such segment."""

    title: str
    cells: list[TierCell | None]


class HeatCell(Part):
    """A median and how unusual it is: -1 (far below the usual) to 1 (far above), None where it says nothing."""

    text: str
    value: float | None
    unusual: float | None


class HeatRow(Part):
    """A segment's row of the heat map, in the order of the headings."""

    number: int
    cells: list[HeatCell]


class HeatMap(Part):
    """Medians of the segments, coloured by their distance from those of all DFUs.

    Attributes:
        headings: Of the columns.
        terms: What each column says.
        rows: A segment each.
    """

    headings: list[str]
    terms: list[Fact]
    rows: list[HeatRow]


class ChangedDfu(Part):
    """A DFU that changed its label, the word that ended or took over, and how the value behind it changed."""

    dfu_ck: str
    old_label: str
    new_label: str
    change: str
    feature: str
    before: str
    after: str
    threshold: str


class Changes(Part):
    """What a publish changes against the labels that were in dim_dfu before.

    Attributes:
        first: Whether no DFU had a label before.
        kept: DFUs that keep their label.
        moved: DFUs that go from one label to another.
        gained: DFUs that had no label.
        lost: DFUs whose label is taken away.
        flows: DFUs by old and new label, those that move first; without those that have none before and after.
        compared_with: The run whose labels these continue; None: there is none.
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
    compared_with: str | None
    not_continued: str | None
    facts: list[Fact]
    moved_dfus: list[ChangedDfu]
    moved_dfus_total: int


class Finding(Part):
    """An expectation that failed."""

    suite: str
    severity: str
    description: str
    observed: str
    allowed: str
    keys: str


class SuiteResult(Part):
    """How a suite of expectations turned out."""

    suite: str
    outcome: str
    judged: int
    failed: int
    not_judged: int
    override_reason: str | None


class Exclusion(Part):
    """Why DFUs have no label, and how many."""

    reason: str
    meaning: str
    dfus: int


class DataQuality(Part):
    """What the gates found, which DFUs were left out, and what was odd about the sales."""

    suites: list[SuiteResult]
    findings: list[Finding]
    exclusions: list[Exclusion]
    sales: list[Fact]


class Parameters(Part):
    """Settings of one part of the configuration."""

    heading: str
    facts: list[Fact]


class KChoice(Part):
    """How the number of clusters came about, in words; the curves are with the charts."""

    selected: int
    final: int
    nominations: list[Fact]
    explanation: str
    notes: list[str]


class Headline(Part):
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


class Report(Part):
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
    overridden: Overridden | None
    quality: DataQuality
    k_choice: KChoice
    worth: Worth
    parameters: list[Parameters]
    provenance: list[Fact]
    map_dfus: int
    charts: Charts = Field(repr=False)
