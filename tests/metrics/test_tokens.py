from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.metrics import tokens
from outcrop.metrics.porter import stem
from outcrop.metrics.tokens import tokeniser


def test_everything_but_letters_and_digits_separates() -> None:
    assert tokeniser(stemmed=False)("Don't: naïve_B2B, 日本\tx.") == ("don", "t", "na", "ve", "b2b", "x")


def test_words_of_up_to_three_letters_are_not_stemmed() -> None:
    assert tokeniser(stemmed=True)("ads days runs") == ("ads", "day", "run")


def test_text_without_any_is_empty() -> None:
    assert tokeniser(stemmed=True)("") == tokeniser(stemmed=True)("日本語 …") == ()


@given(st.text(max_size=30) | st.text(alphabet="aZ09 é-İKſ\ud800", max_size=30))
def test_words_are_runs_of_a_z_and_0_9(text: str) -> None:
    assert tokeniser(stemmed=False)(text) == tuple(re.findall("[a-z0-9]+", text.lower()))


def test_long_texts_are_read_alike() -> None:
    assert tokeniser(stemmed=True)("Running days " * 200) == ("run", "day") * 200


def test_a_full_vocabulary_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_VOCABULARY", 3)
    words = ["running", "days", "sitting", "mats", "running"]
    known = tokens._Stems()
    assert [known[word] for word in words] == [stem(word) for word in words]
    assert len(known) <= 3
