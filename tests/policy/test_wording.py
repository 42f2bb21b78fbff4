"""What people read is plain: words without riddles, rules that say "must", pages that say for whom they are."""

import ast
import re
from pathlib import Path

import pytest

from tests.policy.test_repository import ROOT, tracked

# each has a plain word: previous, recently, again or from scratch, continue or resume, restore, have, say or report
ODD = re.compile(
    r"(?<![\w-])(told|lately|anew|whoever|of before|go(?:es)? on|going on|puts? back|by now|heals?|bears?|bore)"
    r"(?![\w-])",
    re.IGNORECASE,
)
CODE = ("src", "flows", "tasks", "expectations", "scripts", "deploy", "api", "config", "benchmarks")
PAGES = ("*.md", "Makefile", "Dockerfile", "prefect.yaml")
READERS = r"\b(planners|forecasters|operators|developers|all readers)\b"
ERRORS = ("ConfigError", "DataError", "WarehouseError", "DataQualityError", "require_columns", "require_none")


def written() -> list[Path]:
    files = tracked(*(f"{folder}/*" for folder in CODE), *PAGES)
    return [path for path in files if path.suffix not in (".png", ".parquet") and "vendor" not in path.parts]


def pages() -> list[Path]:
    return sorted((ROOT / "docs").glob("*.md"))


def decisions() -> list[Path]:
    return sorted((ROOT / "docs" / "decisions").glob("*.md"))


def name_of(path: Path) -> str:
    return path.stem


def test_code_templates_and_pages_use_no_odd_words():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {odd[0]}"
        for path in written()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for odd in ODD.finditer(line)
    ]
    assert found == []


def rules_in(path: Path) -> list[tuple[str, str]]:
    """Return where the rule of an error is written down as a text, and the rule."""
    rules = []
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ERRORS:
            given = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "rule")]
            texts = [value for value in given if isinstance(value, ast.JoinedStr | ast.Constant)]
            rules += [(f"{path.relative_to(ROOT)}:{call.lineno}", ast.unparse(text)) for text in texts]
    return rules


def test_rules_of_errors_say_must():
    rules = [rule for path in tracked(*(f"{folder}/*.py" for folder in CODE)) for rule in rules_in(path)]
    assert len(rules) > 60
    assert [rule for rule in rules if " must " not in rule[1]] == []


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_page_says_for_whom_it_is(page):
    first_lines = " ".join(page.read_text(encoding="utf-8").splitlines()[1:6])
    assert re.search(rf"\bFor {READERS}|\bFor .*{READERS}", first_lines)


@pytest.mark.parametrize("decision", decisions(), ids=name_of)
def test_decision_has_status_date_and_what_replaced_it(decision):
    status = decision.read_text(encoding="utf-8").split("\n\n")[1]
    assert re.match(r"Status: (accepted|replaced by \[\d{4}\]\([\w-]+\.md\)), 20\d\d-\d\d-\d\d", status)
    assert [
        link for link in re.findall(r"\((\d{4}-[\w-]+\.md)\)", status) if not (decision.parent / link).exists()
    ] == []
