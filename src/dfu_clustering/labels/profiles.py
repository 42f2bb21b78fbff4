"""Clusters summarised in original units: everything that the label rules, the report cards and the plots need.

The labelling program sees no feature matrix, so what it judges is written down here, at training.
"""

from typing import Final

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.errors import DataError
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES
from dfu_clustering.preprocessing.transformers import IQR_OF_NORMAL

MEDIAN_FEATURES: Final = tuple(
    feature.name
    for feature in TIME_SERIES_FEATURES
    if feature.name not in ("demand_class", "peak_month", "season_months")
)
SPREAD_FEATURES: Final = ("mean_demand", "cv_demand", "zero_demand_pct")
COMPARED_FEATURES: Final = (
    "mean_demand",
    "cv_demand",
    "zero_demand_pct",
    "sparsity_score",
    "cv2_demand",
    "seasonality_strength",
    "growth_rate",
    "log_growth",
)

PEAK_AGREEMENT: Final = 0.5  # below it the members' peak months lie too far apart for one month to stand for them

_SMALLEST_SCALE = 0.1  # on a log scale ten per cent: smaller differences are no difference to a planner
_NO_DIRECTION = 1e-9  # resultant length below which peak months cancel out


def profile_clusters(features: pd.DataFrame, cluster_id: Integers) -> pd.DataFrame:
    """Summarise every cluster in original units.

    Besides the medians of the numeric time-series features under their own names (NaN is left out of a median):
    ``size`` and ``share`` of the DFUs; ``volume_share`` of total_demand; ``demand_class``, the most frequent one (ties:
    the first in the alphabet); ``rising_share`` and ``falling_share`` of members with trend_direction +1 and -1;
    ``q25_`` and ``q75_`` quantiles of SPREAD_FEATURES; ``peak_month`` and ``peak_agreement``.
    The peak is the circular mean of the members' peak months weighted by seasonality_strength (Mardia & Jupp 2000),
    1.0 = mid-January, on (0.5, 12.5]; the agreement is the length of that mean, 1 where all peak in one month and 0
    where the peaks cancel out. peak_month is NaN where they cancel out or no member has any seasonality.

    Args:
        features: One row a DFU with the time-series features; the order of the rows does not matter.
        cluster_id: (n_dfus,) clusters 0..k-1 of the rows.

    Returns:
        k rows indexed by cluster_id; an index name and columns that survive JSON.

    Raises:
        DataError: cluster_id does not fit the rows, or a cluster between 0 and the largest is empty.
    """
    _require_clusters(features, cluster_id)
    groups = features.groupby(cluster_id, sort=True)
    size = groups.size()
    volume = _sum_by_cluster(features["total_demand"], cluster_id)
    summary = {
        "size": size,
        "share": size / len(features),
        "volume_share": volume / volume.sum(),
        "demand_class": _most_frequent(features["demand_class"], cluster_id),
        "rising_share": (features["trend_direction"] > 0).groupby(cluster_id).mean(),
        "falling_share": (features["trend_direction"] < 0).groupby(cluster_id).mean(),
    }
    medians = groups[list(MEDIAN_FEATURES)].median()
    parts = [pd.DataFrame(summary), medians, _spread(features, cluster_id), _peaks(features, cluster_id)]
    return pd.concat(parts, axis="columns").rename_axis(index="cluster_id")


def comparable(values: pd.DataFrame) -> pd.DataFrame:
    """Put features or profiles on the scale on which clusters are compared.

    Volume and ADI are ratios, so log(mean_demand) and log(sparsity_score); cv2_demand may be 0, so log1p; the others as
    they are.

    Args:
        values: Any rows with the columns COMPARED_FEATURES.

    Returns:
        The same rows with exactly these columns.
    """
    scaled = values.loc[:, list(COMPARED_FEATURES)].astype(np.float64)
    ratios = ["mean_demand", "sparsity_score"]
    scaled[ratios] = np.log(scaled[ratios])
    scaled["cv2_demand"] = np.log1p(scaled["cv2_demand"])
    return scaled


