"""The report of a run: one HTML file made from the run's other files."""

import logging
from pathlib import Path
from typing import Final

import pandas as pd

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.errors import DataError
from dfu_clustering.files.keys import places_of
from dfu_clustering.files.tables import atomic_path, read_rows_of
from dfu_clustering.forecast_value.verdict import Verdict
from dfu_clustering.labels.rules import JUDGED_FEATURES
from dfu_clustering.outputs.segment_looks import read_looks
from dfu_clustering.report.builder import assemble
from dfu_clustering.report.inputs import RunArtifacts
from dfu_clustering.report.page import render
from dfu_clustering.report.sample import Selection, select_dfus
from dfu_clustering.runs.dfu_facts import own_words
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.forecast_value import newest_verdict
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.manifest import (
    BUILD_REPORT,
    FIND_PUBLISHED,
    PREVIEW_PUBLISH,
    PUBLISH_LABELS,
    REQUIRE_APPROVAL,
    once,
)
from dfu_clustering.runs.run import Run, var_folder
from dfu_clustering.runs.summaries import ReportSummary, TrainingMetadata

logger = logging.getLogger(__name__)

_EARLIER_MONTHS: Final = 12  # of which the page says what label a DFU had


@once(BUILD_REPORT)
def build_report(run: RunFolder, config: ClusteringConfig) -> ReportSummary:
    """Write the report of a run into its folder.

    Raises:
        DataError: A file that the report needs is missing or unreadable.
    """
    return write_report(run, config, run.path(RunFile.REPORT))


def write_report(files: RunFolder, config: ClusteringConfig, output: Path) -> ReportSummary:
    """Write the report of a run as one self-contained HTML file, also where it was written before.

    Args:
        files: The run. Files of the demand, the map, the gates and the comparison with the published run may be absent;
            the page says so or leaves the part out. Of a run of the flow it also says what was published.
        config: What the warehouse calls the table of the DFUs.
        output: The page.

    Raises:
        DataError: A file that the report needs is missing or unreadable.
    """
    members, points = _members(files), files.find_table(RunFile.MAP)
    selection = select_dfus(members, None if points is None else points["dfu_ck"])
    artifacts = _artifacts(files, members, points, selection, config.warehouse.tables.dfu)
    report = assemble(artifacts, selection)
    page = render(report).encode()
    with atomic_path(output) as draft:
        draft.write_bytes(page)
    summary = ReportSummary(name=output.name, size_mb=round(len(page) / 1e6, 2), dfus_shown=len(report.charts.sample))
    logger.info("report=%s size_mb=%.2f dfus_shown=%d", output, summary.size_mb, summary.dfus_shown)
    return summary


def _members(files: RunFolder) -> pd.DataFrame:
    """Return the clustered DFUs by the labels that they have now, each with the number of its segment by size."""
    number = {segment.cluster_id: place for place, segment in enumerate(files.profiles().segments)}
    labels = files.table(RunFile.LABELS, ["dfu_ck", "cluster_id", "abc_class", "reason"])
    trained = files.table(RunFile.ASSIGNMENTS, ["dfu_ck", "distance", "margin", "next_label", *JUDGED_FEATURES])
    trained = trained.assign(**own_words(files, trained))
    place = places_of(trained["dfu_ck"], labels["dfu_ck"])
    labelled = labels.iloc[place[place >= 0]].drop(columns="dfu_ck").reset_index(drop=True)
    members = pd.concat([trained[place >= 0].reset_index(drop=True), labelled], axis=1)
    return members.assign(number=members["cluster_id"].map(number).astype("int64"))


def _artifacts(
    files: RunFolder, members: pd.DataFrame, points: pd.DataFrame | None, selection: Selection, dfu_table: str
) -> RunArtifacts:
    metadata = files.metadata()
    keys = members["dfu_ck"].iloc[selection.needed].tolist()
    run = files if isinstance(files, Run) else None
    choice = run.find_result(FIND_PUBLISHED) if run else None
    done = run.find_result(PUBLISH_LABELS) if run else None
    asked = run.find_result(PREVIEW_PUBLISH) if run and done is None else None
    return RunArtifacts(
        profiles=files.profiles(),
        metadata=metadata,
        members=members,
        map_points=points,
        demand=_demand(files, metadata, keys),
        gates=files.gate_reports(),
        published=done or asked,
        asked=asked is not None,
        answer=run.find_result(REQUIRE_APPROVAL) if run else None,
        stability=files.stability(),
        not_continued=choice.problem if choice else None,
        label_changes=files.find_table(RunFile.LABEL_CHANGES),
        run_name=run.name if run else None,
        dfu_table=dfu_table,
        looks=read_looks(files),
        overridden=files.find_table(RunFile.OVERRIDES),
        verdict=_newest_verdict(run) if run else None,
        earlier_labels=_earlier_labels(run, members["dfu_ck"].iloc[selection.shown].tolist()) if run else None,
    )


def _earlier_labels(run: Run, keys: list[str]) -> pd.DataFrame | None:
    """Return the labels that some DFUs had as of earlier months that were published; None where none was.

    What cannot be read costs no report.
    """
    by_month: dict[str, pd.Series[str]] = {}
    try:
        lines = {line.as_of_month: line.run for line in Ledger(run.runs).publications()}
        for month in sorted(month for month in lines if month < run.as_of_month)[-_EARLIER_MONTHS:]:
            if path := RunFolder(run.runs / lines[month]).find(RunFile.LABEL_HISTORY):
                by_month[month] = read_rows_of(path, "dfu_ck", keys).set_index("dfu_ck")["label"]
    except (DataError, OSError) as error:
        logger.warning("the report says nothing of earlier labels: %s", error)
    return pd.DataFrame(by_month).reindex(keys) if by_month else None


def _newest_verdict(run: Run) -> Verdict | None:
    """Return what was measured last on the warehouse of a run; a record that cannot be read costs no report."""
    known = [name for report in run.gate_reports() if (name := report.facts.get("warehouse"))]
    try:
        verdict = newest_verdict(var_folder())
    except DataError as error:
        logger.warning("the report says nothing of what segments are worth: %s", error)
        return None
    is_other = verdict is not None and known and not verdict.source.startswith(tuple(f"{name}/" for name in known))
    return None if is_other else verdict


def _demand(files: RunFolder, metadata: TrainingMetadata, keys: list[str]) -> pd.DataFrame | None:
    """Read the demand of some DFUs, where the matrix is the one that was trained on."""
    origin, panel = metadata.features, files.find(RunFile.PANEL)
    if origin is None or panel is None:
        return None
    there = files.features() if files.find(RunFile.FEATURES) else None
    if there is None or (there.as_of_month, there.keys_digest) != (origin.as_of_month, origin.keys_digest):
        matrix = files.path(RunFile.MATRIX)
        logger.warning("features=%s were built again after the training, so the report shows no demand", matrix)
        return None
    return read_rows_of(panel, "dfu_ck", keys).set_index("dfu_ck")
