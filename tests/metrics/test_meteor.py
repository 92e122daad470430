from __future__ import annotations

import json
import math
from typing import Any

import pytest

from outcrop.metrics.meteor import meteor
from outcrop.metrics.protocol import Pair

from .doubles import FIXTURES, rows_of, value_of

# NLTK's values are stored with 12 digits.
TOLERANCE = 1e-11

FIXTURE: dict[str, Any] = json.loads((FIXTURES / "meteor.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("number", range(len(FIXTURE["parameters"])))
def test_values_equal_nltk(number: int) -> None:
    alpha, beta, gamma = FIXTURE["parameters"][number]
    metric = meteor(alpha=alpha, beta=beta, gamma=gamma)
    cases = FIXTURE["cases"]
    found = metric.per_record(metric.prepare([Pair(case["response"], tuple(case["references"])) for case in cases]))
    assert found == pytest.approx([case["meteor"][number] for case in cases], abs=TOLERANCE)


@pytest.mark.parametrize(
    ("response", "reference", "row", "expected"),
    [
        # Worked by hand. All six words match in one chunk: 1 - 1/2 (1/6)³.
        ("the cat sat on the mat", "the cat sat on the mat", [6, 6, 6, 1], 1 - 0.5 / 216),
        # Both "the" of the response take the other one's place, so that all six words stand alone: 1 - 1/2.
        ("on the mat sat the cat", "the cat sat on the mat", [6, 6, 6, 6], 0.5),
        # Seven words, six match in two chunks: P = 6/7, R = 1, F = 60/61; penalty 1/2 (2/6)³.
        ("the cat was sat on the mat", "the cat sat on the mat", [6, 7, 6, 2], 60 / 61 * (1 - 0.5 / 27)),
        # "running" matches "runs" by its stem.
        ("he is running", "he runs", [2, 3, 2, 2], 2 / (0.9 * 2 + 0.1 * 3) * 0.5),
        # Read from the end, a takes the last a of the reference and crosses b: two chunks, where one was possible.
        ("a b", "a b a", [2, 2, 3, 2], 2 / (0.9 * 3 + 0.1 * 2) * 0.5),
        ("word", "another", [0, 1, 1, 0], 0),
        ("", "word", [0, 0, 1, 0], 0),
    ],
)
def test_cases_by_hand(response: str, reference: str, row: list[float], expected: float) -> None:
    assert rows_of(meteor(), (response, reference)).tolist() == [row]
    assert value_of(meteor(), response, reference) == pytest.approx(expected, abs=1e-12)


def test_exact_words_go_before_stems() -> None:
    # "runs" is still free when "run" looks for it by its stem.
    assert rows_of(meteor(), ("run runs", "runs running")).tolist() == [[2, 2, 2, 2]]


def test_what_cannot_be_scored() -> None:
    rows = rows_of(meteor(), (None, "a"), ("a", None), ("a", ""), ("a", " \n"), ("", "b"), ("b", "b"))
    assert [math.isnan(row[0]) for row in rows] == [True] * 4 + [False] * 2
    assert meteor().score(rows) == 0.25  # one word is one chunk: 1 - 1/2


def test_signature_names_the_choices() -> None:
    choices = "match:exact+stem|align:greedy-from-end|tok:wordpunct|case:lc"
    assert meteor().signature == f"meteor|{choices}|alpha:0.9|beta:3|gamma:0.5|refs:best|stat:mean|v1"
