"""Which tokens of an echoed text are the continuation's; values by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from outcrop.domain.errors import NotSupported
from outcrop.domain.generation import LogLikelihood
from outcrop.engines.remote.protocol import Echo, Usage
from outcrop.engines.remote.scoring import continuations, rolled


def echo(*tokens: str, first: float | None = None) -> Echo:
    """A token's log-probability is minus its place, and the odd places are the likeliest ones."""
    logprobs = (first, *(-float(place) for place in range(1, len(tokens))))
    best = (None, *(-float(place) if place % 2 else -0.5 for place in range(1, len(tokens))))
    return Echo(tokens, logprobs, best, Usage(len(tokens), 1))


class Reader:
    """Echoes texts as it was told to, and notes which were read."""

    def __init__(self, **echoes: Echo) -> None:
        self.echoes = {text.replace("_", " "): each for text, each in echoes.items()}
        self.read: list[str] = []

    def __call__(self, texts: Sequence[str]) -> dict[str, Echo]:
        self.read += texts
        return {text: self.echoes[text] for text in texts}


def test_tokens_that_end_within_the_continuation_count() -> None:
    read = Reader(ab_cd=echo("ab", " c", "d"))
    assert continuations([("ab", " cd")], read) == [LogLikelihood(-3.0, 2, False, (-1.0, -2.0))]
    # The token in which both lie is the continuation's: its own first letters can't be had apart.
    assert continuations([("ab c", "d")], read) == [LogLikelihood(-2.0, 1, False, (-2.0,))]
    assert continuations([("a", "b cd")], read) == [LogLikelihood(-3.0, 2, False, (-1.0, -2.0))]


def test_a_token_that_begins_texts_is_no_part_of_the_context() -> None:
    read = Reader(ab_cd=echo("<s>", "ab", " c", "d"))
    assert continuations([("ab", " cd")], read) == [LogLikelihood(-5.0, 2, False, (-2.0, -3.0))]
    assert continuations([("", "ab cd")], read) == [LogLikelihood(-6.0, 3, False, (-1.0, -2.0, -3.0))]
    assert read.read == ["ab cd", "ab cd"]


def test_the_likeliest_tokens_are_greedy() -> None:
    assert continuations([("", "ab")], Reader(ab=echo("a", "b"))) == [LogLikelihood(-1.0, 1, True, (-1.0,))]
    unknown = Echo(("a", "b"), (None, -1.0), (None, None), Usage(2, 1))
    assert not continuations([("", "ab")], Reader(ab=unknown))[0].greedy


def test_tokens_that_can_not_be_shown_are_counted_off() -> None:
    """A character of four bytes in two tokens, each of which a server shows as a replacement character."""
    read = Reader(**{"ä_🏔": echo("ä", " ", "\ufffd", "\ufffd"), "ä": echo("ä")})
    assert continuations([("ä", " 🏔")], read) == [LogLikelihood(-6.0, 3, False, (-1.0, -2.0, -3.0))]
    assert read.read == ["ä 🏔", "ä"]


def test_an_empty_continuation_is_not_asked_for() -> None:
    read = Reader()
    assert continuations([("ab", ""), ("", "")], read) == [LogLikelihood(0.0, 0, True)] * 2
    assert read.read == []


def test_a_text_within_one_window_is_read_once() -> None:
    read = Reader(abcd=echo("a", "b", "c", "d"))
    assert rolled(["abcd"], 4, 2, read) == [LogLikelihood(-6.0, 3, False, (-1.0, -2.0, -3.0))]
    assert read.read == ["abcd"]


def test_later_windows_are_texts_of_their_own() -> None:
    # Windows of 3 by 2: abc scores b and c, cde scores d and e; the server puts <s> before the second.
    read = Reader(abcde=echo("a", "b", "c", "d", "e"), cde=echo("<s>", "c", "d", "e"))
    assert rolled(["abcde"], 3, 2, read) == [LogLikelihood(-8.0, 4, False, (-1.0, -2.0, -2.0, -3.0))]
    assert read.read == ["abcde", "cde"]


def test_windows_that_are_cut_otherwise_are_refused() -> None:
    read = Reader(abcde=echo("a", "b", "c", "d", "e"), cde=echo("cd", "e"))
    with pytest.raises(NotSupported, match=r"a window that holds the longest text \(5 tokens\)"):
        rolled(["abcde"], 3, 2, read)


def test_an_empty_text_has_no_tokens() -> None:
    assert rolled([""], 3, 2, Reader()) == [LogLikelihood(0.0, 0, True)]
