"""What a run shows in the Prefect UI: a summary in Markdown, the segments, the pictures, and the way to the report."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.quality.gate_reports import GateReport, Value
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import LabelSummary, RunSummary, StabilitySummary
from tasks.support.markdown import code, text
from tasks.support.pictures import picture_markdown

if TYPE_CHECKING:  # a flow loads its own steps alone
    from dfu_clustering.forecast_value.verdict import Verdict
    from dfu_clustering.steps.backfill import BackfillSummary

REPORT_URL_VARIABLE = "DFU_REPORT_URL"
_MOVES_SHOWN = 30


def show_run(summary: RunSummary, dfu_table: str) -> None:
    """Attach summary, segments, pictures and the address of the report to the flow run."""
    create_markdown_artifact(
        key="cluster-dfus-summary", markdown=summary_markdown(summary, dfu_table), description="What the run did"
    )
    _attach_table("cluster-dfus-segments", segment_table(summary), "Segments by size")
    pictures = picture_markdown(Path(summary.run_folder))
    if pictures:
        create_markdown_artifact(key="cluster-dfus-pictures", markdown=pictures, description="The segments in pictures")
    address = report_address(summary)
    if address:
        create_link_artifact(
            key="cluster-dfus-report",
            link=address,
            link_text=f"Report as of {summary.as_of_month}",
            description="Copy this address into the browser: a link to a file cannot be clicked here"
            if address.startswith("file:")
            else "Everything about the segments on one page",
        )


def report_address(summary: RunSummary) -> str | None:
    """Return where people open the report: as DFU_REPORT_URL says, else its file; None where there is no report.

    The variable may hold ``{run}``, the run folder's name, and ``{mlflow_run_id}``.
    """
    if summary.report is None:
        return None
    folder = Path(summary.run_folder)
    address = os.environ.get(REPORT_URL_VARIABLE) or (folder / summary.report.name).as_uri()
    return address.replace("{run}", folder.name).replace("{mlflow_run_id}", summary.mlflow_run_id or "")


def wrote(published: PublishSummary) -> str:
    """Return what was done to the DFU table, or would be."""
    return "would write (dry run)" if published.dry_run else "wrote"


def overrides_lines(published: PublishSummary) -> list[str]:
    """Return what a publish says of labels that people have set; nothing where there are none."""
    counts = published.overrides
    if counts is None or not counts.overrides:
        return []
    agreeing = f", of which {counts.agreeing:,} are needed no more: the machine gives the same label"
    keys = ", ".join(code(key) for key in counts.agreeing_keys)
    return [
        f"- Overrides: {counts.overrides:,} hold, for {counts.dfus:,} DFUs"
        + (f"{agreeing} ({keys}{', …' if counts.agreeing > len(counts.agreeing_keys) else ''})" if keys else "")
    ]


def show_backfill(summary: "BackfillSummary") -> None:
    """Attach the months of a backfill, and what it left out, continues, extends or replaces."""
    rows = [
        {
            "as of": month.as_of_month,
            "DFUs": month.clustered,
            "segments": month.k,
            "labels": ", ".join(f"{label} {size}" for label, size in month.labels.items()),
        }
        for month in summary.months
    ]
    description = f"Labels by month, in {code(summary.folder)}"
    notes = "".join(f"; {text(note)}" for note in summary.notes())
    _attach_table("backfill-history", rows, description + notes)


def show_verdict(verdict: "Verdict") -> None:
    """Attach what segments are worth to a forecaster: the sentence, and a row for each way to train."""
    create_markdown_artifact(
        key="forecast-value-summary", markdown=verdict_markdown(verdict), description="What to train on"
    )
    from dfu_clustering.forecast_value.presentation import verdict_rows

    what = f"What segments are worth as of {text(verdict.as_of_month)}, beside controls"
    _attach_table("forecast-value", verdict_rows(verdict), what)


def verdict_markdown(verdict: "Verdict") -> str:
    """Return a verdict in a few lines of Markdown."""
    extent = (
        f"{verdict.n_dfus:,} of {verdict.of_dfus:,} DFUs, {len(verdict.origins)} origins from "
        f"{text(verdict.origins[0])} to {text(verdict.origins[-1])}, {verdict.horizon_months} months ahead, "
        f"{verdict.seeds} seeds"
    )
    lines = [
        f"# What the segments are worth as of {text(verdict.as_of_month)}",
        f"**{text(verdict.sentence)}**",
        "",
        *(f"- Note: {text(note)}" for note in verdict.notes),
        f"- {extent}",
    ]
    return "\n".join(lines)


def show_gate(report: GateReport) -> None:
    """Attach what a suite found, every expectation in a row, the failed ones first."""
    _attach_table(
        f"data-quality-{report.suite.replace('_', '-')}",
        gate_table(report),
        f"Expectations of {report.suite} as of {report.as_of_month}: {report.outcome}",
    )


def _attach_table(key: str, rows: Sequence[Mapping[str, object]], description: str) -> None:
    # the Prefect UI reads every text of a table as Markdown
    table = [{name: text(cell) if isinstance(cell, str) else cell for name, cell in row.items()} for row in rows]
    create_table_artifact(key=key, table=table, description=description)


def gate_table(report: GateReport) -> list[dict[str, Value]]:
    """Return one row an expectation."""
    passed = [check for check in report.checks if check.passed]
    return [
        {
            "expectation": check.name,
            "result": "passed" if check.passed else "failed",
            "severity": check.severity,
            "observed": check.observed,
            "allowed": check.threshold,
            "sample keys": ", ".join(check.sample_keys),
            "meaning": check.description,
        }
        for check in (*report.failures, *passed)
    ] + [{"expectation": name, "result": "not judged"} for name in report.not_judged]


def summary_markdown(summary: RunSummary, dfu_table: str) -> str:
    """Return the run in a few lines of Markdown; ``dfu_table`` is what the warehouse calls the table of the DFUs."""
    published = summary.published
    did = wrote(published)
    chosen = summary.k_selection
    kept = summary.stability is not None and not summary.stability.refit
    nominated = f"elbow {chosen.elbow}, silhouette {chosen.silhouette}, gap {chosen.gap}"
    number = "the published number" if kept else f"nominated: {nominated}"
    lines = [
        f"# DFU segments as of {text(summary.as_of_month)}",
        (
            f"**{summary.clustered:,}** of {summary.n_dfus:,} DFUs in **{len(summary.clusters)}** segments, of "
            f"{summary.k} clusters ({number}); {_lifecycle(summary)}."
        ),
        (
            f"All words of their label are strictly true of **{summary.figures.true_share:.1%}** of them, within the "
            f"margin of {summary.figures.within_margin_share:.1%}. Clusters with words explain "
            f"{summary.figures.variance_explained_share:.0%} of the differences between DFUs, those of K-means "
            f"{summary.figures.kmeans_variance_explained_share:.0%}."
        ),
        (
            f"{text(dfu_table)}: {did} {published.updated:,} new labels, {published.cleared:,} cleared, "
            f"{published.unchanged:,} unchanged; {published.not_found:,} DFUs have left it during the "
            f"run, {published.appeared or 0:,} are new."
        ),
        *stability_lines(summary.stability),
        "",
        "| not clustered because | DFUs |",
        "| --- | ---: |",
        *(f"| {text(reason)} | {count:,} |" for reason, count in summary.excluded.items()),
        "",
        *(f"- Note: {text(warning)}" for warning in summary.warnings),
        *overrides_lines(published),
        f"- Report: {code(report_address(summary) or 'could not be made')}",
        f"- Files: {code(summary.run_folder)}",
        f"- MLflow run: {code(summary.mlflow_run_id or 'not recorded, MLflow did not answer')}",
        f"- Configuration {code(summary.config_digest)}, code {text(summary.code_version)}, seed {summary.seed}",
    ]
    return "\n".join(lines)


def approval_markdown(run: Run, labels: LabelSummary, changes: PublishSummary) -> str:
    """Return what would be written, for the person who is asked: the artifact and the form of the answer.

    All numbers are of the DFU table, as in the event, so that nobody has to reconcile them with others.
    """
    moves = [t for t in changes.transitions if t.old_label != t.new_label]
    if not moves:
        same = f"No label would change: {changes.unchanged:,} DFUs keep theirs. Nobody is asked, the run publishes."
        return f"# Labels as of {text(run.as_of_month)}\n{same}"
    lines = [
        f"# Publish the labels as of {text(run.as_of_month)}?",
        (
            f"{changes.updated:,} DFUs would get another label, {changes.cleared:,} would lose their label, "
            f"{changes.unchanged:,} would keep it. Resume the run to answer."
        ),
        *_clusters_line(labels.stability),
        *([f"Everything about them: {code(str(page))}"] if (page := run.find(RunFile.REPORT)) else []),
        "",
        "| label now | new label | DFUs |",
        "| --- | --- | ---: |",
        *(
            f"| {text(t.old_label or '(none)')} | {text(t.new_label or '(none)')} | {t.dfus:,} |"
            for t in moves[:_MOVES_SHOWN]
        ),
    ]
    if len(moves) > _MOVES_SHOWN:
        lines.append(f"| … | {len(moves) - _MOVES_SHOWN} more | {sum(t.dfus for t in moves[_MOVES_SHOWN:]):,} |")
    return "\n".join(lines)


def _clusters_line(stability: StabilitySummary | None) -> list[str]:
    if stability is None:
        return ["", "These labels do not continue published ones."]
    how = "fitted again" if stability.refit else "kept"
    return ["", f"Continues {code(stability.published_run)}; clusters {how}: {text(stability.refit_reason)}."]


def stability_lines(stability: StabilitySummary | None) -> list[str]:
    """Return how the labels follow those published before; nothing where none were."""
    if stability is None:
        return []
    unchanged = stability.churn_share_unchanged_history
    calm = "" if unchanged is None else f", {unchanged:.1%} of those whose history barely changed"
    ari = "" if stability.ari is None else f"; agreement of the groupings (ARI) {stability.ari:.2f}"
    return [
        "",
        (
            f"Compared with {code(stability.published_run)}: {stability.churn_share:.1%} of {stability.shared_dfus:,} "
            f"DFUs have another label{calm}{ari}. Clusters {'fitted again' if stability.refit else 'kept'}: "
            f"{text(stability.refit_reason)}."
        ),
    ]


def _lifecycle(summary: RunSummary) -> str:
    counts = ", ".join(f"{one.size:,} {text(one.label)}" for one in summary.lifecycle)
    return f"not clustered, but labelled: {counts}" if counts else "no other DFU has a label"


def segment_table(summary: RunSummary) -> list[dict[str, str | int]]:
    """Return one row a segment, the largest first."""
    return [
        {
            "label": segment.label,
            "DFUs": segment.size,
            "share of DFUs": f"{segment.share:.1%}",
            "share of volume": f"{segment.volume_share:.1%}",
            "mean demand a month": f"{segment.profile['mean_demand']:,.1f}",
            "why": segment.reason,
        }
        for segment in summary.clusters
    ]
