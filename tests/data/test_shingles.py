from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.data.record_texts import normalised
from outcrop.data.shingles import common_shingles, shingles

MASK = (1 << 64) - 1


def slow_mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def slow_hash(shingle: str) -> int:
    """The polynomial over its bytes, whole numbers modulo 2⁶⁴."""
    total = sum(
        slow_mix(byte + 1) * pow(0x9E3779B97F4A7C15, place, 1 << 64) for place, byte in enumerate(shingle.encode())
    )
    return slow_mix(total & MASK)


def slow_shingles(text: str) -> list[str]:
    words = text.split(" ")
    units, glue = (words, " ") if len(words) >= 5 and len(text) <= 20 * len(words) else (list(text), "")
    if len(units) < 5:
        return [text]
    return [glue.join(units[start : start + 5]) for start in range(len(units) - 4)]


def of(texts: list[str]) -> list[list[int]]:
    found = shingles(texts)
    return [part.tolist() for part in np.split(found.hashes, found.offsets[1:-1])]


TEXTS = st.lists(st.text(st.sampled_from("ab é数😀 "), max_size=60).map(normalised), min_size=1, max_size=6)


@given(TEXTS)
@settings(max_examples=150, deadline=None)
def test_hashes_are_those_of_a_slow_clear_version(texts: list[str]) -> None:
    assert of(texts) == [[slow_hash(shingle) for shingle in slow_shingles(text)] for text in texts]


def test_what_a_shingle_is() -> None:
    assert [len(part) for part in of(["a b c d e f g", "a b c d", "abc", "", "数据集的训练与评估是机器学习"])] == [
        3,
        3,
        1,
        1,
        10,
    ]
    # Words of more than twenty characters on average are no words.
    assert len(of([" ".join(["数" * 21] * 5)])[0]) == 5 * 21 + 4 - 4


def test_common_shingles_are_left_out() -> None:
    form = "answer this question in one short line please "
    texts = [form + word * 3 for word in ("red ", "green ", "blue ")]
    texts = [normalised(text) for text in texts]
    common = common_shingles(shingles(texts), most=2)
    assert sorted(common.tolist()) == sorted(slow_hash(shingle) for shingle in slow_shingles(form.strip()))
    found = shingles([*texts, form.strip()], common)
    left = [part.tolist() for part in np.split(found.hashes, found.offsets[1:-1])]
    for text, hashes in zip(texts, left, strict=False):
        assert hashes == [slow_hash(one) for one in slow_shingles(text) if one not in form]
    # A text of nothing else keeps one shingle for the whole of itself.
    assert left[3] == [slow_hash(form.strip())]
