"""What the server and a worker of its tell each other: one JSON object a line."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.generation import GenerationParameters, Piece, Prompt, Response


@dataclass(frozen=True)
class Held:
    """A model by its name; ``uri`` tells it from one that had the name before."""

    name: str
    uri: str


@dataclass(frozen=True)
class Ask:
    """Answer a prompt; what comes back carries the same ``number``, and so with every message."""

    number: int
    model: Held
    prompt: Prompt
    parameters: GenerationParameters


@dataclass(frozen=True)
class Cancel:
    """Nobody waits for this answer any more."""

    number: int


@dataclass(frozen=True)
class Load:
    """Have a model ready."""

    number: int
    model: Held


@dataclass(frozen=True)
class Count:
    """Count the tokens that a model reads of a prompt."""

    number: int
    model: Held
    prompt: Prompt


@dataclass(frozen=True)
class Embed:
    """Give vectors for texts."""

    number: int
    model: Held
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Began:
    """A prompt was taken; it has so many tokens."""

    number: int
    prompt_tokens: int


@dataclass(frozen=True)
class Told:
    """The next part of an answer."""

    number: int
    piece: Piece


@dataclass(frozen=True)
class Finished:
    """The whole answer, whose parts were told before."""

    number: int
    response: Response


@dataclass(frozen=True)
class Loaded:
    """A model is ready."""

    number: int


@dataclass(frozen=True)
class Counted:
    """What ``Count`` asked for."""

    number: int
    tokens: int


@dataclass(frozen=True)
class Embedded:
    """What ``Embed`` asked for: float32 numbers, ``width`` for each text, and how many tokens were read for them."""

    number: int
    width: int
    numbers: str
    tokens: int

    @classmethod
    def of(cls, number: int, vectors: NDArray[np.float32], tokens: int) -> Embedded:
        """Vectors as a message: ``(texts, width)``."""
        return cls(number, vectors.shape[1], base64.b64encode(vectors.astype("<f4").tobytes()).decode(), tokens)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The vectors: ``(texts, width)``."""
        found: NDArray[np.float32] = np.frombuffer(base64.b64decode(self.numbers), dtype="<f4")
        return found.reshape(-1, self.width)


@dataclass(frozen=True)
class Refused:
    """A request can't be done: the name of an error of ``domain.errors``, and what it says."""

    number: int
    error: str
    message: str


Request = Ask | Cancel | Load | Count | Embed
#: After others of these nothing more comes with their number.
GOES_ON = (Began, Told)

Answer = Began | Told | Finished | Loaded | Counted | Embedded | Refused

_KINDS: dict[str, type[Request | Answer]] = {
    kind.__name__: kind
    for kind in (Ask, Cancel, Load, Count, Embed, Began, Told, Finished, Loaded, Counted, Embedded, Refused)
}


def encode(message: Request | Answer) -> bytes:
    """A message as a line."""
    plain = {"is": type(message).__name__, **to_json(message)}
    # A remote model may have written half a character, and a message may quote one; ``json.loads`` reads these too.
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass") + b"\n"


def decode(line: bytes) -> Request | Answer:
    """The message that a line is.

    Raises:
        KeyError, ValueError, InvalidInput: It is none.
    """
    plain = json.loads(line)
    return from_json(_KINDS[plain.pop("is")], plain, "a message")
