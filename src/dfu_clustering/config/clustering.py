"""The one configuration tree: typed, bounded, frozen."""

import hashlib
import json
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from dfu_clustering.config.data_quality import DataQualityConfig, Section, Share
from dfu_clustering.config.operations import RetentionConfig, ScaleConfig, TrackingConfig, WarehouseConfig
from dfu_clustering.config.warehouse_names import KnownAttribute

_S = TypeVar("_S", bound=Section)


class VolumeThresholds(Section):
    """Quantiles of mean_demand over all clustered DFUs that bound the tiers high, medium and low."""

    high: Annotated[Share, Field(description="Quantile of mean_demand from which a cluster is high_volume.")]
    low: Annotated[Share, Field(description="Quantile of mean_demand up to which a cluster is low_volume.")]

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Self:
        return _require(self, self.low < self.high, f"low must be below high, not {self.low} and {self.high}")


class CvThresholds(Section):
    """Bounds of cv_demand: steady up to and including the first, volatile above the second."""

    steady: Annotated[float, Field(ge=0, description="cv_demand up to which a cluster is steady.")]
    volatile: Annotated[float, Field(ge=0, description="cv_demand above which a cluster is volatile.")]

    @model_validator(mode="after")
    def _steady_is_below_volatile(self) -> Self:
        found = f"{self.steady} and {self.volatile}"
        return _require(self, self.steady < self.volatile, f"steady must be below volatile, not {found}")


class LabelingConfig(Section):
    """Thresholds of the label rules, in the units of the features they judge."""

    volume_thresholds: Annotated[
        VolumeThresholds, Field(description="Quantiles (0-1) of mean_demand over all clustered DFUs: high, low.")
    ]
    cv_thresholds: Annotated[CvThresholds, Field(description="Bounds of cv_demand: steady, volatile.")]
    seasonality_threshold: Annotated[Share, Field(description="seasonality_strength from which a cluster is seasonal.")]
    zero_demand_threshold: Annotated[Share, Field(description="zero_demand_pct above which it is intermittent.")]
    growth_threshold: Annotated[float, Field(ge=0, description="abs(growth_rate) a year: growing, declining.")]
    membership_margin: Annotated[
        float,
        Field(
            ge=0, lt=1, description="Share of a threshold by which a DFU may miss the pattern of a cluster it joins."
        ),
    ]
    lifecycle: Annotated[
        bool, Field(description="DFUs too young to be clustered are new_…_volume, those that stopped selling inactive.")
    ]
    momentum_threshold: Annotated[float, Field(ge=0, description="abs(log_growth) beyond which _rising or _fading.")]
    peak_threshold: Annotated[Share, Field(description="seasonality_strength from which _peak_q1 … _peak_q4.")]
    erratic_threshold: Annotated[float, Field(ge=0, description="cv2_demand from which _erratic, below it _regular.")]


class WinsorizeQuantiles(Section):
    """Quantiles beyond which a column's values are pulled in before scaling."""

    low: Annotated[float, Field(ge=0, lt=0.5, description="Quantile (0-1) to which lower values are raised.")]
    high: Annotated[float, Field(gt=0.5, le=1, description="Quantile (0-1) to which higher values are lowered.")]


class AttributeWeights(Section):
    """Total variance of each attribute block in the clustered space; 0 leaves the block out."""

    item: Annotated[float, Field(ge=0, description="Total variance of the columns from dim_item.")]
    dfu: Annotated[float, Field(ge=0, description="Total variance of the columns from dim_dfu.")]


class StabilityConfig(Section):
    """What moves a DFU, a cluster or a label away from what is published; shares are 0 to 1."""

    refit_psi: Annotated[float, Field(gt=0, description="Stability index of a column beyond which clusters are refit.")]
    refit_far_share: Annotated[
        Share,
        Field(description="Share of DFUs further out than 99 % of those fitted on, beyond which clusters are refit."),
    ]
    refit_gain: Annotated[
        float, Field(ge=0, description="Share by which a refit must explain more of the variance to be kept.")
    ]
    label_margin: Annotated[
        float,
        Field(ge=0, lt=1, description="Share of a threshold by which a DFU may miss it and keep a word of its label."),
    ]
    unchanged_move: Annotated[
        float,
        Field(
            gt=0, description="Move up to which a history counts as barely changed, in distances to the next segment."
        ),
    ]


