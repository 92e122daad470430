r"""The shipped double: an engine that answers by a script, the same each time, without any model.

A model folder with a ``scripted.json`` is one:

    {
      "responses": {"What is gneiss?": "A rock."},
      "patterns": [["capital of (\\w+)", "The capital of \\1 has one."]],
      "calls": "calls.txt"
    }
"""

from __future__ import annotations

import json
import random
import re
import time
import zlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput, NotFound
from outcrop.domain.generation import Context, GenerationParameters, LogLikelihood, Prompt, Response
from outcrop.domain.records import Role
from outcrop.engines.planning import Limits, cut, length_fault
from outcrop.engines.protocol import Batch
from outcrop.engines.stopping import first_stop, settled, stop_at
from outcrop.engines.tally import Tally
from outcrop.engines.windows import require_windows

FILE = "scripted.json"

_END = 0
_PIECE = re.compile(r"\s*\S+|\s+")


@dataclass(frozen=True)
class Script:
    r"""What a scripted engine says. Its tokens are words, each with the space before it.

    Attributes:
        responses: Response by prompt (the text of the last user message).
        patterns: Pairs of a regular expression, searched for in the prompt, and a response that may hold its groups
            (``\1``); the first that matches counts, after ``responses``. In place of one response there may be
            several, each with a weight, of which one is drawn: by the prompt alone at temperature 0, by seed, number
            and prompt above.
        echo_words: Every other prompt is answered with this many of its first words.
        delay: Seconds that each response takes.
        pause: Seconds between two words of a stream.
        logprob_per_character: Log-probability of each character, in nats.
        width: Length of an embedding.
        context: How many words prompt and response may have together.
        batch_rows: The most prompts of a batch.
        calls: A file that gets the number of each prompt that is answered, a line each; None writes nothing.
    """

    responses: Mapping[str, str] = field(default_factory=dict)
    patterns: tuple[tuple[str, str | tuple[tuple[float, str], ...]], ...] = ()
    echo_words: int = 8
    delay: float = 0.0
    pause: float = 0.0
    logprob_per_character: float = -1.0
    width: int = 32
    context: int = 2048
    batch_rows: int = 8
    calls: str | None = None

    @classmethod
    def from_json(cls, text: str) -> Script:
        """Read a script.

        Raises:
            InvalidInput: The text is no JSON object, or has fields that a script does not have.
        """
        try:
            found = json.loads(text)
        except ValueError as error:
            raise InvalidInput([Fault(FILE, None, "", str(error), "a JSON object")]) from error
        known = [entry.name for entry in fields(cls)]
        if not isinstance(found, dict):
            raise InvalidInput([Fault(FILE, None, "", type(found).__name__, "a JSON object")])
        unknown = [Fault(FILE, None, name, "no field of a script", ", ".join(known)) for name in found.keys() - known]
        if unknown:
            raise InvalidInput(unknown)
        patterns = tuple((expression, _weighted(response)) for expression, response in found.pop("patterns", ()))
        return cls(patterns=patterns, **found)

    def response(self, prompt: str, lot: float = 0.0) -> str:
        """The whole response to a prompt; ``lot``, in 0..1, picks among weighted ones."""
        if prompt in self.responses:
            return self.responses[prompt]
        for expression, response in self.patterns:
            match = re.search(expression, prompt)
            if match:
                return match.expand(response if isinstance(response, str) else _drawn(response, lot))
        return " ".join(prompt.split()[: self.echo_words])


def _weighted(response: str | list[list[object]]) -> str | tuple[tuple[float, str], ...]:
    if isinstance(response, str):
        return response
    return tuple((float(str(weight)), str(text)) for weight, text in response)


def _drawn(responses: tuple[tuple[float, str], ...], lot: float) -> str:
    """The response at a share of the sum of all weights."""
    left = lot * sum(weight for weight, _ in responses)
    for weight, text in responses:
        left -= weight
        if left < 0:
            return text
    return responses[-1][1]


