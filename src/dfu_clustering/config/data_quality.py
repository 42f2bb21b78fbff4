"""How far data may stray before a run warns or stops: the section ``data_quality`` of the configuration."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of the configuration: frozen, and no key is unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(Section):
    """How far something may go before it is reported, and before it stops a run."""

    warning: Annotated[float, Field(ge=0)]
    critical: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _warning_comes_first(self) -> Self:
        if self.warning > self.critical:
            raise ValueError(f"warning must not be above critical, not {self.warning} and {self.critical}")
        return self


class ShareLimits(Limits):
    """Limits of a share, 0 to 1."""

    warning: Share
    critical: Share


class DeviationLimits(Limits):
    """Limits of a shortfall as a share: 0.3 is below 0.7 times what is expected, or above its inverse, 1.43 times."""

    warning: Annotated[float, Field(ge=0, lt=1)]
    critical: Annotated[float, Field(ge=0, lt=1)]


class DataQualityConfig(Section):
    """Limits of the gates: beyond ``critical`` a run stops, beyond ``warning`` it reports; shares are 0 to 1."""

    newest_month_rows: Annotated[
        DeviationLimits,
        Field(description="Rows of the as-of month: deviation from what earlier months lead to expect."),
    ]
    newest_month_volume: Annotated[
        DeviationLimits,
        Field(description="Units of the as-of month: deviation from what earlier months lead to expect."),
    ]
    uneven_volume: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="Critical limit of the units where the typical DFU did not change: trade, not a faulty load.",
        ),
    ]
    earlier_months: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="The same for rows and units of each of the twelve earlier months; beyond it a warning.",
        ),
    ]
    vanished_share: Annotated[
        ShareLimits, Field(description="Usual rows of locations, customer groups or regions absent in the as-of month.")
    ]
    share_rise: Annotated[
        Share,
        Field(description="Rise of the share of NULL, negative, zero or repeated rows in the as-of month; critical."),
    ]
    null_qty_share: Annotated[ShareLimits, Field(description="Share of rows up to the as-of month without a qty.")]
    negative_qty_share: Annotated[ShareLimits, Field(description="Share of rows with a negative qty, such as returns.")]
    repeated_share: Annotated[
        ShareLimits, Field(description="Share of rows that repeat a DFU and month, such as corrections.")
    ]
    largest_qty_factor: Annotated[
        Limits, Field(description="A month's largest abs(qty) as a multiple of that of any other month.")
    ]
    off_level_share: Annotated[
        Share,
        Field(description="DFUs five times above or below both their recent level and that of a year ago; critical."),
    ]
    copied_share: Annotated[
        Share,
        Field(description="Rise of the share of DFUs that sell exactly what they sold the month before; critical."),
    ]
    orphan_share: Annotated[ShareLimits, Field(description="Share of recent sales rows whose DFU is not in dim_dfu.")]
    without_item_share: Annotated[
        ShareLimits, Field(description="Share of DFUs of dim_dfu whose item is not in dim_item.")
    ]
    dfu_rows_drop: Annotated[
        ShareLimits, Field(description="Share of its rows that dim_dfu lost since the last publish.")
    ]
    longest_gap_months: Annotated[
        int,
        Field(
            ge=6,
            le=240,
            description="Months without any sale that a history may have; sales before such a gap have a wrong date.",
        ),
    ]
    early_close_days: Annotated[
        int, Field(ge=0, le=31, description="Days before its end from which a month's last load may count as complete.")
    ]
    domains: Annotated[
        dict[Annotated[str, Field(pattern=r"^(dim_dfu|dim_item)\.\w+$")], tuple[str, ...]],
        Field(description="Expected values of text columns, by table.column; others are a warning."),
    ]
    changed_share: Annotated[
        ShareLimits, Field(description="Share of DFUs with a published label that would get another label, or none.")
    ]
    unexplained_churn: Annotated[
        ShareLimits, Field(description="Share of DFUs with another label among those whose own history barely changed.")
    ]
    vanished_label_share: Annotated[
        ShareLimits,
        Field(description="DFUs of the largest label that would disappear, as a share of the labelled DFUs."),
    ]
    coverage_drop: Annotated[
        ShareLimits, Field(description="Share by which fewer DFUs would have a label than before.")
    ]
