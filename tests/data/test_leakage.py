from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from outcrop.data.leakage import EXAMPLES, LeakedPart, Pair, between_files, between_parts
from outcrop.data.twins import Twins
from outcrop.domain.errors import InvalidInput

Write = Callable[..., Path]


def test_counts_by_hand() -> None:
    # Texts 0, 1, 2; 0 and 1 are near twins. Part a has 0 0 1, part b has 0 1 1 2, part c has 2.
    twins = Twins(
        copy_of=np.array([0, 0, 1, 0, 1, 1, 2, 2]),
        n_distinct=3,
        pairs=np.array([[0, 1]]),
        jaccard=np.array([0.875]),
        cut=True,
    )
    part = np.array([0, 0, 0, 1, 1, 1, 1, 2])
    found = between_parts(twins, part, np.array([1, 2, 3, 1, 2, 3, 4, 1]), ["a", "b", "c"])
    # Exact pairs: text 0 has 2 in a and 1 in b, text 1 has 1 and 2, text 2 has 1 and 1.
    assert found.n_exact_pairs == 2 + 2 + 1
    # Near pairs: 0 in a (2) with 1 in b (2), 0 in b (1) with 1 in a (1).
    assert found.n_near_pairs == 4 + 1
    assert found.at_least
    # Each has an exact twin elsewhere, and is not counted again for its near one.
    assert found.parts == (LeakedPart("a", 3, 3, 0), LeakedPart("b", 4, 4, 0), LeakedPart("c", 1, 1, 0))
    assert found.examples == (
        Pair("a", 2, "b", 1, 1.0, True),
        Pair("a", 3, "b", 2, 1.0, True),
        Pair("b", 4, "c", 1, 1.0, True),
        Pair("a", 1, "b", 2, 0.875, False),
    )


def test_twins_in_one_part_are_no_leak() -> None:
    twins = Twins(np.array([0, 0, 1, 2]), 3, np.array([[0, 1]]), np.array([0.9]), cut=False)
    found = between_parts(twins, np.array([0, 0, 0, 1]), np.arange(4) + 1, ["a", "b"])
    assert found.n_exact_pairs == found.n_near_pairs == 0
    assert found.parts == (LeakedPart("a", 3, 0, 0), LeakedPart("b", 1, 0, 0))
    assert found.examples == ()


def test_a_near_twin_elsewhere_whose_first_copy_is_beside() -> None:
    # Both texts are in part a first; text 1 is in part b too.
    twins = Twins(np.array([0, 1, 1]), 2, np.array([[0, 1]]), np.array([0.8]), cut=False)
    found = between_parts(twins, np.array([0, 0, 1]), np.array([1, 2, 1]), ["a", "b"])
    assert found.parts == (LeakedPart("a", 2, 1, 1), LeakedPart("b", 1, 1, 0))
    assert found.examples[-1] == Pair("a", 1, "b", 1, 0.8, False)


def test_files(write: Write) -> None:
    said = "the quick brown fox jumps over the lazy dog and runs far away from here today"
    train = write({"prompt": said, "completion": "x"}, {"prompt": "b", "completion": "c"}, name="train.jsonl")
    test = write(
        {"prompt": "other"}, {"prompt": "B", "referenceResponse": "C"}, {"prompt": f"now {said} x"}, name="test"
    )
    found = between_files([(train, "train"), (test, "test")])
    assert found.parts == (LeakedPart("train", 2, 1, 1), LeakedPart("test", 3, 1, 1))
    assert [(one.line, one.other_line, one.exact) for one in found.examples] == [(2, 2, True), (1, 3, False)]
    only = between_files([(train, "train"), (test, "test")], fields=("prompt",))
    assert only.n_exact_pairs == 1


def test_examples_are_few(write: Write) -> None:
    path = write(*({"prompt": f"p{n}"} for n in range(50)))
    found = between_files([(path, "a"), (path, "b")])
    assert found.n_exact_pairs == 50
    assert len(found.examples) == EXAMPLES


def test_all_faults_of_all_files(write: Write) -> None:
    one, other = write(b"[]\n", name="one"), write(b"{\n{}\n", name="other")
    with pytest.raises(InvalidInput) as caught:
        between_files([(one, "one"), (other, "other")])
    assert [fault.where for fault in caught.value.faults] == ["one", "other"]
