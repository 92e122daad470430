"""The examples of the pages on metrics of tables print what the pages say they print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NAMES = (
    *("accuracy", "confusion-matrix", "f1", "mcc", "kappa", "auc", "average-precision", "log-loss", "brier"),
    *("calibration", "threshold", "cost", "mae", "rmse", "r2", "mape", "mase", "quantile-loss", "coverage", "missing"),
)
PAGES = [*(f"reference/metrics/{name}.md" for name in NAMES), "why/notes-wrong-figures.md"]

_FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_examples_print_what_is_said(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    examples = _FENCE.findall((DOCS / page).read_text(encoding="utf-8"))
    assert examples
    for example in examples:
        said = re.findall(r"^# > (.*)$", example, re.MULTILINE)
        assert said
        exec(compile(example, page, "exec"), {"__name__": "example"})
        assert capsys.readouterr().out.splitlines() == said
