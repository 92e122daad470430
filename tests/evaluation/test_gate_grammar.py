"""What is a gate, and where a text that is none goes wrong."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.domain.errors import InvalidInput
from outcrop.evaluation.gate_grammar import parse_gates
from outcrop.evaluation.gates import Gate, Quantity


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("rougeL drop > 0.01", Gate("", "rougeL", Quantity.DROP, ">", 0.01)),
        ("rougeL drop>0.01", Gate("", "rougeL", Quantity.DROP, ">", 0.01)),
        ("rougeL<=.3", Gate("", "rougeL", Quantity.VALUE, "<=", 0.3)),
        ("chrf++ value >= -1e-3", Gate("", "chrf++", Quantity.VALUE, ">=", -0.001)),
        ("bert_score@roberta-large rise < 0", Gate("", "bert_score@roberta-large", Quantity.RISE, "<", 0.0)),
        ("rougeL shown drop > 0", Gate("", "rougeL", Quantity.DROP, ">", 0.0, shown=True)),
        ("rougeL shown < 0.3", Gate("", "rougeL", Quantity.VALUE, "<", 0.3, shown=True)),
        ("loss rise > 1 on news", Gate("", "loss", Quantity.RISE, ">", 1.0, dataset="news")),
        (
            "loss rise > 1 in 'world news' on \"a b\"",
            Gate("", "loss", Quantity.RISE, ">", 1.0, dataset="a b", category="world news"),
        ),
        ("'drop' drop > 1", Gate("", "drop", Quantity.DROP, ">", 1.0)),
    ],
)
def test_a_gate_is_read(text: str, gate: Gate) -> None:
    (found,) = parse_gates([text])
    assert found.text == text
    assert vars(found) | {"text": ""} == vars(gate)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", [(1, "a metric"), (1, "one of >"), (1, "a number")]),
        ("rougeL", [(7, "one of >"), (7, "a number")]),
        ("rougeL drop 0.01", [(13, "one of >")]),
        ("rougeL drop => 0.01", [(13, "one of >")]),
        ("rougeL drop > much", [(15, "a number")]),
        ("rougeL drop > nan", [(15, "a number")]),
        ("rougeL drop > 1%", [(15, "a number")]),
        ("rougeL falls > 0.01", [(8, "drop, rise")]),
        ("rougeL falls => much", [(8, "drop, rise"), (14, "one of >"), (17, "a number")]),
        ("rougeL drop > 0.01 of news", [(20, "the end"), (23, "the end")]),
        ("rougeL drop > on news", [(15, "a number")]),
        ("rougeL drop > 0.01 on", [(22, "a dataset")]),
        ("rougeL drop > 0.01 on a on b", [(25, "the end"), (28, "the end")]),
        ("rougeL drop > 0.01 on 'a", [(23, "a closing quote")]),
        ("> 0.01", [(1, "a metric")]),
    ],
)
def test_every_fault_has_its_place(text: str, places: list[tuple[int, str]]) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_gates([text])
    found = [(fault.field, fault.expected) for fault in caught.value.faults]
    assert [field for field, _ in found] == [f"{text!r} character {at}" for at, _ in places]
    for (_, expected), (_, begins) in zip(found, places, strict=True):
        assert expected.startswith(begins)


def test_faults_of_all_gates_are_told() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_gates(["rougeL", "rougeL drop > 0.01", "bleu drop ? 1"])
    assert {fault.field.partition(" character")[0] for fault in caught.value.faults} == {"'rougeL'", "'bleu drop ? 1'"}


def test_a_message_says_all() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_gates(["rougeL drop => 0.01"])
    assert str(caught.value) == (
        "fail-if: 'rougeL drop => 0.01' character 13: found '=>'; expected one of >, >=, <, <="
    )


@given(st.text(max_size=40))
def test_any_text_is_a_gate_or_has_faults(text: str) -> None:
    with suppress(InvalidInput):
        (gate,) = parse_gates([text])
        assert gate.text == text
