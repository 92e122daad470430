"""What was measured on drawn data: the docs show it, and the methods that are chosen stand up to it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
LINES: list[dict[str, Any]] = json.loads((ROOT / "bench/results/coverage.json").read_text(encoding="utf-8"))["lines"]

#: No method that was measured covers these better by much: a few large values decide, and may not be in the sample.
HARD = {("90 % are 0", 30), ("length ratio", 30), ("F1 of a class of 20 %", 30), ("RMSE, heavy tails", 30),
        ("RMSE, heavy tails", 100), ("share 0.9, 1 to 20 records, mean 5", 30),
        ("difference, 1 to 20 records, mean 5", 10), ("20 of 200 positive, area 0.98", 200)}  # fmt: skip

CHOSEN = {
    "mean of values in 0..1": "chosen",
    "mean of other values": "chosen",
    "paired mean": "gains and losses",
    "corpus score": "expanded BCa",
    "corpus difference": "expanded percentile",
    "clusters": "Wilson effective",
    "AUC": "Wilson with DeLong's variance",
}


def lines(what: str, method: str, value: str) -> list[dict[str, Any]]:
    found = [line for line in LINES if line["what"] == what and line["method"] == method and value in line]
    assert found
    return found


def test_the_page_shows_what_was_measured() -> None:
    spec = importlib.util.spec_from_file_location("coverage_tables", ROOT / "bench/coverage_tables.py")
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    page = (ROOT / "docs/reference/statistics.md").read_text(encoding="utf-8")
    assert bench.page_with(LINES, page) == page, "run bench/coverage_tables.py"


@pytest.mark.parametrize(("what", "method"), CHOSEN.items())
def test_what_is_chosen_covers(what: str, method: str) -> None:
    for line in lines(what, method, "coverage"):
        if (line["data"], line["n"]) in HARD:
            assert line["coverage"] >= 0.87, line
        else:
            assert line["coverage"] >= 0.92, line


def test_exact_methods_never_cover_less_nor_reject_more() -> None:
    assert all(line["coverage"] >= 0.95 for line in lines("share", "Clopper-Pearson", "coverage"))
    assert all(line["rejected"] <= 0.05 for line in lines("paired share", "exact McNemar", "rejected"))
    assert all(line["rejected"] <= 0.0505 for line in lines("paired share", "mid-p McNemar", "rejected"))


def test_what_decides_rejects_no_more_than_it_may() -> None:
    for what, method in (("paired mean", "verdict"), ("corpus difference", "randomisation"), ("AUC", "DeLong")):
        for line in lines(what, method, "rejected"):
            # Three standard errors above 5 %.
            assert line["rejected"] <= 0.05 + 3 * (0.05 * 0.95 / line["samples"]) ** 0.5, line


def test_what_is_not_used_would_be_worse() -> None:
    assert min(line["coverage"] for line in lines("mean of values in 0..1", "Student t", "coverage")) < 0.6
    assert min(line["rejected"] for line in lines("corpus difference", "Moses bootstrap", "rejected")) > 0.07
    bca, percentile = (lines("corpus difference", f"expanded {kind}", "rejected") for kind in ("BCa", "percentile"))
    assert sum(line["rejected"] for line in bca) > 1.15 * sum(line["rejected"] for line in percentile)
