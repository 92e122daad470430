from __future__ import annotations

import math

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.inclusion import inclusion
from outcrop.metrics.protocol import Pair

from .doubles import rows_of, value_of


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


def test_signature_names_the_delimiter() -> None:
    start, end = "inclusion|norm:squad1.1|match:characters|", "|refs:best|stat:mean|v1"
    assert inclusion().signature == f"{start}or:<OR>{end}"
    assert inclusion(delimiter=None).signature == f"{start}or:none{end}"
    assert inclusion(delimiter=" / ").signature == f"{start}or: / {end}"


def test_an_empty_delimiter_is_refused() -> None:
    with pytest.raises(InvalidInput, match="inclusion: delimiter: found ''; expected some text"):
        inclusion(delimiter="")
