from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.metrics.porter import stem

from .doubles import FIXTURES


def test_stems_are_those_of_nltk() -> None:
    lines = (FIXTURES / "porter.tsv").read_text(encoding="utf-8").splitlines()
    expected = dict(line.split("\t") for line in lines if not line.startswith("#"))
    assert len(expected) > 5000
    assert {word: stem(word) for word in expected} == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    # The examples of Porter's paper, step by step, as they leave the whole algorithm.
    [
        ("caresses", "caress"),
        ("ponies", "poni"),
        ("feed", "feed"),
        ("agreed", "agre"),
        ("plastered", "plaster"),
        ("bled", "bled"),
        ("motoring", "motor"),
        ("sing", "sing"),
        ("hopping", "hop"),
        ("falling", "fall"),
        ("filing", "file"),
        ("happy", "happi"),
        ("relational", "relat"),
        ("vietnamization", "vietnam"),
        ("electriciti", "electr"),
        ("replacement", "replac"),
        ("adoption", "adopt"),
        ("probate", "probat"),
        ("rate", "rate"),
        ("cease", "ceas"),
        ("controll", "control"),
        ("roll", "roll"),
        ("generalizations", "gener"),
        ("oscillators", "oscil"),
    ],
)
def test_the_papers_examples(word: str, expected: str) -> None:
    assert stem(word) == expected


@pytest.mark.parametrize(("word", "expected"), [("", ""), ("Is", "is"), ("Running", "run"), ("SKIES", "sky")])
def test_case_and_short_words(word: str, expected: str) -> None:
    assert stem(word) == expected


@given(st.text(max_size=20) | st.text(alphabet="aeiouylstdingb", max_size=20))
def test_never_raises_and_never_lengthens_by_more_than_an_e(word: str) -> None:
    assert len(stem(word)) <= len(word.lower()) + 1
