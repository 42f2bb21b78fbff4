"""Compare the labels of two runs: how many DFUs changed, from which label to which."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from dfu_clustering.errors import DataError
from dfu_clustering.labels.churn import compare_with_published
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.published_files import PublishedFiles

_SHOWN = 30


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the arguments."""
    for name in ("before", "after"):
        arguments.add_argument(name, type=Path, help="folder of a run, or its file of labels")


def run(options: Namespace) -> None:
    """Do the work."""
    before, after = (_labels(path).labels() for path in (options.before, options.after))
    churn, _ = compare_with_published(before, after, None, unchanged_move=0.0)
    if not churn.shared_dfus:
        raise DataError(
            "Two runs that are compared must have DFUs in common",
            found=f"none of {len(before)} and {len(after)} in a segment of both",
            remedy="name two runs of the same assortment",
        )
    print(f"{churn.churn_share:.1%} of {churn.shared_dfus:,} DFUs in a segment of both have another label")
    print(f"agreement of both groupings (adjusted Rand index): {churn.ari:.3f}")
    print(f"only in the second: {churn.new_dfus:,}, only in the first: {churn.left_dfus:,}")
    changed = [one for one in churn.flow if one.old_label != one.new_label]
    for one in changed[:_SHOWN]:
        print(f"{one.dfus:>9,}  {one.old_label or '(no label)'} -> {one.new_label or '(no label)'}")
    if len(changed) > _SHOWN:
        print(f"{sum(one.dfus for one in changed[_SHOWN:]):>9,}  in {len(changed) - _SHOWN} other ways")


def _labels(path: Path) -> PublishedFiles:
    if path.is_dir():
        return PublishedFiles.in_folder(path)
    return PublishedFiles(RunFolder(path.parent).placing(RunFile.LABELS, path))
