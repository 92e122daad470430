from __future__ import annotations

import math
from dataclasses import asdict, fields
from typing import Any

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.domain.hyperparameters import HYPERPARAMETERS, LORA_ONLY, Choice, Hyperparameters, Number, choose
from outcrop.domain.models import Customization

LORA, FULL = Customization.LORA, Customization.FULL


def faults(method: Customization, **given: Any) -> dict[str, tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        choose(method, given)
    assert all(fault.where == "hyperparameters" for fault in caught.value.faults)
    return {fault.field: (fault.found, fault.expected) for fault in caught.value.faults}


def kind_of(row: Any) -> type:
    return type(row.lora)


def test_the_table_and_the_values_have_the_same_names() -> None:
    assert sorted(row.name for row in HYPERPARAMETERS) == sorted(field.name for field in fields(Hyperparameters))
    assert len({row.wire for row in HYPERPARAMETERS}) == len(HYPERPARAMETERS)
    assert {row.name for row in HYPERPARAMETERS} >= LORA_ONLY


@pytest.mark.parametrize("row", HYPERPARAMETERS, ids=lambda row: str(row.name))
def test_defaults_are_values_of_their_kind(row: Any) -> None:
    assert row.kind.read(row.lora) == row.lora
    if row.name not in LORA_ONLY:
        assert row.kind.read(row.full) == row.full


def test_each_method_has_its_defaults() -> None:
    lora, full = choose(LORA, {}), choose(FULL, {})
    assert (lora.rank, lora.alpha, lora.learning_rate) == (16, 32.0, 1e-3)
    assert (full.rank, full.alpha, full.dropout, full.learning_rate) == (0, 0.0, 0.0, 5e-5)
    for chosen in (lora, full):
        for row in HYPERPARAMETERS:
            assert type(getattr(chosen, row.name)) is kind_of(row)


def test_given_values_are_taken_and_the_others_stay() -> None:
    chosen = choose(LORA, {"rank": 4, "learning_rate": 0.01})
    assert asdict(chosen) == {**asdict(choose(LORA, {})), "rank": 4, "learning_rate": 0.01}


@pytest.mark.parametrize(("name", "value"), [("epochs", 3.0), ("epochs", "3"), ("learning_rate", 1), ("alpha", "8")])
def test_a_number_may_be_written_another_way(name: str, value: Any) -> None:
    """The wire has texts, JSON has numbers without kinds."""
    chosen = getattr(choose(LORA, {name: value}), name)
    assert chosen == float(value)
    assert type(chosen) is next(kind_of(row) for row in HYPERPARAMETERS if row.name == name)


NUMBERS = [row for row in HYPERPARAMETERS if isinstance(row.kind, Number)]
CHOICES = [row for row in HYPERPARAMETERS if isinstance(row.kind, Choice)]


@pytest.mark.parametrize("row", CHOICES, ids=lambda row: str(row.name))
def test_each_word_of_a_choice_is_taken_and_no_other(row: Any) -> None:
    for word in row.kind.words:
        assert getattr(choose(LORA, {row.name: word}), row.name) == word
    for other in (row.kind.words[0].upper(), "", None, 1):
        assert faults(LORA, **{row.name: other}) == {row.name: (repr(other), f"one of {', '.join(row.kind.words)}")}


@pytest.mark.parametrize(("given", "want"), [(True, True), (False, False), ("true", True), ("false", False)])
def test_a_switch_may_come_as_a_text(given: Any, want: bool) -> None:
    assert choose(LORA, {"rslora": given}).rslora is want


@pytest.mark.parametrize("value", [1, 0, "yes", "True", None])
def test_a_switch_is_true_or_false(value: Any) -> None:
    assert faults(LORA, rslora=value)["rslora"][1] == "true or false"


@pytest.mark.parametrize("value", ["q_proj", "q_proj,v_proj", "all-linear"])
def test_targets_are_names(value: str) -> None:
    assert choose(LORA, {"targets": value}).targets == value


@pytest.mark.parametrize("value", ["", "q_proj, v_proj", ".*proj", "q_proj,", 3, ["q_proj"], "all-linear,q_proj"])
def test_targets_are_nothing_else(value: Any) -> None:
    assert set(faults(LORA, targets=value)) == {"targets"}


@pytest.mark.parametrize("row", NUMBERS, ids=lambda row: str(row.name))
def test_both_ends_are_in_and_what_is_beyond_is_out(row: Any) -> None:
    low, high = row.kind.low, row.kind.high
    for end in (low, high):
        assert getattr(choose(LORA, {row.name: end}), row.name) == end
    step = 1 if row.kind.whole else 1e-3 * low or 1e-9
    for beyond in (low - step, high * 1.001 + 1):
        assert set(faults(LORA, **{row.name: beyond})) == {row.name}


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, None, "", "many", [], {}, 1e400, 10**400, True, False]
)
@pytest.mark.parametrize("name", ["epochs", "learning_rate"])
def test_what_is_no_number_is_refused(name: str, value: Any) -> None:
    found, expected = faults(LORA, **{name: value})[name]
    assert found == repr(value)[:80]
    assert expected.startswith("a whole number, 1 to 100" if name == "epochs" else "a number, 1e-08 to 1")


def test_a_number_that_python_will_not_write_is_refused_too() -> None:
    assert "digits" in faults(LORA, epochs=10**5000)["epochs"][0]
    assert "digits" in faults(LORA, unheard_of=10**5000)["unheard_of"][0]


def test_a_half_epoch_is_refused() -> None:
    assert faults(LORA, epochs=1.5) == {"epochs": ("1.5", "a whole number, 1 to 100")}


def test_all_faults_come_at_once() -> None:
    found = faults(LORA, epochs=0, seed=-1, rank=1000, max_length="long", colour="red", dropout=1)
    assert found == {
        "epochs": ("0", "a whole number, 1 to 100"),
        "seed": ("-1", "a whole number, 0 to 2147483647"),
        "rank": ("1000", "a whole number, 1 to 512"),
        "max_length": ("'long'", "a whole number, 16 to 1048576"),
        "dropout": ("1", "a number, 0 to 0.9"),
        "colour": ("'red'", f"one of {', '.join(row.name for row in HYPERPARAMETERS)}"),
    }


def test_full_refuses_what_only_lora_has() -> None:
    found = faults(FULL, rank=8, alpha=1.0, rslora=True, targets="q_proj")
    assert set(found) == LORA_ONLY
    assert {expected for _, expected in found.values()} == {"nothing: only the method lora has it"}
