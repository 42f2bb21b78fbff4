"""What the service answers, with the units of every number."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.tables import DfuRow
from dfu_clustering.comparison.model import Comparison
from dfu_clustering.publishing.outcome import Transition
from dfu_clustering.runs.known_run import KnownRun
from dfu_clustering.runs.summaries import SegmentSummary

Label = Annotated[str, Field(description="cluster_assignment", examples=["high_volume_steady"])]
AsOfMonth = Annotated[
    str | None,
    Field(description="newest month that counted in the newest publish; null: none yet", examples=["2026-10"]),
]
ClusterId = Annotated[
    int | None,
    Field(description="number of the label, the same in every run; null: the published run does not know the label"),
]
Distance = Annotated[float, Field(description="to the segment's centroid, in the space in which DFUs are compared")]
Margin = Annotated[
    float | None,
    Field(
        description="distance to the nearest other centroid minus that to its own; negative where another centroid is "
        "nearer whose words are not true of it; null: there is no other"
    ),
]
Reason = Annotated[str | None, Field(description="why the segment has this label")]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)

    domain: Literal["dfu"] = "dfu"


class Cluster(BaseModel):
    """A segment in a few numbers."""

    cluster_id: ClusterId
    label: Label
    count: Annotated[int, Field(description="DFUs that have the label in the DFU table now")]
    pct_of_total: Annotated[float, Field(ge=0, le=100, description="percent (0-100) of total_assigned")]
    avg_demand: Annotated[
        float | None, Field(description="demand a month of a typical DFU: median of their mean_demand in the window")
    ]
    cv_demand: Annotated[
        float | None, Field(description="coefficient of variation of a typical DFU's monthly demand: their median")
    ]


class Clusters(_Answer):
    """All segments, the largest first."""

    total_assigned: Annotated[int, Field(description="DFUs with a label")]
    unassigned: Annotated[int, Field(description="DFUs without one")]
    as_of_month: AsOfMonth
    clusters: list[Cluster]


class DfuPage(_Answer):
    """Some of the rows of the DFU table that match the filters."""

    total: Annotated[int, Field(description="rows that match the filters, on all pages")]
    limit: int
    offset: int
    rows: list[DfuRow]


class Profiles(_Answer):
    """The segments of the published run, the largest first."""

    as_of_month: AsOfMonth
    run: Annotated[str, Field(description="name of the run, in its folder and in MLflow")]
    profiles: list[SegmentSummary]


class SegmentMember(BaseModel):
    """A DFU of a segment, as of the published run."""

    dfu_ck: str
    distance: Distance
    margin: Margin
    mean_demand: Annotated[float, Field(description="units a month")]


class SegmentMembers(_Answer):
    """The most typical DFUs of a segment, and those nearest to another one."""

    label: Label
    cluster_id: ClusterId
    as_of_month: AsOfMonth
    count: Annotated[int, Field(description="DFUs that have the label in the DFU table now")]
    reason: Reason
    typical: Annotated[list[SegmentMember], Field(description="nearest to the centroid, the nearest first")]
    borderline: Annotated[
        list[SegmentMember],
        Field(description="the others, smallest margin first"),
    ]


class MonthDemand(BaseModel):
    """Demand of one month."""

    month: Annotated[str, Field(examples=["2026-10"])]
    demand: Annotated[float, Field(description="sum of qty; never negative")]


class MonthLabel(BaseModel):
    """The label of a DFU when a month was the newest."""

    as_of_month: Annotated[str, Field(examples=["2026-10"])]
    label: Annotated[str | None, Field(description="null: it had none")]
    distance: Distance | None
    margin: Margin


class DfuChange(BaseModel):
    """What the last publish of a run changed of a DFU's label; null: not known."""

    label_before: Annotated[str | None, Field(description="null: it had none")]
    change: Annotated[str | None, Field(description="what made the difference", examples=["no longer steady"])]
    value: Annotated[str | None, Field(description="by which that is judged", examples=["CV"])]
    before: Annotated[float | None, Field(description="that value then")]
    after: Annotated[float | None, Field(description="that value now")]
    threshold: Annotated[float | None, Field(description="which it has passed, with the margin")]


class SetByHand(BaseModel):
    """The override by which a DFU has its label."""

    id: Annotated[str, Field(description="with which it can be ended", examples=["0123456789ab"])]
    owner: Annotated[str, Field(description="who has set it")]
    reason: Annotated[str, Field(description="why")]
    until_month: Annotated[str, Field(description="the last as-of month in which it holds", examples=["2027-03"])]
    entered_at: datetime


