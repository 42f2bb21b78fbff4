"""Pages in one file: a model in a template, with styles, programs and data inside, safe whatever a key holds."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from dfu_clustering.figures.style import short
from dfu_clustering.report.model import Report
from dfu_clustering.report.wording import sentence

_ASSETS: Final = Path(__file__).with_name("assets")
_LIBRARIES: Final = ("vendor/d3.min.js", "vendor/plot.umd.min.js")
# parts of one program, in the order in which they need each other
_PARTS: Final = (
    "data.js",
    "theme.js",
    "demand_chart.js",
    "map.js",
    "exemplars.js",
    "k_choice.js",
    "label_flow.js",
    "finder.js",
    "tables.js",
    "links.js",
    "main.js",
)
_ROOT: Final = '<html lang="en">'  # as the template begins
_LEAST_SHOWN_SHARE, _WHOLE_SHARES_FROM, _WHOLE_SHARES_TO = 0.001, 0.1, 0.99
# what would end a script element, or a line in old browsers; all of them occur only inside of JSON's strings
_ESCAPED: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def render(report: Report) -> str:
    """Return the page of a report."""
    data = report.charts.model_dump_json()
    return render_page("report.html.j2", ("report.css",), _LIBRARIES, _PARTS, data=data, report=report)


def render_page(
    template: str,
    styles: tuple[str, ...],
    libraries: tuple[str, ...],
    parts: tuple[str, ...],
    *,
    data: str,
    **shown: Any,  # noqa: ANN401
) -> str:
    """Return a page that needs nothing but itself and may run no other program than its own.

    Args:
        template: Its template, one of the assets, as those that follow.
        styles: Its style sheets.
        libraries: Programs of others.
        parts: Of the program of its own, in the order in which they need each other.
        data: JSON for these.
        **shown: What the template shows.
    """
    scripts = _scripts(libraries, parts)
    return (
        _environment()
        .get_template(template)
        .render(
            **shown,
            style=Markup("\n".join(map(_asset, styles))),  # noqa: S704  (files of this package)
            scripts=[Markup(script) for script in scripts],  # noqa: S704
            policy=_content_security_policy(scripts),
            licences=Markup(_asset("vendor/LICENSES.txt")),  # noqa: S704
            data=script_json(data),
        )
    )


def with_links(page: bytes, address: str, *, lists: bool) -> bytes:
    """Return a page whose links lead to an API: to the comparison of its run, and to lists of DFUs.

    A page cannot know by itself whether an API stands behind the address from which it came, and of which run its lists
    are: so it has the links only where the API says so, and else the commands that do the same.

    Args:
        page: What render() returned.
        address: Of the API's addresses of DFUs, as a browser that shows the page must ask for them.
        lists: Whether the API's lists are of the run of the page.
    """
    said = f' data-api="{escape(address)}"' + (' data-lists="yes"' if lists else "")
    return page.replace(_ROOT.encode(), f"{_ROOT[:-1]}{said}>".encode(), 1)


def script_json(text: str) -> Markup:
    """Return JSON that may stand in a script element, whatever its strings hold."""
    for character, escaped in _ESCAPED.items():
        text = text.replace(character, escaped)
    return Markup(text)  # noqa: S704  (nothing is left that could end the element)


def _content_security_policy(scripts: tuple[str, ...]) -> str:
    """Return a policy under which only these scripts run and nothing is loaded from anywhere."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    nothing = "default-src 'none'; base-uri 'none'; form-action 'none'"
    return f"{nothing}; img-src data:; style-src 'unsafe-inline'; script-src {allowed}"


@cache
def _scripts(libraries: tuple[str, ...], parts: tuple[str, ...]) -> tuple[str, ...]:
    own = "\n".join(map(_asset, parts))
    return *map(_asset, libraries), f'"use strict";\n(() => {{\n{own}\n}})();\n'


@cache
def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": "{:,}".format, "share": share_text, "units": short, "capitalize_first": sentence}
    return environment


def share_text(share: float) -> str:
    """Return a share (0-1) in per cent, which is none or all only where it is that: 41%, 4.1%, 99.5%, <0.1%."""
    if 0 < share < _LEAST_SHOWN_SHARE:
        return "<0.1%"
    if 1 - _LEAST_SHOWN_SHARE < share < 1:
        return ">99.9%"
    near_an_end = 0 < share < _WHOLE_SHARES_FROM or _WHOLE_SHARES_TO < share < 1
    return f"{share:.1%}" if near_an_end else f"{share:.0%}"
