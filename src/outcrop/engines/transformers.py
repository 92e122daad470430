"""The engine on transformers: a base that is loaded once, and engines that share it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from outcrop.domain.errors import NotSupported
from outcrop.domain.generation import Context, GenerationParameters, LogLikelihood, Prompt, Response
from outcrop.engines.adapters import SharedNetwork, View
from outcrop.engines.continuous import Continuous
from outcrop.engines.decoding import Decoding, Row, new_row
from outcrop.engines.encoding import Continuation, encode_prompts, encode_requests, encode_windows, require_lengths
from outcrop.engines.planning import Limits, cut
from outcrop.engines.protocol import Batch
from outcrop.engines.scoring import embedding_width, embeddings, joined, loglikelihoods
from outcrop.engines.tally import Tally
from outcrop.models.chat import ChatTokenizer
from outcrop.models.cost import model_size
from outcrop.models.network import load_network

# A batch is what an interrupted job does again, so it can't be all there is; its end, when places stay free, is a loss.
_TURNS = 2


class LoadedBase:
    """A model's weights in memory, once, for all engines that need them.

    Args:
        folder: A base model, or a custom model with whole weights.
        device: ``cpu``, ``cuda``, ….
        dtype: Number format of the weights; the promises of the engine hold for float32.
        limits: How large a batch may be.

    Raises:
        NotSupported: The folder's network or tokenizer can't be loaded.
    """

    def __init__(
        self,
        folder: Path,
        device: str = "cpu",
        *,
        dtype: torch.dtype = torch.float32,
        limits: Limits = Limits(),  # noqa: B008 - a frozen value
    ) -> None:
        self._tokenizer = ChatTokenizer.load(folder)
        self._network = SharedNetwork(load_network(folder, device=device, dtype=dtype))
        self._limits = limits
        self._writing = limits.of_writing(model_size(folder).cache_width * dtype.itemsize)

    def engine(self, adapter_folder: Path | None = None) -> TransformersEngine:
        """The base as it is, or with a LoRA adapter; engines may be used in turn, in any order.

        The base's own tokenizer and chat template serve all of them.

        Raises:
            NotFound: The folder holds no adapter.
            NotSupported: The adapter is of another kind than LoRA, changes the base's biases, or does not fit the base.
        """
        return TransformersEngine(self._network.view(adapter_folder), self._tokenizer, self._limits, self._writing)


class TransformersEngine:
    """One model on transformers; implements ``Engine``."""

    def __init__(self, network: View, tokenizer: ChatTokenizer, limits: Limits, writing: Limits | None = None) -> None:
        """A view of a network as an engine.

        Args:
            network: What computes.
            tokenizer: Its own.
            limits: How large a batch may be.
            writing: How large one may be that writes; as the others where None.
        """
        self._network = network
        self._tokenizer = tokenizer
        self._limits = limits
        self._writing = writing or limits
        self._tally = Tally()

    def plan(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Batch]:
        """Cut the prompts into batches, longest prompts first.

        A batch holds some times as many prompts as run side by side: waiting ones take the places of those that end.

        Raises:
            InvalidInput: A parameter is out of range, the chat template refuses a prompt, or a prompt leaves no room in
                the model's context; all of them.
        """
        rows = self._rows(prompts, parameters)
        return [tuple(rows[place].number for place in batch) for batch in self._cut(rows, parameters)]

    def generate(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Response]:
        """Answer the prompts as one batch; responses in the order of the prompts.

        Raises:
            InvalidInput: As ``plan``.
        """
        rows = self._rows(prompts, parameters)
        self._decode(rows, parameters)
        return [row.response() for row in rows]

    def stream(self, prompt: Prompt, parameters: GenerationParameters) -> Generator[str, None, Response]:
        """Answer one prompt, piece by piece; no piece is empty, ends within a character or could become a stop.

        Raises:
            InvalidInput: As ``plan``, at the first piece.
        """
        (row,) = rows = self._rows([prompt], parameters)
        for _ in Decoding(self._tokenizer, rows, 1, self._tally, watched=True).steps():
            if piece := row.fresh():
                yield piece
        if piece := row.fresh():
            yield piece
        return row.response()

    def continuous(self) -> Continuous:
        """What answers rows of this engine, and of others of its base, that come at any time."""
        return Continuous(self._tokenizer, self._writing, Tally())

    def row(self, prompt: Prompt, parameters: GenerationParameters) -> Row:
        """A prompt as a row for ``continuous``.

        Raises:
            InvalidInput: As ``plan``.
        """
        return self._rows([prompt], parameters)[0]

    def count(self, prompt: Prompt) -> int:
        """How many tokens the model reads of a prompt; see ``Engine.count``."""
        return len(encode_prompts(self._tokenizer, [prompt], GenerationParameters(), self._tokenizer.context)[0])

    def loglikelihood(self, requests: Sequence[tuple[Context, str]]) -> list[LogLikelihood]:
        """Log-probability of each continuation given its context.

        The two are tokenised by themselves and joined, so the context's tokens never depend on the continuation. The
        context begins with what the tokenizer puts before a text. Where that is nothing and the context is empty, the
        first token has nothing to depend on and is not scored (``tokens`` is one less).

        Raises:
            InvalidInput: Requests that are longer than the model's context; all of them.
        """
        return self._scored(encode_requests(self._tokenizer, requests, self._tokenizer.context))

    def rolling_loglikelihood(
        self, texts: Sequence[str], *, window: int, stride: int, full_last: bool = False
    ) -> list[LogLikelihood]:
        """Log-probability of whole texts of any length; see ``Engine.rolling_loglikelihood``.

        Args:
            texts: What to score.
            window: The most tokens that are read together.
            stride: How many tokens each window adds.
            full_last: See ``windows.rolling_windows``.

        Raises:
            InvalidInput: The window or the stride is out of range: all faults.
        """
        context = self._tokenizer.context
        windows = encode_windows(self._tokenizer, texts, context, window=window, stride=stride, full_last=full_last)
        parts = iter(self._scored([one for own in windows for one in own]))
        return [joined([next(parts) for _ in own]) for own in windows]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Mean of the last hidden states over each text's tokens, scaled to length 1: ``(texts, width)``.

        Raises:
            InvalidInput: Texts without a token or longer than the model's context; all of them.
            NotSupported: The network does not show its hidden states.
        """
        rows = [self._tokenizer.encode_text(text, special=True) for text in texts]
        require_lengths([len(row) for row in rows], "text", 1, self._tokenizer.context)
        vectors = np.zeros((len(rows), embedding_width(self._network)), dtype=np.float32)
        for batch in cut([len(row) for row in rows], self._limits):
            with self._tally.scoring():
                vectors[batch] = embeddings(self._network, [rows[place] for place in batch])
        self._tally.scored_tokens += sum(map(len, rows))
        return vectors

    def figures(self) -> dict[str, float]:
        """What the work so far cost; ``Tally.figures`` names the numbers."""
        return self._tally.figures()

    def _rows(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Row]:
        """The prompts as rows, or every fault of parameters and prompts."""
        context = self._tokenizer.context
        encoded = encode_prompts(self._tokenizer, prompts, parameters, context)
        return [
            new_row(prompt, self._network, tokens, parameters, context)
            for prompt, tokens in zip(prompts, encoded, strict=True)
        ]

    def _decode(self, rows: Sequence[Row], parameters: GenerationParameters) -> None:
        """Fill the rows."""
        if rows:
            side_by_side = len(cut(self._costs(rows, parameters), self._writing)[0])
            for _ in Decoding(self._tokenizer, rows, side_by_side, self._tally).steps():
                pass

    def _cut(self, rows: Sequence[Row], parameters: GenerationParameters) -> list[list[int]]:
        """Places of the rows in each batch."""
        batches = cut(self._costs(rows, parameters), self._writing)
        joined = (batches[first : first + _TURNS] for first in range(0, len(batches), _TURNS))
        return [[place for batch in some for place in batch] for some in joined]

    def _costs(self, rows: Sequence[Row], parameters: GenerationParameters) -> list[int]:
        """Tokens that each row may come to hold."""
        answer = min(parameters.max_tokens, self._tokenizer.context)
        return [len(row.prompt) + answer for row in rows]

    def _scored(self, items: Sequence[Continuation]) -> list[LogLikelihood]:
        """The log-probabilities of continuations that fit the model's context."""
        results = [LogLikelihood(0.0, 0, True)] * len(items)
        scored = [place for place, item in enumerate(items) if len(item.tokens) > item.start]
        with self._tally.scoring():
            found = loglikelihoods(self._network, [items[place] for place in scored], self._limits, self._tally)
        for place, answer in zip(scored, found, strict=True):
            results[place] = answer
        self._tally.scored_tokens += sum(len(item.tokens) for item in items)
        return results


