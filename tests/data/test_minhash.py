from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from outcrop.data.minhash import BANDS, PERMUTATIONS, ROWS, WINDOW, band_keys, candidates, signatures
from outcrop.data.shingles import shingles

FIXTURE = json.loads((Path(__file__).parent.parent / "fixtures" / "leakage" / "minhash.json").read_text())


def jaccard(one: str, other: str) -> float:
    first, second = ({tuple(text.split()[n : n + 5]) for n in range(len(text.split()) - 4)} for text in (one, other))
    return len(first & second) / len(first | second)


def test_estimates_are_as_good_as_datasketch() -> None:
    """Two estimates of J from as many permutations differ with a standard deviation of sqrt(2 J (1 - J) / 128)."""
    ours, theirs, exact = [], [], []
    for one, other, estimate in FIXTURE["pairs"]:
        signed = signatures(shingles([one, other]))
        ours.append(float((signed[0] == signed[1]).mean()))
        theirs.append(estimate)
        exact.append(jaccard(one, other))
    deviations = [math.sqrt(j * (1 - j) / PERMUTATIONS) for j in exact]
    for our, their, j, deviation in zip(ours, theirs, exact, deviations, strict=True):
        assert abs(our - j) <= 4 * deviation
        assert abs(our - their) <= 4 * math.sqrt(2) * deviation
    # Without bias: the sum of all errors stays within three of its standard deviations.
    total = math.sqrt(sum(deviation**2 for deviation in deviations))
    assert abs(sum(ours) - sum(exact)) <= 3 * total
    # Without too little or too much scatter: errors in their own units have a mean square of about one.
    squares = [((our - j) / d) ** 2 for our, j, d in zip(ours, exact, deviations, strict=True) if d]
    assert 0.5 < sum(squares) / len(squares) < 1.7


def test_signatures_do_not_depend_on_what_is_beside() -> None:
    texts = [one for pair in FIXTURE["pairs"] for one in pair[:2]]
    together = signatures(shingles(texts))
    alone = np.concatenate([signatures(shingles([text])) for text in texts])
    assert np.array_equal(together, alone)


def test_bands_miss_less_than_one_in_a_hundred_at_the_threshold() -> None:
    missed = (1 - 0.8**ROWS) ** BANDS
    assert missed < 0.01
    assert (1 - 0.8 ** (ROWS + 1)) ** (PERMUTATIONS // (ROWS + 1)) > 0.01


def test_candidates_agree_in_a_whole_band() -> None:
    signed = np.arange(3 * PERMUTATIONS, dtype=np.uint32).reshape(3, PERMUTATIONS)
    signed[2, ROWS : 2 * ROWS] = signed[0, ROWS : 2 * ROWS]
    # Five of six rows, and six that straddle two bands, are not enough.
    signed[1, : ROWS - 1] = signed[0, : ROWS - 1]
    signed[1, 3 * ROWS - 3 : 4 * ROWS - 3] = signed[0, 3 * ROWS - 3 : 4 * ROWS - 3]
    found, cut = candidates(band_keys(signed), np.arange(3, dtype=np.uint64))
    assert found.tolist() == [[0, 2]]
    assert not cut


def test_a_huge_bucket_is_compared_in_a_window_and_said_to_be_cut() -> None:
    names = np.arange(WINDOW + 2, dtype=np.uint64)
    keys = np.zeros((1, len(names)), dtype=np.uint64)
    whole, cut = candidates(keys[:, :-1], names[:-1])
    assert not cut
    assert len(whole) == (WINDOW + 1) * WINDOW // 2
    some, cut = candidates(keys, names)
    assert cut
    assert len(some) == (WINDOW + 2) * (WINDOW + 1) // 2 - 1


def test_nothing_has_no_candidates() -> None:
    found, cut = candidates(np.zeros((BANDS, 1), dtype=np.uint64), np.zeros(1, dtype=np.uint64))
    assert found.shape == (0, 2)
    assert not cut