class HistorySettings(Section):
    """How much demand a DFU is judged by."""

    min_months_history: Annotated[
        int, Field(ge=3, le=120, description="Months of history that a DFU needs to be clustered; else it is new.")
    ]
    time_window_months: Annotated[
        Annotated[int, Field(ge=3, le=240)] | Literal["all"],
        Field(description='Months of demand looked at, ending at the as-of month, or "all".'),
    ]
    season_window_months: Annotated[
        int,
        Field(
            ge=24,
            le=120,
            multiple_of=12,
            description="Months over which a season is measured, at most; the time window does not limit them.",
        ),
    ]

    @model_validator(mode="after")
    def _window_holds_the_history(self) -> Self:
        window = self.time_window_months
        enough = window == "all" or window >= self.min_months_history
        rule = f"time_window_months ({window}) must not be shorter than min_months_history ({self.min_months_history})"
        return _require(self, enough, rule)


class SpaceSettings(HistorySettings):
    """What makes the clustered space; where one of these changed, distances in the earlier space mean nothing."""

    feature_set: Annotated[
        Literal["shape", "all"],
        Field(description="shape: ten scale-free columns, scaled robustly. all: every numeric time-series feature."),
    ]
    discount_noise: Annotated[
        bool,
        Field(description="With feature_set shape: the weight of a column is how clearly it differs from chance."),
    ]
    feature_scaling: Annotated[
        Literal["standard", "robust"], Field(description="Scaling of feature_set all; shape is always scaled robustly.")
    ]
    winsorize_quantiles: Annotated[
        WinsorizeQuantiles, Field(description="Quantiles beyond which a column's values are pulled in before scaling.")
    ]
    min_variance: Annotated[
        float, Field(ge=0, description="Columns with less variance, winsorised and before scaling, are dropped.")
    ]
    attributes: Annotated[
        AttributeWeights, Field(description="Variance of the item and DFU attribute blocks; 0 leaves a block out.")
    ]
    max_categories: Annotated[
        int,
        Field(
            ge=2, le=1000, description="Categorical attributes up to this many values are one-hot, else by frequency."
        ),
    ]
    use_pca: Annotated[bool, Field(description="Cluster principal components instead of the scaled columns.")]
    pca_explained_variance: Annotated[
        float, Field(gt=0, lt=1, description="Share (0-1) of the variance that the kept principal components explain.")
    ]

    def listed_attributes(self) -> tuple[KnownAttribute, ...] | None:
        """Return the attributes that there are in the feature matrix; None: those of the project's own list."""
        return None

    def of_the_space(self) -> "Space":
        """Return what makes the space alone, without the rest of a configuration."""
        listed, weights = self.listed_attributes(), self.attributes.model_dump()
        used = [one for one in listed or () if weights[one.table] > 0]
        values = self.model_dump(include=set(SpaceSettings.model_fields))
        return Space.model_validate({**values, "attribute_list": used or None})


