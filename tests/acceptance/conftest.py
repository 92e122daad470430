"""The docs page of faults: each row is a message that a test has seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"
BEGIN, END = "<!-- written by tests/acceptance/test_faults.py: begin -->\n", "<!-- end -->"


@pytest.fixture
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], None]:
    """Hold a message that a person saw against the page's row for this test, or write it there (--write-faults)."""

    def tell(message: str) -> None:
        name = request.node.name
        row = f"| {what_happens(request)} | {shown(message, tmp_path)} | `{name}` |"
        rows = [line for line in read_rows() if not line.endswith(f"| `{name}` |")]
        if request.config.getoption("--write-faults"):
            write_rows([*rows, row])
        else:
            assert row in read_rows(), "run scripts/test --write-faults tests/acceptance/test_faults.py"

    return tell


def what_happens(request: pytest.FixtureRequest) -> str:
    """The first line of a test's docstring."""
    return str(request.function.__doc__).splitlines()[0].rstrip(".")


def shown(message: str, folder: Path) -> str:
    """A message without what differs from run to run, in a table's cell."""
    text = " ".join(message.split()).replace(str(folder), "…")
    for pattern, word in (
        (r"[0-9a-f]{64}", "HASH"),
        (r"127\.0\.0\.1:\d+", "HOST"),
        (r"bucket-[0-9a-f]{12}", "BUCKET"),
        (r"(port |:)\d{4,5}\b", r"\1PORT"),
        (r"/[0-9a-f]{32}(?=[/,: ])", "/…"),
        (r"jobs/[a-z0-9]{12}", "jobs/JOB"),
        (r"checkpoints/\d+-\d+", "checkpoints/STEP"),
        (r"step \d+", "step N"),
        (r"process \d+", "process N"),
        (r"scratch/[\w.-]+", "scratch/…"),
        (r"\d[\d,]* bytes", "N bytes"),
        (r"\d[\d.]* [kMG]?B\b", "N MB"),
    ):
        text = re.sub(pattern, word, text)
    return text.replace("|", "\\|").replace("<", "&lt;")


def read_rows() -> list[str]:
    """The table's rows."""
    text = PAGE.read_text(encoding="utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].splitlines()[2:]


def write_rows(rows: list[str]) -> None:
    """Put rows into the table, in the order of the tests' names."""
    text = PAGE.read_text(encoding="utf-8")
    table = ["| what happens | what a person sees | test |", "| --- | --- | --- |"]
    table += sorted(rows, key=lambda row: row.rpartition("`")[0].rpartition("`")[2])
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    PAGE.write_text(text[:start] + "\n".join(table) + "\n" + text[end:], encoding="utf-8")
