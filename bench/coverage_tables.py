"""The tables of docs/reference/statistics.md, from results/coverage.json.

python bench/coverage_tables.py
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "coverage.json"
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "statistics.md"


def tables(lines: Sequence[dict[str, Any]]) -> str:
    """A table of coverage and one of rejections for each kind of case, methods side by side."""
    parts = []
    for what in dict.fromkeys(line["what"] for line in lines):
        for value, told in (("coverage", "covered, %"), ("rejected", "true zeros rejected, %")):
            found = [line for line in lines if line["what"] == what and value in line]
            if found:
                parts.append(_table_of(what, told, value, found))
    return "\n\n".join(parts)


def _table_of(what: str, told: str, value: str, lines: Sequence[dict[str, Any]]) -> str:
    methods = list(dict.fromkeys(line["method"] for line in lines))
    by_case: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for line in lines:
        by_case[line["data"], line["n"]][line["method"]] = f"{100 * line[value]:.1f}"
    size = "clusters" if what == "clusters" else "n"
    rows = [f"| {what}: {told} | {size} | {' | '.join(methods)} |", f"|---|---|{'---|' * len(methods)}"]
    for (data, n), found in by_case.items():
        rows.append(f"| {data} | {n:,} | {' | '.join(found.get(method, '') for method in methods)} |")
    return "\n".join(rows)


BEGIN, END = "<!-- coverage: written by bench/coverage.py -->", "<!-- end of coverage -->"


def page_with(lines: Sequence[dict[str, Any]], page: str) -> str:
    """The page with the tables of these results between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables(lines)}\n\n{END}{after}"


def write_page() -> None:
    """Put the tables of the results that are there into the page."""
    lines = json.loads(RESULTS.read_text(encoding="utf-8"))["lines"]
    PAGE.write_text(page_with(lines, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write_page()
