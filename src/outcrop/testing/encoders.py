"""The promises of ``Encoder`` as tests.

A test module subclasses ``EncoderContract``, says how its encoder is made, and gets a test per promise:

    class TestMine(EncoderContract):
        def make_encoder(self) -> Encoder:
            return MyEncoder(...)
"""

# The name of a test says what is promised.
# ruff: noqa: D102

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.encoding import Encoder

#: How far the company of a text may move a cosine of its vectors (float32).
COSINE_TOLERANCE = 1e-5

_TEXTS = (
    "granite",
    "an outcrop is where bedrock comes to the surface",
    "",
    "Grüße aus dem Gebirge 🏔️ 山の石",
    "rock, rock, rock.",
    "word by word " * 60,
)


class EncoderContract:
    """What every encoder promises."""

    def make_encoder(self) -> Encoder:
        """A new encoder; each test calls it at least once."""
        raise NotImplementedError

    def test_nothing_to_do(self) -> None:
        encoder = self.make_encoder()
        assert encoder.tokenize([]) == []
        assert encoder.encode([], 1) == []

    def test_a_vector_for_each_token(self) -> None:
        encoder = self.make_encoder()
        for layer in (1, encoder.layers):
            encoded = encoder.encode(_TEXTS, layer)
            assert [one.tokens.tolist() for one in encoded] == encoder.tokenize(_TEXTS)
            assert len({one.vectors.shape[1] for one in encoded}) == 1
            for one in encoded:
                assert one.vectors.dtype == np.float32
                assert len(one.vectors) == len(one.tokens)
                assert np.isfinite(one.vectors).all()

    def test_an_empty_text_has_special_tokens_alone(self) -> None:
        encoder = self.make_encoder()
        for tokens in encoder.tokenize(["", " \n\t"]):
            assert set(tokens) <= encoder.special_ids

    def test_white_space_at_the_ends_is_not_seen(self) -> None:
        encoder = self.make_encoder()
        assert encoder.tokenize(["\n granite rock\t "]) == encoder.tokenize(["granite rock"])

    def test_company_changes_next_to_nothing(self) -> None:
        encoder = self.make_encoder()
        together = encoder.encode([*_TEXTS, *_TEXTS[::-1]], encoder.layers)
        for place, text in enumerate(_TEXTS):
            alone = _unit(encoder.encode([text], encoder.layers)[0].vectors)
            for other in (together[place], together[-1 - place]):
                assert np.abs((alone * _unit(other.vectors)).sum(axis=1) - 1).max(initial=0) < COSINE_TOLERANCE

    def test_layers_differ(self) -> None:
        encoder = self.make_encoder()
        vectors = [encoder.encode(_TEXTS[:1], layer)[0].vectors for layer in range(1, encoder.layers + 1)]
        assert all(not np.allclose(one, other) for one, other in pairwise(vectors))

    def test_the_signature_begins_with_the_name(self) -> None:
        encoder = self.make_encoder()
        assert encoder.signature.startswith(f"encoder:{encoder.name}#")


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled
