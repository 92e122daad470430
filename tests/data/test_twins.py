from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.data.twins import TwinFinder, Twins
from tests.data.test_shingles import slow_shingles

WORDS = [left + right for left in "bcdfghklmnprst" for right in ("a", "e", "i", "o", "u", "an", "el", "ir")]


def twins(texts: Sequence[str]) -> Twins:
    with TwinFinder() as finder:
        for text in texts:
            finder.add(text)
        return finder.find()


def near(texts: Sequence[str], found: Twins) -> set[frozenset[str]]:
    first = {int(number): text for text, number in zip(texts, found.copy_of, strict=True)}
    return {frozenset((first[int(one)], first[int(other)])) for one, other in found.pairs}


def brute_force(texts: Sequence[str]) -> dict[frozenset[str], float]:
    sets = {text: set(slow_shingles(text)) for text in texts}
    pairs = [(one, other) for one in sets for other in sets if one < other]
    found = {frozenset((a, b)): len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in pairs}
    return {pair: index for pair, index in found.items() if index >= 0.8}


def varied(seed: int, n_texts: int = 40) -> list[str]:
    """Texts with neighbours at every distance, a word or a few changed."""
    chance = random.Random(seed)
    texts = []
    for _ in range(n_texts):
        words = chance.choices(WORDS, k=chance.randrange(3, 120))
        for n_changed in (0, 1, 2, 4):
            changed = list(words)
            for place in chance.sample(range(len(words)), min(n_changed, len(words))):
                changed[place] = chance.choice(WORDS)
            texts.append(" ".join(changed))
    return texts


def test_near_twins_are_those_of_brute_force() -> None:
    missed = total = 0
    for seed in range(3):
        texts = varied(seed)
        found = twins(texts)
        wanted = brute_force(texts)
        got = near(texts, found)
        # None that is false; of true ones just at the threshold, two in a thousand may be missed.
        assert got <= set(wanted)
        missed += len(set(wanted) - got)
        total += len(wanted)
        first = {int(number): text for text, number in zip(texts, found.copy_of, strict=True)}
        for (one, other), index in zip(found.pairs, found.jaccard, strict=True):
            assert index == wanted[frozenset((first[int(one)], first[int(other)]))]
    assert total > 100
    assert missed <= 1


def test_the_threshold_is_itself_a_twin() -> None:
    # 12 shingles in all, 10 common ones: 5/6; and 8 of 10: exactly 4/5.
    words = WORDS[:13]
    assert len(twins([" ".join(words[:13]), " ".join(words[:12])]).pairs) == 1
    both = [" ".join(["x", *words[:12]]), " ".join([*words[:12], "y"])]
    assert twins(both).jaccard.tolist() == [0.8]


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_the_order_does_not_matter(chance: random.Random) -> None:
    texts = varied(5, 10) + ["same"] * 3
    shuffled = chance.sample(texts, len(texts))
    assert near(texts, twins(texts)) == near(shuffled, twins(shuffled))


def test_copies_have_one_number() -> None:
    found = twins(["a", "b", "a", "c", "b", "a"])
    assert found.copy_of.tolist() == [0, 1, 0, 2, 1, 0]
    assert found.n_distinct == 3
    assert not len(found.pairs)


def test_nothing_and_one() -> None:
    assert twins([]).n_distinct == 0
    assert twins([""]).copy_of.tolist() == [0]


def test_a_long_instruction_that_all_prompts_repeat_makes_no_twins() -> None:
    chance = random.Random(3)
    form = " ".join(chance.choices(WORDS, k=200))
    texts = [f"{form} {' '.join(chance.choices(WORDS, k=20))}" for _ in range(30)]
    assert len(brute_force(texts)) == 30 * 29 // 2
    assert not len(twins(texts).pairs)
    # What is a twin in what the instruction leaves is one still.
    assert len(twins([*texts, texts[0] + " more"]).pairs) == 1


def test_a_long_text_and_many_batches() -> None:
    chance = random.Random(4)
    words = chance.choices(WORDS, k=400_000)
    longer = " ".join(words)
    found = twins([longer, "a b c d e f", longer + " end", "a b c d e g"])
    assert found.pairs.tolist() == [[0, 2]]