class Override(SetByHand):
    """Labels that a person has set."""

    label: Label
    dfus: Annotated[int, Field(description="DFUs that it is for")]
    dfu_cks: Annotated[list[str], Field(description="the first 100 of their keys")]
    published: Annotated[bool, Field(description="whether it is on top of the labels that are published")]
    agreeing: Annotated[
        int | None,
        Field(description="DFUs to which the published run gives the same label by itself; null: not published"),
    ]
    ended_by: Annotated[str | None, Field(description="who ended it before its last month; null: nobody has")]


class OverrideList(_Answer):
    """All overrides, the newest first."""

    as_of_month: AsOfMonth
    overrides: list[Override]


class Forecastability(BaseModel):
    """How forecastable the demand of a DFU is."""

    naive_wape: Annotated[
        float | None,
        Field(
            ge=0,
            description="errors of repeating last year's months over the last six months, as a share of their demand; "
            "null: no demand in them",
        ),
    ]
    explained_share: Annotated[
        float | None,
        Field(ge=0, le=1, description="of the variance of its demand that trend and season explain; null: no variance"),
    ]


class Dfu(_Answer):
    """One DFU: its row, its label with the reason, and what the published run knows of it."""

    dfu_ck: str
    label: Annotated[str | None, Field(description="cluster_assignment in the DFU table now; null: none")]
    cluster_id: Annotated[int | None, Field(description="number of its label in the published run; null: it has none")]
    machine_label: Annotated[
        str | None,
        Field(description="label by the published run, also where a person has set another; null: it has none"),
    ]
    override: Annotated[
        SetByHand | None, Field(description="who has set another label and why; null: the label is the run's")
    ]
    abc_class: Annotated[
        str | None,
        Field(
            description="A: the largest up to 80 % of the volume, B: up to 95 %, C; null: it has no label",
            examples=["A"],
        ),
    ]
    reason: Annotated[
        str | None,
        Field(
            description="why the run gave it this label: each word, its own value, the threshold",
            examples=["steady: CV 0.21 <= 0.3; high volume: 320 >= 254"],
        ),
    ]
    change: Annotated[
        DfuChange | None, Field(description="what the last publish changed of its label; null: nothing, or not kept")
    ]
    excluded_reason: Annotated[str | None, Field(description="why the run left it out; null: it did not")]
    as_of_month: AsOfMonth
    distance: Distance | None
    margin: Margin
    features: Annotated[
        dict[str, float | int | str | None] | None, Field(description="time-series features; null: not clustered")
    ]
    forecastability: Annotated[
        Forecastability | None, Field(description="how forecastable its demand is; null: not clustered, or not known")
    ]
    history: Annotated[list[MonthDemand], Field(description="since the first sale, the newest month last")]
    labels: Annotated[
        list[MonthLabel], Field(description="as of the last 24 months that were published, the newest last")
    ]
    attributes: Annotated[DfuRow, Field(description="the row of the DFU table")]


class Changes(_Answer):
    """What the last publish changed."""

    as_of_month: AsOfMonth
    run: str
    published_at: datetime
    updated: Annotated[int, Field(description="DFUs with another label than before, or with their first")]
    unchanged: Annotated[int, Field(description="DFUs that kept their label")]
    cleared: Annotated[int, Field(description="DFUs that lost their label and got none")]
    changes: Annotated[list[Transition], Field(description="all DFUs by old and new label, the largest group first")]


class Picture(BaseModel):
    """A picture of the published run."""

    name: Annotated[str, Field(examples=["cluster_sizes.png"])]
    title: str
    href: Annotated[str, Field(description="path on this host")]


class Pictures(_Answer):
    """The pictures of the published run."""

    as_of_month: AsOfMonth
    run: str
    pictures: list[Picture]


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """The service can answer."""

    status: Literal["ready"] = "ready"
    as_of_month: AsOfMonth


class Runs(_Answer):
    """Some of the runs that are known, the newest first."""

    total: Annotated[int, Field(description="runs of the kind, on all pages")]
    limit: int
    offset: int
    runs: list[KnownRun]


class RunComparison(Comparison):
    """What changed from one run to another, and why."""

    domain: Literal["dfu"] = "dfu"
