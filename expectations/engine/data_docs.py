"""Great Expectations' Data Docs as a site that can be read anywhere: without scripts, without anything from elsewhere.

As they come, styles, icons and the table of the start page are loaded from five hosts, so that where these cannot be
reached the site begins with an empty page, and where they can each reader is made known to them.
"""

import html
import json
import re
import shutil
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dfu_clustering.files.tables import atomic_path

_STYLE = "style.css"
# scripts, whatever is loaded from elsewhere, and the advertisement at the end
_FOREIGN = re.compile(
    r"<script\b.*?</script>|<footer\b.*?</footer>|<(?:link|img)\b[^>]*?(?:href|src)=\"https?:[^>]*>"
    r"|<link\b[^>]*static/images[^>]*>|url\('https?:[^)]*\)",
    re.DOTALL,
)
_START = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="UTF-8"><title>{title}</title><link rel="stylesheet" href="{style}"></head>
<body><main class="container-fluid"><h4>{title}</h4>
<p>What was expected of the tables, the features and the labels of this run, in the order of the gates.</p>
<table class="table"><thead><tr><th>result</th><th>judged</th><th>expectations</th><th>failed</th><th>when (UTC)</th>
</tr></thead><tbody>
{rows}
</tbody></table></main></body></html>
"""


def is_done(site: Path, section: str, page: Sequence[str]) -> bool:
    """Return whether a site has a page already, whole and self-contained.

    Args:
        site: Folder of the site.
        section: ``expectations`` or ``validations``.
        page: The steps of its path within the section, without the ending of the last.
    """
    path = site.joinpath(section, *page[:-1], f"{page[-1]}.html")
    return path.exists() and _STYLE in path.read_text(encoding="utf-8")


def make_self_contained(site: Path, results: Path, title: str) -> None:
    """Rewrite a site in place: pages need nothing but one style sheet of the site's own, and the start page is a table.

    Args:
        site: Folder of the site that Great Expectations built.
        results: Folder of its validation results; their paths are those of their pages.
        title: Of the start page.
    """
    shutil.rmtree(site / "static", ignore_errors=True)  # pictures, fonts, and a film of three megabytes
    (site / _STYLE).write_text((files(__package__) / _STYLE).read_text(encoding="utf-8"), encoding="utf-8")
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if _STYLE not in text:  # else it is one of an earlier gate, and done
            up = "../" * (len(page.relative_to(site).parts) - 1)
            link = f'<link rel="stylesheet" href="{up}{_STYLE}">\n  </head>'
            with atomic_path(page) as draft:
                draft.write_text(_FOREIGN.sub("", text).replace("</head>", link, 1), encoding="utf-8")
    index = _START.format(title=html.escape(title), style=_STYLE, rows="\n".join(_rows(site, results)))
    (site / "index.html").write_text(index, encoding="utf-8")


def _rows(site: Path, results: Path) -> list[str]:
    # <results>/<batch>/<run>/<time>/<source>.json; the time sorts as text
    found = sorted(results.rglob("*.json"), key=lambda path: path.parent.name)
    return [_row(site, path.relative_to(results), json.loads(path.read_text(encoding="utf-8"))) for path in found]


def _row(site: Path, path: Path, result: dict[str, Any]) -> str:
    failed = [answer["expectation_config"]["severity"] for answer in result["results"] if not answer["success"]]
    word = "failed" if "critical" in failed else "warned" if failed else "passed"
    page = Path("validations") / path.with_suffix(".html")
    batch = html.escape(path.parts[0])
    if (site / page).exists():
        batch = f'<a href="{quote(page.as_posix())}">{batch}</a>'
    when = re.sub(r"^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d).*", r"\1-\2-\3 \4:\5:\6", path.parent.name)
    cells = (word, batch, len(result["results"]), len(failed), when)
    return f'<tr class="{word}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
