"""What an encoder is, and how pairs are read through one: part by part, in bounded memory, each text once a part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.protocol import Pair, Rows

#: Characters whose vectors are in memory together: some 30,000 tokens of English, or 50 MB of 384 numbers a token.
_PART = 1 << 17

Read = TypeVar("Read")


@dataclass(frozen=True)
class Encoded:
    """A text's tokens with those that the tokenizer puts around it, and their vectors.

    Attributes:
        tokens: Ids, shape ``(n,)``.
        vectors: Shape ``(n, width)``; not scaled.
    """

    tokens: NDArray[np.int64]
    vectors: NDArray[np.float32]


class Encoder(Protocol):
    """A model that gives each token of a text a vector, with the text around it in view.

    Promises: every text of any length is encoded, one vector a token; the tokens of ``tokenize`` are those of
    ``encode``; neither the company of a text nor white space at its ends changes what it gives (the company by no more
    than rounding: a cosine of vectors by less than 1e-5); batches are cut by length, so texts may come in any order.
    """

    @property
    def name(self) -> str:
        """What it is called, such as ``roberta-large``."""
        ...

    @property
    def signature(self) -> str:
        """Every choice of it that changes a vector: ``encoder:name#hash|long:windows``."""
        ...

    @property
    def layers(self) -> int:
        """How many layers it has; the last is that number, the first is 1."""
        ...

    @property
    def special_ids(self) -> frozenset[int]:
        """The tokens that the tokenizer puts around a text, such as [CLS] and [SEP]."""
        ...

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text, special ones included."""
        ...

    def encode(self, texts: Sequence[str], layer: int) -> list[Encoded]:
        """The tokens of each text and the vectors that the layer gives them."""
        ...


def compare_encoded(
    items: Sequence[Pair],
    read: Callable[[list[str]], list[Read | None]],
    compare: Callable[[Read, Read], tuple[float, ...]],
    width: int,
) -> Rows:
    """Rows of pairs whose texts are read through an encoder.

    Of several references the one with the best value counts, the first of those where there are several.

    Args:
        items: The pairs.
        read: What is kept of each text of a part; None for a text that says nothing.
        compare: The row of a response and a reference; its last number is the value.
        width: How many numbers a row has.

    Returns:
        Shape ``(len(items), width)``; a row of NaN where there is no response or no reference that says something, a
        row of zeros where there is one, and the response says nothing.
    """
    rows = np.full((len(items), width), np.nan)
    for part in _parts(items):
        # In a function of its own, so that the vectors of a part are gone before those of the next are made.
        _fill(rows, items, part, read, compare)
    return rows


def _fill(
    rows: Rows,
    items: Sequence[Pair],
    part: list[int],
    read: Callable[[list[str]], list[Read | None]],
    compare: Callable[[Read, Read], tuple[float, ...]],
) -> None:
    texts = list(dict.fromkeys(text for place in part for text in _texts(items[place])))
    kept = dict(zip(texts, read(texts), strict=True))
    for place in part:
        response, *references = (kept[text] for text in _texts(items[place]))
        wanted = [reference for reference in references if reference is not None]
        if wanted and response is None:
            rows[place] = 0.0
        elif wanted and response is not None:
            rows[place] = max((compare(response, reference) for reference in wanted), key=lambda row: row[-1])


def _texts(pair: Pair) -> tuple[str, ...]:
    """The response and the references; only called where both are there."""
    assert pair.response is not None
    return (pair.response, *pair.references)


def _parts(items: Sequence[Pair]) -> Iterator[list[int]]:
    """Places of the pairs that can be scored, cut into parts; pairs with the same references are neighbours."""
    places = [place for place, pair in enumerate(items) if pair.response is not None and pair.references]
    places.sort(key=lambda place: (len(items[place].references[0]), items[place].references))
    part: list[int] = []
    room = _PART
    for place in places:
        size = sum(map(len, _texts(items[place])))
        if part and size > room:
            yield part
            part, room = [], _PART
        part.append(place)
        room -= size
    if part:
        yield part
