"""The report of a run: one HTML file made from the run's other files."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.parquet as parquet

from dfu_clustering.files.summary import Summary
from dfu_clustering.files.tables import atomic_path, read_json, read_table
from dfu_clustering.quality.gate_reports import read_reports
from dfu_clustering.report.builder import assemble
from dfu_clustering.report.inputs import RunArtifacts
from dfu_clustering.report.page import render
from dfu_clustering.report.sample import Selection, select_dfus
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.build_features import FeatureFiles
from dfu_clustering.steps.model_files import ModelFiles

logger = logging.getLogger(__name__)

_TEXT_COLUMNS = frozenset({"dfu_ck", "old_label", "new_label", "feature"})


@dataclass(frozen=True)
class ReportSources:
    """Where the files of a run lie.

    Attributes:
        model: What training wrote.
        labels: What labelling wrote; cluster_profiles.json lies beside it.
        features: The feature matrix; the demand lies beside it.
        run: The run, where there is one: what its gates found, what it published.
    """

    model: ModelFiles
    labels: Path
    features: Path | None
    run: Run | None = None

    @classmethod
    def of_run(cls, run: Run) -> "ReportSources":
        """Return the files of a run of the flow."""
        return cls(ModelFiles.in_folder(run.folder), run.labels, run.features, run)

    @property
    def profiles(self) -> Path:
        """Return the path of the segments."""
        return self.labels.with_name("cluster_profiles.json")

    def beside(self, name: str) -> Path:
        """Return the path of an optional file of the run."""
        return self.labels.with_name(name)


class ReportSummary(Summary):
    """The page that was written.

    Attributes:
        name: Its file, in the run's folder.
        size_mb: Megabytes.
        dfus_shown: DFUs that it can show by themselves.
    """

    name: str
    size_mb: float
    dfus_shown: int


def build_report(sources: ReportSources, *, output: Path) -> ReportSummary:
    """Write the report of a run as one self-contained HTML file.

    Args:
        sources: The run's files. Those of the demand, the map, the gates and the comparison with the published run may
            be absent; the page says so or leaves the part out.
        output: The page.

    Raises:
        DataError: A file that the report needs is missing or unreadable.
    """
    members = read_table(sources.model.assignments, text_columns=_TEXT_COLUMNS)
    points = _table_or_none(sources.model.map)
    selection = select_dfus(members, None if points is None else points["dfu_ck"])
    report = assemble(_artifacts(sources, members, points, selection), selection)
    page = render(report).encode()
    with atomic_path(output) as draft:
        draft.write_bytes(page)
    summary = ReportSummary(name=output.name, size_mb=round(len(page) / 1e6, 2), dfus_shown=len(report.charts.sample))
    logger.info("report=%s size_mb=%.2f dfus_shown=%d", output, summary.size_mb, summary.dfus_shown)
    return summary


def _artifacts(
    sources: ReportSources, members: pd.DataFrame, points: pd.DataFrame | None, selection: Selection
) -> RunArtifacts:
    metadata = read_json(sources.model.metadata)
    keys = members["dfu_ck"].iloc[selection.needed].tolist()
    return RunArtifacts(
        profiles=read_json(sources.profiles),
        metadata=metadata,
        members=members,
        map_points=points,
        demand=_demand(sources.features, metadata, keys),
        gates=[] if sources.run is None else read_reports(sources.run),
        published=_published(sources.run),
        stability=_json_or_none(sources.beside("stability.json")),
        label_changes=_table_or_none(sources.beside("label_changes.parquet")),
        run_name=None if sources.run is None else sources.run.folder.name,
    )


def _published(run: Run | None) -> Mapping[str, Any] | None:
    entry = run.finished().get("update_assignments") if run else None
    return entry["summary"] if entry else None  # type: ignore[return-value]


def _demand(features: Path | None, metadata: Mapping[str, Any], keys: list[str]) -> pd.DataFrame | None:
    """Read the demand of some DFUs, where the matrix is the one that was trained on."""
    origin = metadata.get("features")
    if features is None or origin is None or not FeatureFiles(features).panel.exists():
        return None
    lying_there = _json_or_none(FeatureFiles(features).metadata) or {}
    if any(lying_there.get(name) != origin.get(name) for name in ("as_of_month", "keys_digest")):
        logger.warning("features=%s were built again since the training, the report leaves their demand out", features)
        return None
    wanted = pa.array(keys, type=pa.string())
    # one row group after the other, so that no more than the wanted rows and one group are in memory
    with parquet.ParquetFile(FeatureFiles(features).panel, pre_buffer=False) as file:
        groups = (file.read_row_group(group) for group in range(file.num_row_groups))
        found = [group.filter(compute.is_in(group["dfu_ck"], value_set=wanted)) for group in groups]
    frame: pd.DataFrame = pa.concat_tables(found).to_pandas()
    return frame.set_index("dfu_ck")


def _table_or_none(path: Path) -> pd.DataFrame | None:
    return read_table(path, text_columns=_TEXT_COLUMNS) if path.exists() else None


def _json_or_none(path: Path) -> Mapping[str, Any] | None:
    return read_json(path) if path.exists() else None
