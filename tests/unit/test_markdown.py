"""Values in Markdown, read by a CommonMark parser with tables and HTML, as the Prefect UI reads them."""

import pytest
from markdown_it import MarkdownIt

from tasks.support.markdown import code, text

HOSTILE = [
    "[approve](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "a | b | 1 |",
    "two\nlines\r\n\n# heading\u2028more",
    "`tick` ``ticks`` *bold* _soft_ __x__ ~~gone~~ \\| \\",
    "<https://evil.example> javascript:alert(1) a@evil.example",
    "&lt;b&gt; &amp; &#60;",
    "[x]: https://evil.example",
    "@channel <!channel> <@U1|x>",
    "+ item",
    "1. item",
    "- [ ] task",
    "high_volume_steady",
    "`",
    "a\\",
]


def parsed(markdown):
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown)


def kinds(tokens):
    for token in tokens:
        yield token.type
        yield from kinds(token.children or [])


def texts(tokens):
    """What a reader sees of each inline part."""
    return [
        "".join(" " if part.type == "softbreak" else part.content for part in token.children)
        for token in tokens
        if token.type == "inline"
    ]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_in_a_line_is_text_and_nothing_else(value):
    tokens = parsed(f"- Note: {text(value)} and *more*.")
    assert texts(tokens) == [" ".join(f"Note: {value} and more.".split())]
    markup = {"em_open", "em_close", "text", "text_special", "inline"}
    blocks = {f"{of}_{end}" for of in ("bullet_list", "list_item", "paragraph") for end in ("open", "close")}
    assert set(kinds(tokens)) <= markup | blocks


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_in_a_cell_stays_in_its_cell(value):
    tokens = parsed(f"| label | DFUs |\n| --- | ---: |\n| {text(value)} | 7 |\n| after | 8 |")
    assert texts(tokens) == ["label", "DFUs", " ".join(value.split()), "7", "after", "8"]
    assert {"link_open", "image", "html_inline", "html_block"}.isdisjoint(kinds(tokens))


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_in_a_code_span_stays_in_it(value):
    (inline,) = (token for token in parsed(f"Against {code(value)}: *more*") if token.type == "inline")
    (span,) = (part for part in inline.children if part.type == "code_inline")
    assert span.content.strip() == " ".join(value.split())
    assert inline.children[0].content == "Against "
