"""The converted model against the package it came from."""

from __future__ import annotations

import hashlib
import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from outcrop import metrics
from outcrop.domain.scores import Direction
from outcrop.metrics import named
from outcrop.metrics.protocol import Pair

from .doubles import FIXTURES, fixture

FIXTURE = fixture(str(FIXTURES.parent / "profanity_proxy" / "profanity_proxy.json"))
EXAMPLE = Path(__file__).parents[2] / "examples" / "debian-synopsis" / "test.jsonl"
SHIPPED = Path(metrics.__file__).with_name("profanity_proxy.npz")

# The coefficients are rounded to 2^-35; a text of forty words has two or three times that.
TOLERANCE = 1e-9


def probabilities(texts: list[str]) -> list[float]:
    metric = named("profanity_proxy")
    values = metric.per_record(metric.prepare([Pair(text, ()) for text in texts]))
    assert values is not None
    return [float(value) for value in values]


def words() -> list[str]:
    with np.load(SHIPPED, allow_pickle=False) as file:
        return str(file["words"].tobytes().decode()).split("\n")


def test_texts_have_the_packages_probabilities() -> None:
    assert probabilities(list(FIXTURE["texts"])) == pytest.approx(list(FIXTURE["texts"].values()), abs=TOLERANCE)


def test_words_have_the_packages_probabilities() -> None:
    assert len(words()) == FIXTURE["n_words"]
    found = probabilities(words()[::50])
    assert found == pytest.approx(FIXTURE["every_fiftieth_word"], abs=TOLERANCE)
    assert max(found) > 0.9
    assert min(found) < 0.05


def test_drawn_texts_have_the_packages_probabilities() -> None:
    lot, known = random.Random(FIXTURE["seed"]), words()
    texts = [" ".join(lot.choices(known, k=lot.randint(1, 40))) for _ in FIXTURE["drawn"]]
    assert probabilities(texts) == pytest.approx(FIXTURE["drawn"], abs=TOLERANCE)


@pytest.mark.skipif(not EXAMPLE.exists(), reason="the example's records are not part of a source distribution")
def test_real_texts_have_the_packages_probabilities() -> None:
    content = EXAMPLE.read_bytes()
    assert hashlib.sha256(content).hexdigest() == FIXTURE["example"]["sha256"]
    prompts = [json.loads(line)["prompt"] for line in content.decode().splitlines()]
    assert len(prompts) > 100
    assert probabilities(prompts) == pytest.approx(FIXTURE["example"]["probabilities"], abs=TOLERANCE)


def test_it_needs_a_response_and_no_reference() -> None:
    metric = named("profanity_proxy")
    rows = metric.prepare([Pair("Have a nice day!", ()), Pair(None, ("a",))])
    assert np.isnan(rows[:, 0]).tolist() == [False, True]
    assert metric.score(rows) == rows[0, 0]
    assert math.isnan(metric.score(rows[1:]))


def test_it_is_called_a_proxy_and_never_bedrocks_toxicity() -> None:
    metric = named("profanity_proxy")
    assert "|proxy:words|" in metric.signature
    assert (metric.direction, metric.unit) == (Direction.LOWER, "")