class ScriptedEngine:
    """Answers by a script; implements ``Engine``."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._tally = Tally()

    @classmethod
    def load(cls, folder: Path) -> ScriptedEngine:
        """Read a model folder's script; its ``calls`` file lies in the folder.

        Raises:
            NotFound: The folder holds no ``scripted.json``.
            InvalidInput: The script can't be used.
        """
        path = folder / FILE
        if not path.is_file():
            raise NotFound(f"{folder} holds no {FILE}")
        script = Script.from_json(path.read_text(encoding="utf-8"))
        return cls(replace(script, calls=str(folder / script.calls)) if script.calls else script)

    def plan(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Batch]:
        """Cut the prompts into batches, longest prompts first.

        Raises:
            InvalidInput: A parameter is out of range, or a prompt leaves no room in the context; all of them.
        """
        lengths = self._lengths(prompts, parameters)
        limits = Limits(rows=self._script.batch_rows, tokens=self._script.batch_rows * self._script.context)
        return [tuple(prompts[place].number for place in batch) for batch in cut(lengths, limits)]

    def generate(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Response]:
        """Answer the prompts; responses in the order of the prompts.

        Raises:
            InvalidInput: As ``plan``.
        """
        lengths = self._lengths(prompts, parameters)
        return [self._answer(prompt, length, parameters) for prompt, length in zip(prompts, lengths, strict=True)]

    def stream(self, prompt: Prompt, parameters: GenerationParameters) -> Generator[str, None, Response]:
        """Answer one prompt, word by word.

        Raises:
            InvalidInput: As ``plan``, at the first piece.
        """
        response = self.generate([prompt], parameters)[0]
        pieces = _PIECE.findall(response.text)
        sent = 0
        for place in range(1, len(pieces)):
            text = "".join(pieces[:place])
            certain = settled(text, parameters.stop)
            if certain > sent:
                yield text[sent:certain]
                sent = certain
            if self._script.pause:
                time.sleep(self._script.pause)
        if len(response.text) > sent:
            yield response.text[sent:]
        return response

    def count(self, prompt: Prompt) -> int:
        """The words of a prompt; see ``Engine.count``."""
        return self._lengths([prompt], GenerationParameters())[0]

    def loglikelihood(self, requests: Sequence[tuple[Context, str]]) -> list[LogLikelihood]:
        """The script's log-probability per character; greedy where the script answers the context just so."""
        results = []
        with self._tally.scoring():
            for context, continuation in requests:
                each = tuple(self._logprob(piece) for piece in _PIECE.findall(continuation))
                asked = context if isinstance(context, str) else context[-1].text
                greedy = not each or self._script.response(asked).strip() == continuation.strip()
                results.append(LogLikelihood(sum(each), len(each), greedy, each))
                self._tally.scored_tokens += len(each)
        return results

    def rolling_loglikelihood(self, texts: Sequence[str], *, window: int, stride: int) -> list[LogLikelihood]:
        """As ``loglikelihood`` without a context: what a window cuts off changes nothing in a script.

        Raises:
            InvalidInput: The window or the stride is out of range: all faults.
        """
        require_windows(window, stride, self._script.context)
        return self.loglikelihood([("", text) for text in texts])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Words counted in hashed places, scaled to length 1: ``(texts, width)``; no word counts as one."""
        vectors = np.zeros((len(texts), self._script.width), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in text.lower().split() or [""]:
                vector[zlib.crc32(word.encode()) % self._script.width] += 1
            vector /= np.linalg.norm(vector)
        return vectors

    def figures(self) -> dict[str, float]:
        """What the work so far cost; ``Tally.figures`` names the numbers."""
        return self._tally.figures()

    def _lengths(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[int]:
        """Words of each prompt, or every fault of parameters and prompts."""
        lengths = [sum(len(message.text.split()) for message in prompt.messages) for prompt in prompts]
        checked = [
            length_fault(f"prompt {prompt.number}", length, 0, self._script.context - 1)
            for prompt, length in zip(prompts, lengths, strict=True)
        ]
        faults = parameters.faults() + [fault for fault in checked if fault]
        if faults:
            raise InvalidInput(faults)
        return lengths

    def _answer(self, prompt: Prompt, length: int, parameters: GenerationParameters) -> Response:
        began = time.perf_counter()
        with self._tally.generating():
            # Even a sleep of nothing gives the processor away.
            if self._script.delay:
                time.sleep(self._script.delay)
        questions = [message.text for message in prompt.messages if message.role is Role.USER]
        text = questions[-1] if questions else ""
        drawn = f"{parameters.seed}/{prompt.number}/{text}" if parameters.temperature else text
        # A text seeds Python's generator by its hash: one letter more is another draw.
        whole = self._script.response(text, random.Random(drawn).random())
        pieces, text, reason, stop = _cut(whole, parameters, self._script.context - length)
        tokens = [zlib.crc32(piece.encode()) or 1 for piece in pieces]
        logprobs = [self._logprob(piece) for piece in pieces]
        if reason == "end_turn":
            tokens, logprobs = [*tokens, _END], [*logprobs, 0.0]
        self._record(prompt.number, length, len(tokens))
        latency = time.perf_counter() - began
        return Response(
            prompt.number, text, reason, length, tuple(tokens), tuple(logprobs), latency=latency, stop_sequence=stop
        )

    def _logprob(self, piece: str) -> float:
        return self._script.logprob_per_character * len(piece)

    def _record(self, number: int, prompt_tokens: int, tokens: int) -> None:
        self._tally.prompt_tokens += prompt_tokens
        self._tally.read(1, prompt_tokens, prompt_tokens)
        self._tally.tokens += tokens
        if self._script.calls:
            with Path(self._script.calls).open("a", encoding="utf-8") as file:
                file.write(f"{number}\n")


def _cut(whole: str, parameters: GenerationParameters, room: int) -> tuple[list[str], str, str, str]:
    """The pieces of a response until it ends, its text, why it ended, and the stop text that ended it."""
    pieces: list[str] = []
    for piece in _PIECE.findall(whole):
        pieces.append(piece)
        text = "".join(pieces)
        stop = first_stop(text, parameters.stop)
        if stop is not None:
            return pieces, text[:stop], "stop_sequence", stop_at(text, stop, parameters.stop)
        if len(pieces) == min(parameters.max_tokens, room):
            return pieces, text, "max_tokens", ""
    return pieces, whole, "end_turn", ""


def read_calls(path: Path) -> list[int]:
    """Numbers of the prompts that were answered so far, in the order in which they were."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [int(line) for line in lines]
