from __future__ import annotations

import math
from typing import Any

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.inclusion import exact_inclusion, inclusion
from outcrop.metrics.protocol import Pair

from .doubles import FIXTURES, fixture, rows_of, value_of

FMEVAL = fixture(str(FIXTURES.parent / "robustness" / "fmeval.json"))["inclusions"]


@pytest.mark.parametrize(
    ("response", "reference", "expected"),
    [
        ("It is Paris, of course.", "Paris", 1),
        ("it is the city of light", "City of Light!", 1),
        ("Paris", "It is Paris", 0),
        ("a party", "art", 1),
        ("In Britain, I think", "UK<OR>England<OR>Britain", 1),
        ("In France, I think", "UK<OR>England", 0),
        ("anything", "UK<OR>", 0),
        ("", "Paris", 0),
    ],
)
def test_value(response: str, reference: str, expected: float) -> None:
    assert value_of(inclusion(), response, reference) == expected


def test_alternatives_by_several_references() -> None:
    metric = inclusion(delimiter=None)
    rows = metric.prepare([Pair("In Britain", ("UK", "Britain")), Pair("In Britain", ("UK<OR>Britain",))])
    assert rows.tolist() == [[1], [0]]


def test_what_cannot_be_scored() -> None:
    rows = rows_of(inclusion(), (None, "a b"), ("b", None), ("b", ""), ("b", "the"), ("b", "<OR>"), ("b c", "c"))
    assert [math.isnan(row[0]) for row in rows] == [True] * 5 + [False]
    assert inclusion().score(rows) == 1


@pytest.mark.parametrize("case", FMEVAL, ids=lambda case: f"{case['response']}-{case['reference']}")
def test_values_are_fmevals_under_its_operators(case: dict[str, Any]) -> None:
    for metric in (inclusion(), exact_inclusion()):
        assert value_of(metric, case["response"], case["reference"]) == case["scores"][metric.name], metric.name


@pytest.mark.parametrize(
    ("response", "reference", "expected"),
    [
        ("red, yellow and blue", "red<AND>blue", 1),
        ("red and yellow", "red<AND>blue", 0),
        ("cyan, if you ask me", "red<AND>blue<OR>cyan", 1),
        ("red", "red<AND>", 1),
        ("red", "red<AND>the", 1),
    ],
)
def test_parts_must_all_be_there(response: str, reference: str, expected: float) -> None:
    assert value_of(inclusion(), response, reference) == expected


def test_exact_inclusion_keeps_marks_and_articles() -> None:
    assert value_of(exact_inclusion(), "In the U.K.", "UK") == 0
    assert value_of(exact_inclusion(), "In the U.K.", "u.k.") == 1
    assert value_of(inclusion(), "In the U.K.", "UK") == 1
    assert math.isnan(value_of(exact_inclusion(), "x", ""))


def test_signature_names_the_delimiters() -> None:
    start, end = "inclusion|norm:squad1.1|match:characters|", "|refs:best|stat:mean|v1"
    assert inclusion().signature == f"{start}or:<OR>|and:<AND>{end}"
    assert inclusion(delimiter=None, together=None).signature == f"{start}or:none|and:none{end}"
    assert inclusion(delimiter=" / ").signature == f"{start}or: / |and:<AND>{end}"


def test_an_empty_delimiter_is_refused() -> None:
    with pytest.raises(InvalidInput, match="inclusion: delimiter: found ''; expected some text"):
        inclusion(delimiter="")
    with pytest.raises(InvalidInput) as caught:
        exact_inclusion(delimiter="", together="")
    assert [fault.field for fault in caught.value.faults] == ["delimiter", "together"]
