"""What a restore and an override show in the Prefect UI: what was done, or with dry_run would be, in Markdown."""

from typing import TYPE_CHECKING

from prefect.artifacts import create_markdown_artifact

from tasks.support.artifacts import overrides_lines, wrote
from tasks.support.markdown import code, text

if TYPE_CHECKING:  # a flow loads its own steps alone
    from dfu_clustering.steps.override_labels import OverrideSummary
    from dfu_clustering.steps.restore_labels import RestoreSummary


def show_restore(summary: "RestoreSummary", dfu_table: str) -> None:
    """Attach what was restored, and which labels that changed."""
    create_markdown_artifact(
        key="restore-assignments-summary",
        markdown=restore_markdown(summary, dfu_table),
        description="What was restored",
    )


def restore_markdown(summary: "RestoreSummary", dfu_table: str) -> str:
    """Return the report of a restore; ``dfu_table`` is what the warehouse calls the table of the DFUs."""
    published = summary.published
    did = wrote(published)
    moves = [t for t in published.transitions if t.old_label != t.new_label]
    lines = [
        f"# Labels of run {text(summary.run)} {'would be restored (dry run)' if published.dry_run else 'restored'}",
        f"As of {text(summary.as_of_month)}; published before: {text(summary.replaced_run or 'unknown')}.",
        (
            f"{text(dfu_table)}: {did} {published.updated:,} labels, {published.cleared:,} cleared, "
            f"{published.unchanged:,} unchanged; {published.not_found:,} DFUs are no longer in it. "
            f"MLflow's alias champion: {text(summary.alias)}."
        ),
        "",
        "| before | after | DFUs |",
        "| --- | --- | ---: |",
        *(f"| {text(t.old_label or 'no label')} | {text(t.new_label or 'no label')} | {t.dfus:,} |" for t in moves),
        "",
        *overrides_lines(published),
        *([] if published.dry_run else [f"- Previous labels: {code(summary.folder)}"]),
    ]
    return "\n".join(lines)


def show_override(summary: "OverrideSummary", dfu_table: str) -> None:
    """Attach what an override changed."""
    create_markdown_artifact(
        key="override-labels-summary",
        markdown=override_markdown(summary, dfu_table),
        description="Whose label was set by hand",
    )


def override_markdown(summary: "OverrideSummary", dfu_table: str) -> str:
    """Return the report of an override; ``dfu_table`` is what the warehouse calls the table of the DFUs."""
    one, published = summary.override, summary.published
    by = one.ended or one
    already = f"It was already {text(one.ended)}. " if summary.already_ended else ""
    lines = [
        f"# {_override_title(summary)}",
        f"{already}By {text(by.owner)}: {text(by.reason)}. Last month: {text(one.until_month)}.",
        "",
        *([f"- Not published at once: {text(summary.waits)}"] if summary.waits else []),
    ]
    if published is not None:
        did = wrote(published)
        changes = f"{published.updated:,} labels, {published.cleared:,} cleared"
        lines.append(f"- {text(dfu_table)}: {did} {changes}; {published.unchanged:,} unchanged")
        lines += overrides_lines(published)
    return "\n".join(lines)


def _override_title(summary: "OverrideSummary") -> str:
    one, dry = summary.override, summary.dry_run
    of = f"Override {'' if dry and not one.ended else code(one.id) + ' '}of {len(one.dfu_cks):,} DFUs"
    if summary.already_ended:
        return f"{of} had already ended"
    if one.ended:
        return f"{of} {'would end (dry run)' if dry else 'ended'}"
    return f"{of} to {text(one.label)}{' would be entered (dry run)' if dry else ''}"