class Space(SpaceSettings):
    """What made a clustered space, as it is stored: the settings, and the attributes that had a weight.

    The list is no parameter of a run, but of the configuration file.
    """

    attribute_list: Annotated[
        tuple[KnownAttribute, ...] | None, Field(description="Attributes with a weight; null: of the project's list.")
    ] = None

    def listed_attributes(self) -> tuple[KnownAttribute, ...] | None:
        """Return the attributes that had a weight; None: those of the project's own list."""
        return self.attribute_list

    @model_serializer(mode="wrap")
    def _without_an_empty_list(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = inner(self)
        return {name: value for name, value in values.items() if name != "attribute_list" or value is not None}


class KSelectionSettings(Section):
    """How the number of clusters is chosen."""

    k_range: Annotated[
        tuple[Annotated[int, Field(ge=2, le=60)], Annotated[int, Field(ge=2, le=60)]],
        Field(description="Smallest and largest number of clusters tried."),
    ]
    min_cluster_size_pct: Annotated[
        float, Field(ge=0, le=50, description="Percent (0-100) of the clustered DFUs that every cluster must hold.")
    ]
    n_init: Annotated[int, Field(ge=5, le=100, description="k-means++ starts for every K.")]
    selection_sample: Annotated[
        int, Field(ge=1000, le=1_000_000, description="DFUs on which K is chosen, at most; stratified by volume.")
    ]
    silhouette_sample: Annotated[
        int,
        Field(
            ge=100,
            le=100_000,
            description="DFUs on which the silhouette is computed, at most; twice as many take four times as long.",
        ),
    ]
    gap_references: Annotated[int, Field(ge=2, le=500, description="Uniform reference sets of the gap statistic.")]
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, description="Same data, configuration and seed: same labels.")]

    @model_validator(mode="after")
    def _range_goes_up(self) -> Self:
        low, high = self.k_range
        return _require(self, low <= high, f"k_range must go from smaller to larger, not from {low} to {high}")


class ContinuationSettings(Section):
    """What moves clusters, labels and DFUs away from what is published."""

    refit: Annotated[
        Literal["auto", "always", "never"],
        Field(description="When clusters are fitted again: auto, where the DFUs drifted; always, in every run; never."),
    ]
    stability: Annotated[
        StabilityConfig, Field(description="When a DFU, a cluster or a label may change from what is published.")
    ]


class RunSettings(ContinuationSettings, KSelectionSettings, SpaceSettings):
    """Every setting of a single run: the parameters of the flow.

    Its keys are one flat list, as the user has them; code that needs some of them asks for the class that holds these.
    """

    labeling: Annotated[LabelingConfig, Field(description="Thresholds of the label rules.")]
    data_quality: Annotated[DataQualityConfig, Field(description="Limits beyond which data warn or stop a run.")]

    def of_the_run(self) -> "RunSettings":
        """Return these settings alone, without those of the deployment."""
        return RunSettings.model_validate(self.model_dump(include=set(RunSettings.model_fields)))

    def of_the_result(self) -> dict[str, Any]:
        """Return the settings that can change a result, as JSON values."""
        return self.model_dump(mode="json", include=set(RunSettings.model_fields) - {"data_quality"})

    def digest(self) -> str:
        """Return 10 hex digits that change whenever a setting that can change a result does."""
        canonical = json.dumps(self.of_the_result(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:10]


class ClusteringConfig(RunSettings):
    """The whole configuration, with bounds; the defaults are in config/clustering_config.yaml."""

    warehouse: Annotated[
        WarehouseConfig, Field(description="Where the sales are, and how long a run waits for the database.")
    ]
    scale: Annotated[ScaleConfig, Field(description="How extraction and features are split into parts.")]
    tracking: Annotated[TrackingConfig, Field(description="Names under which MLflow keeps the runs.")]
    retention: Annotated[RetentionConfig, Field(description="How long the files of runs are kept.")]

    def of_the_result(self) -> dict[str, Any]:
        """Return the settings that can change a result, and which sales and attributes count, as JSON values."""
        attributes = [attribute.model_dump() for attribute in self.warehouse.in_the_matrix()]
        counted = {"sales_filter": self.warehouse.sales_filter, "attributes": attributes}
        return super().of_the_result() | {"warehouse": counted}

    def listed_attributes(self) -> tuple[KnownAttribute, ...]:
        """Return the attributes of the configured list that are in the feature matrix."""
        return self.warehouse.in_the_matrix()

    @model_validator(mode="after")
    def _weights_are_of_attributes(self) -> Self:
        listed = {one.table for one in self.listed_attributes()}
        weighed = {table for table, weight in self.attributes.model_dump().items() if weight > 0}
        found = ", ".join(sorted(weighed - listed))
        return _require(
            self, not found, f"attributes.{found} is above 0 and warehouse.attributes names no feature of it"
        )


def _require(section: _S, holds: bool, rule: str) -> _S:  # noqa: FBT001
    if not holds:
        raise ValueError(rule)
    return section
