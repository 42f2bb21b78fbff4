"""The pages of the Data Docs: Great Expectations' blocks in a frame of our own, every value escaped.

Great Expectations writes HTML by Jinja templates for which escaping is off, so that a value that holds markup becomes
part of the page. Here it is on: what is not markup by one of the filters below is text.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from great_expectations.render.view import DefaultJinjaPageView
from jinja2 import ChoiceLoader, FileSystemLoader, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

# no script, nothing from elsewhere, no form: whatever a value holds
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE: Final = Markup((files(__package__) / "style.css").read_text(encoding="utf-8"))  # noqa: S704  (a file of this package)
TEMPLATES: Final = Path(__file__).with_name("templates")


class EscapedPageView(DefaultJinjaPageView):
    """Great Expectations' view of a page, in which every value is text; named in the configuration of the site."""

    def __init__(self, **custom: Any) -> None:  # noqa: ANN401  (what Great Expectations hands to a view)
        super().__init__(**custom)
        self.env.autoescape = True
        theirs = [self.env.loader] if self.env.loader else []
        self.env.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), *theirs])
        self.env.globals |= {"policy": POLICY, "style": STYLE}

    @pass_context
    def render_content_block(
        self,
        jinja_context: Context,
        content_block: Any,  # noqa: ANN401  (as Great Expectations has it)
        index: int | None = None,
        content_block_id: str | None = None,
    ) -> Any:  # noqa: ANN401
        """Return a block as markup, or a value as it is, which the template escapes."""
        if isinstance(content_block, list):
            return self._all(jinja_context, content_block, content_block_id)
        rendered = super().render_content_block(jinja_context, content_block, index, content_block_id)
        is_block = isinstance(content_block, dict) and "content_block_type" in content_block
        return Markup(rendered) if is_block else rendered  # noqa: S704  (a template wrote it)

    def _all(self, jinja_context: Context, content_blocks: list[Any], block_id: str | None) -> Markup:
        numbered = enumerate(content_blocks)
        ids = ((block, f"{block_id}-{number}" if block_id else None) for number, block in numbered)
        rendered = (self.render_content_block(jinja_context, block, content_block_id=one) for block, one in ids)
        # what is no block came as text
        framed = (one if isinstance(one, Markup) else Markup("<span>{}</span>").format(one) for one in rendered)
        return Markup("").join(framed)

    def render_string_template(self, template: Any) -> Any:  # noqa: ANN401
        """Return a sentence with its values as markup; neither the sentence nor a value brings markup of its own."""
        if not isinstance(template, dict):
            return template
        plain = dict(template, template=str(escape(template.get("template", ""))))
        # Great Expectations escapes texts alone
        plain["params"] = {name: str(value) for name, value in template.get("params", {}).items()}
        if "tooltip" in template:
            plain["tooltip"] = dict(template["tooltip"], content=str(escape(template["tooltip"]["content"])))
        return Markup(str(super().render_string_template(plain)))  # type: ignore[no-untyped-call]  # noqa: S704  (is escaped)

    def render_styling(self, styling: Mapping[str, Any]) -> Markup:
        """Return attributes of an element."""
        attributes = {name: escape(value) for name, value in (styling.get("attributes") or {}).items()}
        return Markup(super().render_styling({**styling, "attributes": attributes}))  # noqa: S704  (own class names)

    def attributes_dict_to_html_string(self, attributes_dict: Mapping[str, Any], prefix: str = "") -> Markup:
        """Return attributes of an element."""
        escaped = {name: escape(value) for name, value in attributes_dict.items()}
        return Markup(super().attributes_dict_to_html_string(escaped, prefix))  # noqa: S704
