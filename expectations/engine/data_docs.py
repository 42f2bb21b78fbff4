"""Great Expectations' Data Docs as a site that can be read anywhere: no scripts, nothing from elsewhere."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dfu_clustering.files.tables import atomic_path
from expectations.engine.page_view import POLICY, STYLE, TEMPLATES

_END = "</html>"


@dataclass(frozen=True)
class _Row:
    word: str
    batch: str
    page: str | None
    expectations: int
    failed: int
    when: str


def is_done(site: Path, section: str, page: Sequence[str]) -> bool:
    """Return whether a site has a page already, and whole: Great Expectations writes its files in place.

    Args:
        site: Folder of the site.
        section: ``expectations`` or ``validations``.
        page: The steps of its path within the section, without the ending of the last.
    """
    path = site.joinpath(section, *page[:-1], f"{page[-1]}.html")
    return path.exists() and path.read_text(encoding="utf-8").rstrip().endswith(_END)


def write_start_page(site: Path, results: Path, title: str) -> None:
    """Write the start page, a table of all that was judged, and remove what Great Expectations lays beside its pages.

    Args:
        site: Folder of the site.
        results: Folder of its validation results; their paths are those of their pages.
        title: Of the start page.
    """
    shutil.rmtree(site / "static", ignore_errors=True)  # pictures, fonts, and a film of three megabytes
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("index.j2")
    text = page.render(title=title, policy=POLICY, style=STYLE, rows=_rows(site, results))
    with atomic_path(site / "index.html") as draft:
        draft.write_text(text, encoding="utf-8")


def _rows(site: Path, results: Path) -> list[_Row]:
    # <results>/<batch>/<run>/<time>/<source>.json, a folder for each part of a batch's name between points; the time
    # sorts as text
    found = sorted(results.rglob("*.json"), key=lambda path: path.parent.name)
    return [_row(site, path.relative_to(results), json.loads(path.read_text(encoding="utf-8"))) for path in found]


def _row(site: Path, path: Path, result: dict[str, Any]) -> _Row:
    failed = [answer["expectation_config"]["severity"] for answer in result["results"] if not answer["success"]]
    page = Path("validations") / path.with_suffix(".html")
    return _Row(
        word="failed" if "critical" in failed else "warned" if failed else "passed",
        batch=".".join(path.parts[:-3]),
        page=page.as_posix() if (site / page).exists() else None,
        expectations=len(result["results"]),
        failed=len(failed),
        when=re.sub(r"^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d).*", r"\1-\2-\3 \4:\5:\6", path.parent.name),
    )
