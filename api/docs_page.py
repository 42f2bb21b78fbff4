"""The page that shows /openapi.json in a browser; it loads its program from elsewhere, so a setting must ask for it."""

from typing import Final

from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html

DOCS: Final = "/docs"
_SCRIPTS: Final = "https://cdn.jsdelivr.net"
_ICON: Final = "https://fastapi.tiangolo.com"
# of this page alone: every other answer keeps the policy by which nothing is loaded from anywhere
_POLICY: Final = (
    f"default-src 'none'; script-src {_SCRIPTS} 'unsafe-inline'; style-src {_SCRIPTS} 'unsafe-inline'; "
    f"img-src data: {_ICON}; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def add_docs(app: FastAPI) -> None:
    """Show the description of all addresses at /docs."""

    async def docs() -> Response:
        page = get_swagger_ui_html(openapi_url=f"{app.root_path}{app.openapi_url}", title=app.title)
        page.headers["Content-Security-Policy"] = _POLICY
        return page

    app.add_api_route(DOCS, docs, include_in_schema=False)
