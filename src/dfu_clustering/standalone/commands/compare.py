"""Say what changed from one run to another, and why: labels, words, sizes, settings."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from dfu_clustering.comparison.model import Comparison
from dfu_clustering.config.loading import load_config
from dfu_clustering.files.tables import atomic_path
from dfu_clustering.history.known_runs import NAMES_OF_A_RUN, KnownRuns
from dfu_clustering.labels.number_texts import as_text
from dfu_clustering.labels.reasons import feature_in_words
from dfu_clustering.runs.run import var_folder
from dfu_clustering.steps.compare_runs import compare_runs, find_to_compare

_SHOWN = 30
_NAMES = f"{NAMES_OF_A_RUN}; or the path of a folder, or of a file of labels"


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_argument("before", help=_NAMES)
    arguments.add_argument("after", help="the same, of the run to which the first one changed")
    arguments.add_argument("--json", action="store_true", help="write everything to the standard output as JSON")
    arguments.add_argument("--page", type=Path, metavar="FILE", help="write a page for people, .html")


def run(options: Namespace) -> None:
    """Do the work."""
    runs = KnownRuns(var_folder() / "runs")
    before, after = (find_to_compare(runs, name) for name in (options.before, options.after))
    found = compare_runs(before, after, load_config())
    if options.page is not None:
        _write_page(found, options.page)
    print(found.model_dump_json(indent=2) if options.json else "\n".join(_lines(found)))


def _write_page(found: Comparison, path: Path) -> None:
    from dfu_clustering.report.comparison_page import render_comparison  # late: what draws takes a second to import

    with atomic_path(path) as draft:
        draft.write_text(render_comparison(found), encoding="utf-8")


def _lines(found: Comparison) -> list[str]:
    churn, before, after = found.churn, found.before, found.after
    ari = "" if churn.ari is None else f", agreement of both groupings (adjusted Rand index) {churn.ari:.3f}"
    return [
        f"{before.run} -> {after.run}",
        found.headline,
        f"without new and inactive ones: {churn.churn_share:.1%} of {churn.shared_dfus:,} DFUs{ari}",
        f"only in the second: {churn.new_dfus:,}, only in the first: {churn.left_dfus:,}",
        f"words true of their DFUs: {_number(before.true_share, '.1%')} -> {_number(after.true_share, '.1%')}",
        f"silhouette: {_number(before.silhouette, '.3f')} -> {_number(after.silhouette, '.3f')}",
        *(f"note: {note}" for note in found.notes),
        *_listed("moves", [(move.dfus, f"{move.old_label} -> {move.new_label}") for move in found.moves]),
        *_listed("why", [(word.dfus, word.change + _judged(word.feature, word.threshold)) for word in found.words]),
        *(["settings that differ:"] if found.settings else []),
        *(f"  {one.key}: {one.before} -> {one.after}" for one in found.settings),
    ]


def _listed(title: str, counted: list[tuple[int, str]]) -> list[str]:
    if not counted:
        return []
    rest = counted[_SHOWN:]
    more = [f"{sum(dfus for dfus, _ in rest):>9,}  in {len(rest)} other ways"] if rest else []
    return [f"{title}:", *(f"{dfus:>9,}  {text}" for dfus, text in counted[:_SHOWN]), *more]


def _judged(feature: str | None, threshold: float | None) -> str:
    if feature is None:
        return ""
    return f" ({feature_in_words(feature)}{'' if threshold is None else f', bound {as_text(threshold)}'})"


def _number(value: float | None, form: str) -> str:
    return "not recorded" if value is None else format(value, form)
