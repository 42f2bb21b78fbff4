"""What a report is made from: the files of a run, as read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from dfu_clustering.quality.gate_reports import GateReport


@dataclass(frozen=True, eq=False)
class RunArtifacts:
    """The files of a run; what a run may lack is None or empty.

    Attributes:
        profiles: cluster_profiles.json.
        metadata: cluster_metadata.json.
        members: cluster_assignments.csv: dfu_ck, cluster_id, distance, mean_demand, perhaps margin.
        map_points: cluster_map.csv: dfu_ck, cluster_id, x, y; None where there is no map.
        demand: Monthly demand of some DFUs, indexed by dfu_ck, a column a month; None where none is at hand.
        gates: Reports of the data-quality gates.
        published: What was written to dim_dfu or would have been, as in summary.json; None: labels were not published.
        stability: stability.json.
        label_changes: dfu_ck, old_label, new_label, feature, before, after of DFUs that changed their label.
        run_name: Name of the run folder.
    """

    profiles: Mapping[str, Any]
    metadata: Mapping[str, Any]
    members: pd.DataFrame
    map_points: pd.DataFrame | None = None
    demand: pd.DataFrame | None = None
    gates: Sequence[GateReport] = field(default=())
    published: Mapping[str, Any] | None = None
    stability: Mapping[str, Any] | None = None
    label_changes: pd.DataFrame | None = None
    run_name: str | None = None

    @property
    def segments(self) -> list[Mapping[str, Any]]:
        """Return the segments by ascending cluster_id, so that a segment's number is its position."""
        return sorted(self.profiles["segments"], key=lambda segment: segment["cluster_id"])

    @property
    def origin(self) -> Mapping[str, Any]:
        """Return what the features were built from; empty where the matrix came from elsewhere."""
        return self.metadata.get("features") or {}

    @property
    def window_months(self) -> int:
        """Return the number of months that were clustered; 0 where that is not known."""
        return int(self.origin.get("window_months", 0))
