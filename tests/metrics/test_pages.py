"""Each metric has a page, and the page's example prints what it says."""

from __future__ import annotations

import ast
import contextlib
import io
import re
from pathlib import Path

import pytest

from outcrop.metrics import names

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
LISTED: dict[str, str] = dict(
    re.findall(r"\[`([^`]+)`\]\(metrics/(\w+\.md)\)", (REFERENCE / "metrics.md").read_text(encoding="utf-8"))
)
PAGES = [*sorted((REFERENCE / "metrics").glob("*.md")), REFERENCE.parent / "why" / "notes-wrong-figures.md"]
#: Pages whose examples need a model.
_WITH_MODEL = {"bert_score", "embedding_similarity", "perplexity"}

OF_TEXTS = [REFERENCE / "metrics" / page for page in sorted({LISTED[name] for name in names()})]

_EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_metric_is_listed_with_its_page() -> None:
    assert set(names()) <= set(LISTED)
    for name in names():
        assert name in (REFERENCE / "metrics" / LISTED[name]).read_text(encoding="utf-8").splitlines()[0]


def printed_by(code: str) -> list[str]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "example", "exec"), {"__name__": "example"})
    return printed.getvalue().splitlines()


def said_by(code: str) -> list[str]:
    """What is marked with ``# > ``; else what stands behind each print, or in lines of their own after it."""
    marked = [line.removeprefix("# > ") for line in code.splitlines() if line.startswith("# > ")]
    if marked:
        return marked
    prints = {node.end_lineno for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Expr)}
    said = []
    for number, line in enumerate(code.splitlines(), 1):
        if line.startswith("# "):
            said.append(line[2:])
        elif number in prints and "  # " in line:
            said.append(line.rpartition("  # ")[2])
    return said


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.stem not in _WITH_MODEL], ids=lambda page: str(page.stem)
)
def test_examples_print_what_they_say(page: Path) -> None:
    examples = _EXAMPLE.findall(page.read_text(encoding="utf-8"))
    assert examples
    for code in examples:
        assert said_by(code)
        assert printed_by(code) == said_by(code)


@pytest.mark.parametrize("page", OF_TEXTS, ids=lambda page: str(page.stem))
def test_pages_say_what_a_reader_has_to_know(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    own = () if page.stem in _WITH_MODEL else ("Range: ", "Formula", "Empty and missing: ", "## Example")
    for part in ("Oracle", "## Traps", "## Not for", *own):
        assert part in text, part
