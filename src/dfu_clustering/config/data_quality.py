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
        DeviationLimits, Field(description="Rows of the as-of month against what the table's own history expects.")
    ]
    newest_month_volume: Annotated[
        DeviationLimits, Field(description="Units of the as-of month against what the table's own history expects.")
    ]
    uneven_volume: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="Critical limit of the units where the typical DFU has not moved with them: trade, not a load.",
        ),
    ]
    earlier_months: Annotated[
        float, Field(ge=0, lt=1, description="The same for each of the twelve months before; beyond it a warning.")
    ]
    vanished_share: Annotated[
        ShareLimits, Field(description="Usual rows of locations, customer groups or regions absent in the as-of month.")
    ]
    share_rise: Annotated[
        Share, Field(description="Rise of the as-of month's share of NULL, negative, zero or repeated rows; critical.")
    ]
    null_qty_share: Annotated[ShareLimits, Field(description="Rows of the as-of month and before without a qty.")]
    negative_qty_share: Annotated[ShareLimits, Field(description="Rows with a negative qty, such as returns.")]
    repeated_share: Annotated[ShareLimits, Field(description="Rows that repeat a DFU and month, such as corrections.")]
    largest_qty_factor: Annotated[
        Limits, Field(description="A month's largest abs(qty) as a multiple of that of any other month.")
    ]
    off_level_share: Annotated[
        Share, Field(description="DFUs five times above or below their level of lately and of a year ago; critical.")
    ]
    copied_share: Annotated[
        Share, Field(description="Rise of the share of DFUs that sell exactly what they sold before; critical.")
    ]
    orphan_share: Annotated[ShareLimits, Field(description="Recent sales rows whose DFU is not in dim_dfu.")]
    without_item_share: Annotated[ShareLimits, Field(description="DFUs of dim_dfu whose item is not in dim_item.")]
    dfu_rows_drop: Annotated[ShareLimits, Field(description="Rows that dim_dfu lost since the run before.")]
    longest_gap_months: Annotated[
        int,
        Field(
            ge=6,
            le=240,
            description="Months without any sale that a history may have; sales beyond such a gap bear a wrong date.",
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
        ShareLimits, Field(description="DFUs with a published label that would get another one, or none.")
    ]
    unexplained_churn: Annotated[
        ShareLimits, Field(description="DFUs with another label among those whose own history barely changed.")
    ]
    vanished_label_share: Annotated[
        ShareLimits, Field(description="Labelled DFUs under the largest label that no DFU would bear any more.")
    ]
    coverage_drop: Annotated[ShareLimits, Field(description="Fewer DFUs with a label than before.")]
