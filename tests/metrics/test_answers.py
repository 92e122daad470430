"""Quasi exact match, token F1 and inclusion against the official SQuAD scripts and fmeval."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outcrop.metrics import named
from outcrop.metrics.protocol import Pair
from outcrop.metrics.token_f1 import squad_words

from .doubles import FIXTURES

# The peers' values are stored with 12 digits.
TOLERANCE = 1e-11

CASES: list[dict[str, Any]] = json.loads((FIXTURES / "answers.json").read_text(encoding="utf-8"))["cases"]


def values(name: str, cases: list[dict[str, Any]]) -> list[float]:
    metric = named(name)
    rows = metric.prepare([Pair(case["response"], tuple(case["references"])) for case in cases])
    found = metric.per_record(rows)
    assert found is not None
    return [float(value) for value in found]


def empty(case: dict[str, Any]) -> bool:
    """Whether nothing is left of the response, or of a reference."""
    return not all(squad_words(text) for text in (case["response"], *case["references"]))


def all_empty(case: dict[str, Any]) -> bool:
    return not any(squad_words(text) for text in (case["response"], *case["references"]))


@pytest.mark.parametrize(("name", "script"), [("quasi_exact_match", "exact"), ("token_f1", "f1")])
@pytest.mark.parametrize("version", ["1.1", "2.0"])
def test_values_equal_the_official_squad_scripts(name: str, script: str, version: str) -> None:
    cases = [case for case in CASES if not empty(case)]
    assert len(cases) > 40
    found = values(name, cases)
    assert found == pytest.approx([case["squad"][f"{script}_{version}"] for case in cases], abs=TOLERANCE)


def test_two_empty_answers_are_equal_as_in_squad_2() -> None:
    cases = [case for case in CASES if all_empty(case)]
    assert len(cases) > 1
    for name, script in (("quasi_exact_match", "exact"), ("token_f1", "f1")):
        assert values(name, cases) == [case["squad"][f"{script}_2.0"] for case in cases] == [1] * len(cases)
    assert [case["squad"]["f1_1.1"] for case in cases] == [0] * len(cases)


def test_squad_2_drops_an_empty_reference_beside_others_and_we_do_not() -> None:
    case = next(case for case in CASES if case["references"] == ["", "Paris"] and not case["response"])
    assert (case["squad"]["exact_2.0"], case["squad"]["exact_1.1"]) == (0, 1)
    assert values("quasi_exact_match", [case]) == values("token_f1", [case]) == [1]


@pytest.mark.parametrize(("name", "fmeval"), [("quasi_exact_match", "quasi_exact"), ("token_f1_set", "f1_set")])
def test_values_equal_fmeval(name: str, fmeval: str) -> None:
    assert values(name, CASES) == pytest.approx([case["fmeval"][fmeval] for case in CASES], abs=TOLERANCE)


def test_inclusion_equals_fmeval_where_no_reference_is_empty() -> None:
    cases = [case for case in CASES if all(squad_words(reference) for reference in case["references"])]
    assert len(cases) > 40
    assert values("inclusion", cases) == [case["fmeval"]["inclusion"] for case in cases]


def test_inclusion_leaves_out_the_empty_references_that_fmeval_finds_everywhere() -> None:
    cases = [case for case in CASES if not any(squad_words(reference) for reference in case["references"])]
    assert {case["fmeval"]["inclusion"] for case in cases} == {1}
    assert values("inclusion", cases) == pytest.approx([float("nan")] * len(cases), nan_ok=True)


def test_sets_and_multisets_differ() -> None:
    case = {"response": "new york", "references": ["new york new york"]}
    assert values("token_f1", [case]) == pytest.approx([2 / 3])
    assert values("token_f1_set", [case]) == [1]
