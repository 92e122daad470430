"""Perturbations against fmeval's code, numbers against inflect's, and what is promised of all kinds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.domain.errors import InvalidInput, NotFound
from outcrop.evaluation.perturbations import DEFAULT_KINDS, KINDS, perturb, signed
from outcrop.evaluation.perturbations.numbers_in_words import cardinal
from outcrop.evaluation.perturbations.typos import NEIGHBOURS

FIXTURES = Path(__file__).parents[1] / "fixtures" / "robustness"
FMEVAL: dict[str, Any] = json.loads((FIXTURES / "fmeval.json").read_text(encoding="utf-8"))
NUMBERS: dict[str, Any] = json.loads((FIXTURES / "numbers.json").read_text(encoding="utf-8"))
PROMPT = "Name the 3 largest cities of France and say, in a sentence each, how many people live there."

every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.mark.parametrize("kind", ["butter_finger", "random_upper_case", "white_space"])
def test_the_drawn_texts_are_fmevals(kind: str) -> None:
    generator = np.random.default_rng(5)
    assert len(FMEVAL["prompts"]) > 20
    for prompt, wanted in zip(FMEVAL["prompts"], FMEVAL["perturbations"][kind], strict=True):
        assert [KINDS[kind].change(prompt, generator) for _ in wanted] == wanted


@every_kind
def test_a_prompt_is_perturbed_alike_wherever_it_stands(kind: str) -> None:
    before = perturb(PROMPT, kind, seed=3)
    perturb("another prompt", kind, seed=3)
    assert perturb(PROMPT, kind, seed=3) == before
    assert perturb(PROMPT, kind, seed=3, n=2) == before[:2]
    assert all((one.kind, one.seed) == (kind, 3) for one in before)


@every_kind
def test_seeds_draw_differently_where_there_is_chance(kind: str) -> None:
    first, second = (perturb(PROMPT, kind, seed=seed) for seed in (0, 1))
    texts = [[one.text for one in variants] for variants in (first, second)]
    assert (texts[0] != texts[1]) == KINDS[kind].drawn
    assert len(first) == (5 if KINDS[kind].drawn else 1)


@every_kind
@settings(max_examples=50)
@given(text=st.text(max_size=60), seed=st.integers(0, 9))
def test_a_variant_is_never_the_prompt_itself(kind: str, text: str, seed: int) -> None:
    assert all(one.text != text for one in perturb(text, kind, seed=seed))


@pytest.mark.parametrize(
    ("kind", "text"),
    [("typos", "12, 34?"), ("lower_case", "all small"), ("numbers_in_words", "no number"), ("white_space", "")],
)
def test_what_a_kind_cannot_change_has_no_variant(kind: str, text: str) -> None:
    assert perturb(text, kind) == ()


def test_typos_hit_a_tenth_of_the_letters_and_keys_that_touch() -> None:
    text = "The quick brown Fox, 1999! " * 400
    mistyped = perturb(text, "typos", seed=1, n=1)[0].text
    assert len(mistyped) == len(text)
    changed = [(old, new) for old, new in zip(text, mistyped, strict=True) if old != new]
    assert all(new.lower() in NEIGHBOURS[old.lower()] and new.isupper() == old.isupper() for old, new in changed)
    letters = sum(character.isalpha() for character in text)
    # Four standard errors of a share of 0.1.
    assert abs(len(changed) / letters - 0.1) < 4 * (0.1 * 0.9 / letters) ** 0.5


def test_neighbours_are_those_of_the_keyboard() -> None:
    assert {letter: "".join(sorted(NEIGHBOURS[letter])) for letter in "qagpzm"} == {
        "q": "aw",
        "a": "qswz",
        "g": "bfhtvy",
        "p": "lo",
        "z": "asx",
        "m": "jkn",
    }
    assert all(one in NEIGHBOURS[other] for one, near in NEIGHBOURS.items() for other in near)
    assert set(NEIGHBOURS) == set("abcdefghijklmnopqrstuvwxyz")


def test_cardinals_are_those_of_inflect() -> None:
    assert len(NUMBERS["cardinals"]) > 100
    assert {number: cardinal(int(number)) for number in NUMBERS["cardinals"]} == NUMBERS["cardinals"]


def test_ordinals_are_those_of_inflect() -> None:
    for number, words in NUMBERS["ordinals"].items():
        assert [one.text for one in perturb(f"the {number} time", "numbers_in_words")] == [f"the {words} time"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3rd of 1,250.", "third of one thousand two hundred fifty."),
        ("pi is 3.14, roughly", "pi is three point one four, roughly"),
        ("$5 and 10% (15)", "$five and ten% (fifteen)"),
        ("agent 007", "agent zero zero seven"),
        ("0, 0.5", "zero, zero point five"),
        ("It was 1999.", "It was one thousand nine hundred ninety-nine."),
    ],
)
def test_numbers_are_written_out(text: str, words: str) -> None:
    assert [one.text for one in perturb(text, "numbers_in_words")] == [words]


@pytest.mark.parametrize(
    "text", ["2026-11-21", "10:30", "v1.2.3", "1.2.3", "A4", "3d", "10-20", "1/2", "x86_64", "-5", "1" * 22, "١٢"]
)
def test_what_is_no_plain_number_stays(text: str) -> None:
    assert perturb(f"see {text} there", "numbers_in_words") == ()


def test_lower_case_is_all_small() -> None:
    assert [one.text for one in perturb("Is NATO in Brussels?", "lower_case")] == ["is nato in brussels?"]


def test_signatures_tell_everything_that_is_drawn_by() -> None:
    assert signed(["typos"]) == "typos(typos=p:0.1,n:5,seed:5,v1)"
    assert signed(DEFAULT_KINDS).startswith("typos+random_upper_case+lower_case+white_space+numbers_in_words(")
    assert len({signed(["typos"], seed=seed, n=n) for seed in (1, 2) for n in (1, 2)}) == 4


def test_what_is_asked_wrongly_is_refused() -> None:
    with pytest.raises(NotFound, match="no perturbation 'typo'; there is typos, random_upper_case, "):
        perturb("x", "typo")
    with pytest.raises(InvalidInput) as caught:
        perturb("x", "typos", seed=-1, n=0)
    assert [fault.field for fault in caught.value.faults] == ["seed", "n"]
    with pytest.raises(InvalidInput, match=re.escape("kinds: found none")):
        signed([])
