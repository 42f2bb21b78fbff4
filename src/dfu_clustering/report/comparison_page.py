"""The page of a comparison of two runs, for planners: what changed, why, and how good the labels are in each."""

import json
from dataclasses import dataclass
from typing import Any, Final

from dfu_clustering.comparison.model import ComparedRun, Comparison, LabelSize
from dfu_clustering.figures.looks import looks_of
from dfu_clustering.labels.number_texts import as_text
from dfu_clustering.labels.reasons import feature_in_words
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.report.page import render_page, share_text
from dfu_clustering.report.wording import month_in_words, sentence

_LIBRARIES: Final = ("vendor/d3.min.js",)
_PARTS: Final = ("data.js", "theme.js", "label_flow.js", "tables.js", "comparison.js")
_STYLES: Final = ("report.css", "comparison.css")
_MOVES_SHOWN, _WORDS_SHOWN = 40, 40
_NOT_RECORDED: Final = "not recorded"
_KINDS: Final = {
    "published": "published",
    "dry_run": "dry run, not published",
    "waiting": "waits for an approval",
    "refused": "refused, not published",
    "unfinished": "not published",
    "backfilled_month": "past month, computed later",
    "files": "files, not published",
}


@dataclass(frozen=True)
class Cell:
    """DFUs that went from one label to another, and their share (0-1) of those with the old label."""

    dfus: int
    share: float
    kept: bool


@dataclass(frozen=True)
class MatrixRow:
    """A label before, with where its DFUs went; a column for each label, in the order of the rows."""

    number: int
    label: str | None
    dfus: int
    cells: list[Cell]


@dataclass(frozen=True)
class Beside:
    """One fact of both runs."""

    name: str
    before: str
    after: str
    hint: str = ""


def render_comparison(found: Comparison) -> str:
    """Return the page, which needs nothing but itself."""
    rows = _matrix(found)
    return render_page(
        "comparison.html.j2",
        _STYLES,
        _LIBRARIES,
        _PARTS,
        data=_data(found),
        found=found,
        title=_title(found.before, found.after),
        marks=_marks(found.sizes),
        matrix=rows,
        facts=_facts(found.before, found.after),
        moves=found.moves[:_MOVES_SHOWN],
        words=found.words[:_WORDS_SHOWN],
        settings=[(one.key, _text(one.before), _text(one.after)) for one in found.settings],
        in_words=feature_in_words,
        share_or_none=_share,
        number=as_text,
    )


def _title(before: ComparedRun, after: ComparedRun) -> str:
    first, second = (month_in_words(run.as_of_month or "") or run.run for run in (before, after))
    return (
        f"What changed from {first} to {second}" if first != second else f"What differs between two runs as of {first}"
    )


def _matrix(found: Comparison) -> list[MatrixRow]:
    """Return the labels that DFUs left or joined, with a last row and column for no label where there are such DFUs."""
    counts = {(one.old_label, one.new_label): one.dfus for one in found.churn.flow}
    moved = {label for pair in counts if pair[0] != pair[1] for label in pair}
    labels: list[str | None] = [one.label for one in found.sizes if one.label in moved]
    labels += [None] if None in moved else []
    rows = []
    for number, old in enumerate(labels, start=1):
        dfus = sum(n for (before, _), n in counts.items() if before == old)
        cells = [
            Cell(counts.get((old, new), 0), counts.get((old, new), 0) / max(dfus, 1), old == new) for new in labels
        ]
        rows.append(MatrixRow(number, old, dfus, cells))
    return rows


def _facts(before: ComparedRun, after: ComparedRun) -> list[Beside]:
    facts: tuple[tuple[str, Any, str], ...] = (
        ("Run", lambda run: run.run, ""),
        ("Newest month that counted", lambda run: month_in_words(run.as_of_month or "") or _NOT_RECORDED, ""),
        ("State", _state, ""),
        ("DFUs with a label", lambda run: f"{run.labelled:,}", ""),
        ("Segments", lambda run: f"{run.segments:,}", "labels of DFUs with enough history"),
        ("DFUs that fit every word of their label", lambda run: _share(run.true_share), "higher is better"),
        ("… within the margin", lambda run: _share(run.within_margin_share), "below 90% labels are not published"),
        (
            "How distinct the segments are",
            lambda run: _NOT_RECORDED if run.silhouette is None else f"{run.silhouette:.2f}",
            "silhouette, -1 to 1; higher is better",
        ),
        ("Groups found before they were named", lambda run: _NOT_RECORDED if run.k is None else str(run.k), "K"),
        ("Code", lambda run: run.code_version or _NOT_RECORDED, ""),
    )
    return [Beside(name, said(before), said(after), hint) for name, said, hint in facts]


def _state(run: ComparedRun) -> str:
    if run.stands:
        return "published, in force now"
    return "published, since replaced" if run.kind == "published" else _KINDS.get(run.kind, run.kind)


def _share(share: float | None) -> str:
    return _NOT_RECORDED if share is None else share_text(share)


def _marks(sizes: list[LabelSize]) -> list[dict[str, Any]]:
    """Return number, label and colours of each label."""
    known = {one.label: LABELS[one.label].segment_id for one in sizes if one.label in LABELS}
    looks = looks_of(known.values())
    return [
        {"id": at, "label": one.label, "title": sentence(one.label.replace("_", " "))}
        | {"light": looks[known[one.label]].color, "dark": looks[known[one.label]].color_on_dark}
        for at, one in enumerate(sizes)
        if one.label in known
    ]


def _data(found: Comparison) -> str:
    flows = [one.model_dump() for one in found.churn.flow if one.old_label or one.new_label]
    return json.dumps({"flows": flows, "marks": _marks(found.sizes), "months": [], "window_months": 0})


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " to ".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)
