from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outcrop.engines.stopping import first_stop, settled


def test_the_first_stop_is_the_one_that_begins_first() -> None:
    assert first_stop("one two three", ["three", "two"]) == 4
    assert first_stop("one", ["two"]) is None
    assert first_stop("one", []) is None


def test_what_may_become_a_stop_is_held_back() -> None:
    assert settled("end of tu", ["turn", "over"]) == len("end of ")
    assert settled("aab", ["aabaac"]) == 0
    assert settled("ab", ["b"]) == 2, "a whole stop sequence is first_stop's business"


def test_a_half_written_character_is_held_back() -> None:
    assert settled("rock \ufffd\ufffd", []) == 5
    assert settled("a\ufffdb", []) == 3, "a broken character that others follow stays broken"
    assert settled("tu\ufffd", ["turn"]) == 0


@given(st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=5), max_size=3))
def test_nothing_settled_is_ever_cut_off(text: str, stops: list[str]) -> None:
    end = first_stop(text, stops)
    for length in range(len(text) + 1):
        if first_stop(text[:length], stops) is None:
            assert settled(text[:length], stops) <= (len(text) if end is None else end)
