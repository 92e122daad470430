"""Continued pre-training with the real model: a fresh domain is learnt, its price is told, and more is gone on with.

The domain is Python's language reference as ``help()`` has it, which ships with every Python (PSF-2.0); the general
texts are descriptions of Debian packages, from the example. ``bench/domain.py`` has the larger case.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from pydoc_data.topics import topics

import pytest

from outcrop import Outcrop
from outcrop.domain.scores import Outcome
from outcrop.reports.verdict import outcome
from tests.conftest import EXAMPLE, REAL_MODEL
from tests.doubles import write_lines

pytestmark = [pytest.mark.real, pytest.mark.process]

#: Characters of a text: some sixty tokens.
MOST = 250


def file_of(path: Path, texts: Sequence[str]) -> Path:
    return write_lines(path, [{"input": " ".join(text.split())[:MOST]} for text in texts])


def test_a_domain_is_learnt_its_price_told_and_gone_on_with(real_homes: Callable[[str], Path], tmp_path: Path) -> None:
    pages = [text for _, text in sorted(topics.items())]
    first, more = file_of(tmp_path / "first.jsonl", pages[::3]), file_of(tmp_path / "more.jsonl", pages[1::6])
    domain = file_of(tmp_path / "domain.jsonl", pages[2::6])
    examples = [json.loads(line) for line in (EXAMPLE / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    general = file_of(tmp_path / "general.jsonl", [record["prompt"].partition("\n\n")[2] for record in examples[:8]])
    with Outcrop(real_homes("home")) as outcrop:
        for base, name, train in ((REAL_MODEL, "python", first), ("python", "python-2", more)):
            outcrop.customize(base, name=name, train=train, purpose="pre-training", batch_size=2, warmup_steps=1)
        report = outcrop.forgetting("python-2", domain=domain, general=general)
    assert (report.base, report.parent) == (REAL_MODEL, "python")
    learnt, price = report.text_sets
    since_base, since_parent = learnt.changes
    assert outcome(since_base.comparison) is Outcome.BETTER
    assert since_base.high is not None
    assert since_base.high < 1
    # Whichever way they go, the price and what a little more data gave have bounds.
    assert all(change.low is not None and change.high is not None for change in (since_parent, *price.changes))
    assert len(report.verdicts) == 4
