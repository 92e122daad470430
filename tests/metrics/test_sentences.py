from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.metrics.sentences import sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rained. We left.", ["It rained.", "We left."]),
        ("It rained.We left.", ["It rained.We left."]),
        ("Why? Because! Well… Yes.", ["Why?", "Because!", "Well…", "Yes."]),
        ("one line\nanother\r\n\n third ", ["one line", "another", "third"]),
        ('He said "No." Then he left.', ['He said "No."', "Then he left."]),
        ("He left (at last.) «Now» is later.", ["He left (at last.)", "«Now» is later."]),
        ('It ended. "Really?" she asked.', ["It ended.", '"Really?" she asked.']),
        ("It costs 3.50 in all. 20 were sold.", ["It costs 3.50 in all.", "20 were sold."]),
        ("Mr. Low met Dr. J. R. Smith in the U.S. Senate.", ["Mr. Low met Dr. J. R. Smith in the U.S. Senate."]),
        ("See fig. 3, e.g. Oslo, vs. Bergen.", ["See fig. 3, e.g. Oslo, vs. Bergen."]),
        ("The end. and so on", ["The end. and so on"]),
        ("Ende. Übung. 次", ["Ende.", "Übung.", "次"]),
        ("今日は雨。明日は晴れ！「はい。」そう。", ["今日は雨。", "明日は晴れ！", "「はい。」", "そう。"]),
        ("...", ["..."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_where_sentences_end(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet='aB .!?\n"。é1', max_size=40) | st.text(max_size=20))
def test_nothing_but_white_space_is_lost(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())
    assert all(sentence == sentence.strip() != "" for sentence in sentences(text))
