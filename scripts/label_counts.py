"""Labels before and after a publish, as a table on the terminal."""

from dfu_clustering.publishing.outcome import PublishSummary


def show_label_counts(summary: PublishSummary, dfu_table: str) -> None:
    """Print the number of DFUs by label before and after, and what happened to the rows."""
    before, after = summary.distribution("before"), summary.distribution("after")
    labels = [*after, *(label for label in before if label not in after)]
    width = max(len(str(label or "(no label)")) for label in labels)
    print(f"{'label':<{width}}  {'before':>9}  {'after':>9}")
    for label in labels:
        print(f"{label or '(no label)':<{width}}  {before.get(label, 0):>9}  {after.get(label, 0):>9}")
    print(summary)
    print(f"DFUs of the file not found in {dfu_table}: {summary.not_found}")
    print(f"DFUs left without a label: {summary.unlabelled}")
    if summary.overrides and summary.overrides.overrides:
        counts = summary.overrides
        print(f"overrides: {counts.overrides} hold, for {counts.dfus} DFUs; needed no more for {counts.agreeing}")
