"""Values in Markdown: each is shown as it is, whatever it holds, and becomes neither a link, nor HTML, nor a cell."""

import re

# what begins or ends a construct, and what makes an address a link by itself; an underscore within a word does neither
_MARKUP = re.compile(r"[\\`*\[\]<>|#~&!:@]|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_BACKTICKS = re.compile("`+")


def text(value: object) -> str:
    """Return a value for a line of text or the cell of a table."""
    return _MARKUP.sub(r"\\\g<0>", _one_line(value))


def code(value: object) -> str:
    """Return a value as a code span, which is not for cells: a pipe ends them even there."""
    line = _one_line(value)
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(line)), default=0))
    # a space at both ends is not shown; without it a backtick there would be one of the fence
    return f"{fence} {line} {fence}" if "`" in line else f"{fence}{line}{fence}"


def _one_line(value: object) -> str:
    return _SPACE.sub(" ", str(value)).strip()