class Together:
    """Several engines of one base as one: few prompts of many adapters fill its batches; implements ``Generator``.

    A prompt's number says whose it is: the numbers of ``prompts`` take turns between the engines. Samples depend on the
    number that the prompt had before. The work is counted by the first engine.
    """

    def __init__(self, engines: Sequence[TransformersEngine]) -> None:
        """Compute nothing yet.

        Args:
            engines: One or more.

        Raises:
            NotSupported: They are not of one ``LoadedBase``, or an adapter can't share a batch with others.
        """
        first = engines[0]._network
        if not all(engine._network.shares_network(first) for engine in engines):
            raise NotSupported("the engines are of several bases; only engines of one LoadedBase answer together")
        if not all(engine._network.mixes for engine in engines):
            raise NotSupported("an adapter is of a kind that can't share a batch with others; ask it by itself")
        self._engines = tuple(engines)

    def prompts(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """The prompts for each engine, numbered anew."""
        count = len(self._engines)
        return [replace(one, number=one.number * count + place) for one in prompts for place in range(count)]

    def apart(self, responses: Sequence[Response]) -> list[list[Response]]:
        """The responses of each engine, numbered as the prompts were before."""
        count = len(self._engines)
        found: list[list[Response]] = [[] for _ in self._engines]
        for response in responses:
            found[response.number % count].append(replace(response, number=response.number // count))
        return found

    def pays(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> bool:
        """Whether there are so few prompts that one engine by itself would leave places of a batch free.

        Raises:
            InvalidInput: As ``plan``.
        """
        first = self._engines[0]
        return len(cut(first._costs(first._rows(prompts, parameters), parameters), first._writing)) == 1

    def plan(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Batch]:
        """Cut prompts that ``prompts`` numbered into batches, longest first; see ``TransformersEngine.plan``."""
        batches = self._engines[0]._cut(self._rows(prompts, parameters), parameters)
        return [tuple(prompts[place].number for place in batch) for batch in batches]

    def generate(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Response]:
        """Answer prompts that ``prompts`` numbered as one batch; responses in their order.

        Raises:
            InvalidInput: As ``plan``.
        """
        rows = self._rows(prompts, parameters)
        self._engines[0]._decode(rows, parameters)
        return [replace(row.response(), number=prompt.number) for row, prompt in zip(rows, prompts, strict=True)]

    def _rows(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Row]:
        count = len(self._engines)
        found: dict[int, Row] = {}
        for place, engine in enumerate(self._engines):
            own = [prompt for prompt in prompts if prompt.number % count == place]
            rows = engine._rows([replace(one, number=one.number // count) for one in own], parameters)
            found |= {prompt.number: row for prompt, row in zip(own, rows, strict=True)}
        return [found[prompt.number] for prompt in prompts]
