from __future__ import annotations

import math
from typing import Any

import pytest

from outcrop.domain.generation import GenerationParameters


def test_the_defaults_are_right() -> None:
    assert GenerationParameters().faults() == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("max_tokens", [1, 100_000]),
        ("temperature", [0, 0.0, 1, 10.0]),
        ("top_p", [1e-9, 0.5, 1]),
        ("top_k", [0, 1]),
        ("stop", [(), ("\n",), ["END", " "]]),
        ("seed", [0, 2**31 - 1]),
    ],
)
def test_what_will_do(name: str, values: list[Any]) -> None:
    for value in values:
        assert GenerationParameters(**{name: value}).faults() == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("max_tokens", [0, -1, 1.5, "x", None, True]),
        ("temperature", [-0.1, 10.1, math.nan, math.inf, "hot", None]),
        ("top_p", [0, 1.1, math.nan, "x"]),
        ("top_k", [-1, 0.5, "x"]),
        ("stop", ["END", ("",), ("a", ""), (1,), None]),
        ("seed", [-1, 2**31, 0.5, "x"]),
    ],
)
def test_what_will_not(name: str, values: list[Any]) -> None:
    for value in values:
        (fault,) = GenerationParameters(**{name: value}).faults()
        assert (fault.where, fault.field, fault.found) == ("generation", name, str(value))


def test_all_at_once() -> None:
    wrong = GenerationParameters(0, -1.0, 2.0, -1, ("",), -1)
    assert [fault.field for fault in wrong.faults()] == ["max_tokens", "temperature", "top_p", "top_k", "stop", "seed"]
