"""The segments that were known at an origin, applied backwards to the features of every month before it."""

from collections.abc import Mapping

import numpy as np

from dfu_clustering.arrays import Objects
from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.errors import DataError
from dfu_clustering.forecast_value.known_groups import NO_GROUP, KnownGroups
from dfu_clustering.forecast_value.past_features import MonthFeatures
from dfu_clustering.segments.applied import SegmentSet, apply_segments
from dfu_clustering.segments.first_fit import segment_from_scratch


def segments_at(
    features: Mapping[int, MonthFeatures], origin: int, config: RunSettings, dfu_ck: Objects
) -> KnownGroups:
    """Return the segment of each DFU as of each month up to an origin: fitted on the features as of the origin alone.

    Args:
        features: By place of the month, the origin's among them.
        origin: Place of the month.
        config: The settings.
        dfu_ck: (n_dfus,) keys in ascending order.

    Raises:
        DataError: Nobody could be clustered at the origin, or fewer distinct DFUs than clusters.
    """
    if origin not in features:
        raise DataError(
            f"Some DFU must have {config.min_months_history} months of history at every origin",
            found=f"none at month {origin + 1} of the sales",
            remedy="choose fewer origins, a shorter horizon or a smaller min_months_history",
        )
    segments = SegmentSet.of(segment_from_scratch(config, features[origin].matrix), config.labeling)
    code = np.full((origin + 1, len(dfu_ck)), NO_GROUP)
    for month, of_month in features.items():
        if month <= origin:
            applied = apply_segments(segments, of_month.matrix, of_month.left_out)
            code[month, np.searchsorted(dfu_ck, applied["dfu_ck"].to_numpy(object))] = applied["segment"].to_numpy()
    numbers, place = np.unique(code, return_inverse=True)
    first = int(numbers[0] == NO_GROUP)
    return KnownGroups(place.reshape(code.shape) - first)
