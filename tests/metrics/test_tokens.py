from __future__ import annotations

from outcrop.metrics.tokens import tokeniser


def test_everything_but_letters_and_digits_separates() -> None:
    assert tokeniser(stemmed=False)("Don't: naïve_B2B, 日本\tx.") == ["don", "t", "na", "ve", "b2b", "x"]


def test_words_of_up_to_three_letters_are_not_stemmed() -> None:
    assert tokeniser(stemmed=True)("ads days runs") == ["ads", "day", "run"]


def test_text_without_any_is_empty() -> None:
    assert tokeniser(stemmed=True)("") == tokeniser(stemmed=True)("日本語 …") == []