def feature_scales(features: pd.DataFrame) -> pd.DataFrame:
    """Return what is usual and how far DFUs usually lie from it, the robust unit in which clusters are compared.

    The scale is IQR/1.349, the standard deviation where half of the DFUs share one value, and never below 0.1.

    Args:
        features: One row a clustered DFU.

    Returns:
        One row each of COMPARED_FEATURES, columns ``median`` and ``scale``, both on the scale of comparable().

    Raises:
        DataError: A DFU has mean_demand 0, which no clustered DFU can have.
    """
    _require_positive_demand(features)
    values = comparable(features)
    iqr = values.quantile(0.75) - values.quantile(0.25)
    std = pd.Series(np.sort(values, axis=0).std(axis=0), index=values.columns)  # sorted: no order of rows in the sum
    scale = (iqr / IQR_OF_NORMAL).where(iqr > 0, std).clip(lower=_SMALLEST_SCALE)
    return pd.DataFrame({"median": values.median(), "scale": scale}).rename_axis(index="feature")


def _sum_by_cluster(values: pd.Series, cluster_id: Integers) -> Floats:
    numbers = values.to_numpy(np.float64)
    members = [numbers[cluster_id == cluster] for cluster in range(cluster_id.max() + 1)]
    return np.array([_ascending_sum(of_cluster) for of_cluster in members])


def _ascending_sum(values: Floats) -> float:
    # in order of size and one by one: the last digit must not depend on the order of rows
    return float(np.cumsum(np.sort(values))[-1])


def _most_frequent(labels: pd.Series, cluster_id: Integers) -> pd.Series:
    codes, names = pd.factorize(labels.to_numpy(dtype=object), sort=True)
    counts = np.bincount(cluster_id * len(names) + codes, minlength=(cluster_id.max() + 1) * len(names))
    return pd.Series(names[counts.reshape(-1, len(names)).argmax(axis=1)])


def _spread(features: pd.DataFrame, cluster_id: Integers) -> pd.DataFrame:
    groups = features.loc[:, list(SPREAD_FEATURES)].groupby(cluster_id)
    lower, upper = groups.quantile(0.25).add_prefix("q25_"), groups.quantile(0.75).add_prefix("q75_")
    return lower.join(upper)


def _peaks(features: pd.DataFrame, cluster_id: Integers) -> pd.DataFrame:
    angle = features["peak_month"] * (2 * np.pi / 12)
    strength = features["seasonality_strength"]
    east = _sum_by_cluster(strength * np.cos(angle), cluster_id)
    north = _sum_by_cluster(strength * np.sin(angle), cluster_id)
    total = _sum_by_cluster(strength, cluster_id)
    agreement = np.minimum(np.hypot(east, north) / np.where(total > 0, total, 1.0), 1.0)
    month = 12.5 - (12.5 - np.arctan2(north, east) * (12 / (2 * np.pi))) % 12
    peak_month = np.where(agreement > _NO_DIRECTION, month, np.nan)
    return pd.DataFrame({"peak_month": peak_month, "peak_agreement": agreement})


def _require_clusters(features: pd.DataFrame, cluster_id: Integers) -> None:
    if len(cluster_id) != len(features) or not len(features):
        raise DataError(
            "Every DFU of the feature matrix must have one cluster",
            found=f"{len(features)} DFUs and {len(cluster_id)} clusters",
            remedy="profile the rows that were clustered, in the same order",
        )
    present = np.unique(cluster_id)
    if not np.array_equal(present, np.arange(len(present))):
        raise DataError(
            "Clusters must be numbered 0..k-1 without an empty one",
            found=f"clusters {present.tolist()}",
            remedy="number the clusters by descending size before they are profiled",
        )


def _require_positive_demand(features: pd.DataFrame) -> None:
    without = features.loc[~(features["mean_demand"] > 0), "dfu_ck"]
    if len(without):
        raise DataError(
            "Every clustered DFU must have demand",
            found="DFUs whose mean_demand is 0 or undefined",
            keys=sorted(without.tolist()),
            remedy="leave DFUs without demand in the window out before clustering",
        )
