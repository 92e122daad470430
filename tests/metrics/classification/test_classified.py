from __future__ import annotations

import math

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.classification.classified import Classified, classified


def test_columns_become_lines() -> None:
    items = classified(["a", None], ["b", "a"], {"a": [0.2, None], "b": [0.8, None]})
    assert items == [Classified("a", "b", {"a": 0.2, "b": 0.8}), Classified(None, "a", None)]
    assert classified(["a"]) == [Classified("a", None, None)]
    assert classified([]) == []


def test_scores_that_are_missing() -> None:
    item = Classified("a", None, {"a": math.nan, "b": math.inf})
    assert item.score_of("a") is None
    assert item.score_of("b") == math.inf
    assert item.score_of("c") is None
    assert Classified("a", None).score_of("a") is None


def test_unequal_lengths_are_refused_all_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        classified(["a", "b"], ["a"], {"a": [0.1, 0.2], "b": [0.1, 0.2, 0.3]})
    assert [str(fault) for fault in caught.value.faults] == [
        "classified: predictions: found 1 values; expected 2, as many as labels has",
        "classified: scores['b']: found 3 values; expected 2, as many as labels has",
    ]
