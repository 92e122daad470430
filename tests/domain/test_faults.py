from __future__ import annotations

import pytest

from outcrop.domain.errors import Fault
from outcrop.domain.faults import KEPT, FaultCollection, described, shown


def test_the_first_thousand_faults_are_kept_and_all_are_counted() -> None:
    faults = FaultCollection()
    for line in range(1, KEPT + 6):
        faults.add(Fault("data.jsonl", line, "", "a", "b"))
    assert faults.total == KEPT + 5
    assert [fault.line for fault in faults.kept] == list(range(1, KEPT + 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", '"plain"'),
        ('with "quotes"', '"with \\"quotes\\""'),
        ("Zoë 漢", '"Zoë 漢"'),
        ("\x1b[31m", '"\\u001b[31m"'),
        ("\x9b31m", '"\\u009b31m"'),
        ("\u202egnp.exe", '"\\u202egnp.exe"'),
        ("\ud800", '"\\ud800"'),
        ("\U000e0001", '"\\U000e0001"'),
        ("a" * 61, '"' + "a" * 60 + '…"'),
    ],
)
def test_a_text_is_shown_so_that_it_prints_on_any_terminal(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (3, "the number 3"),
        (0.5, "the number 0.5"),
        ("a", '"a"'),
        ([1, 2], "a list of 2"),
        ({}, "an empty object"),
        ({"text": "a"}, 'an object with "text"'),
    ],
)
def test_a_value_is_described_in_a_few_words(value: object, expected: str) -> None:
    assert described(value) == expected
