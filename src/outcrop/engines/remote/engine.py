"""The engine of a model that a server elsewhere runs."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import InvalidInput, NotSupported, OutcropError, OverBudget, RemoteFailure, RemoteRefusal
from outcrop.domain.generation import Context, GenerationParameters, LogLikelihood, Prompt, Response, Spending
from outcrop.engines.planning import length_fault
from outcrop.engines.protocol import Batch, PaidEngine
from outcrop.engines.remote.account import Account
from outcrop.engines.remote.description import UNKNOWN_CONTEXT, RemoteModel
from outcrop.engines.remote.dispatch import Call, Dispatch
from outcrop.engines.remote.failures import PassingFailure
from outcrop.engines.remote.ledger import Ledger
from outcrop.engines.remote.protocol import Answer, Client, Echo, Usage
from outcrop.engines.remote.retries import Patience
from outcrop.engines.remote.scoring import continuations, rolled
from outcrop.engines.stopping import first_stop, settled
from outcrop.engines.tally import Tally
from outcrop.engines.windows import require_windows

#: Prompts of a batch: its responses are stored together in the end, each by itself until then.
_ROWS = 1000

#: Texts that are embedded by one request.
_EMBEDDED = 32

#: Tokens that a chat template may put around a message.
_FRAME = 64

#: Stands for the id of a token that a server only counts.
_UNKNOWN_ID = -1


class RemoteEngine:
    """Asks a server; implements ``PaidEngine``.

    How equal the responses of two runs are is the server's affair. It is given a seed for samples where it takes one.
    """

    def __init__(
        self,
        name: str,
        remote: RemoteModel,
        client: Client,
        ledger: Ledger,
        patience: Patience,
        jitter: random.Random,
    ) -> None:
        """Ask nothing yet.

        Args:
            name: The model's, for messages.
            remote: Where it is and what it costs.
            client: Speaks with it.
            ledger: What is spent, by all remote models together.
            patience: How long is waited.
            jitter: For the pauses between repetitions; no response depends on it.
        """
        self._remote = remote
        self._client = client
        self._account = Account(ledger, remote.price)
        self._dispatch = Dispatch(name, remote.max_concurrency, patience, self._account, jitter)
        self._tally = Tally()
        self._width: int | None = None

    def plan(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Batch]:
        """Cut the prompts into batches in their order.

        Without the model's tokenizer only a prompt with more words than the context has tokens is known to be too long.

        Raises:
            InvalidInput: A parameter is out of range, or a prompt is too long: all of them.
        """
        self._require(prompts, parameters)
        numbers = [prompt.number for prompt in prompts]
        return [tuple(numbers[start : start + _ROWS]) for start in range(0, len(numbers), _ROWS)]

    def generate(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Response]:
        """Answer the prompts; responses in the order of the prompts.

        Raises:
            InvalidInput: As ``plan``.
            OverBudget, RemoteRefusal, RemoteFailure: As ``generate_keeping``; what came is lost.
        """
        found: dict[int, Response] = {}
        self._generate(prompts, parameters, found.update)
        return [found[place] for place in range(len(prompts))]

    def generate_keeping(
        self,
        prompts: Sequence[Prompt],
        parameters: GenerationParameters,
        keep: Callable[[Sequence[Response]], None],
        check: Callable[[], None],
    ) -> None:
        """See ``PaidEngine.generate_keeping``."""
        self._generate(prompts, parameters, lambda placed: keep([response for _, response in placed]), check)

    def _generate(
        self,
        prompts: Sequence[Prompt],
        parameters: GenerationParameters,
        keep: Callable[[Sequence[tuple[int, Response]]], None],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._require(prompts, parameters)

        def counted(placed: Sequence[tuple[int, tuple[Answer, float]]]) -> None:
            keep([(place, self._response(prompts[place], *found)) for place, found in placed])

        with self._tally.generating():
            self._dispatch.run([self._call(prompt, parameters) for prompt in prompts], counted, check)

    def stream(self, prompt: Prompt, parameters: GenerationParameters) -> Generator[str, None, Response]:
        """Answer one prompt, piece by piece; a failure before the first piece is repeated.

        Raises:
            InvalidInput: As ``plan``, at the first piece.
            OverBudget, RemoteRefusal, RemoteFailure: As ``generate_keeping``.
        """
        self._require([prompt], parameters)
        began, failures = time.monotonic(), 0
        while True:
            pieces = self._pieces(prompt, parameters)
            try:
                first = next(pieces)
                break
            except StopIteration as empty:
                self._dispatch.reached = True
                response: Response = empty.value
                return response
            except PassingFailure as failure:
                failures += 1
                time.sleep(self._dispatch.pause(failures, time.monotonic() - began, failure))
        self._dispatch.reached = True
        yield first
        try:
            return (yield from pieces)
        except PassingFailure as failure:
            raise RemoteFailure(
                f"{self._dispatch.name}: {failure}, in the middle of a response; ask again"
            ) from failure

    def count(self, prompt: Prompt) -> int:
        """Not known here; see ``Engine.count``."""
        raise NotSupported(f"{self._dispatch.name}: its tokenizer is at its server, so tokens can't be counted here")

    def loglikelihood(self, requests: Sequence[tuple[Context, str]]) -> list[LogLikelihood]:
        """Log-probability of each continuation; what the server puts before a text stands before it and is not scored.

        ``greedy`` is False where the server does not tell the likeliest token.

        Raises:
            NotSupported: The server does not echo prompts, or a context is a conversation, whose template is not known.
        """
        plain = [(context, continuation) for context, continuation in requests if isinstance(context, str)]
        if len(plain) < len(requests):
            raise NotSupported(
                f"{self._dispatch.name}: its chat template is at its server, so the log-likelihood of an answer in a "
                "conversation can't be had; ask without a chat template, or use a task type that generates"
            )
        with self._tally.scoring():
            return continuations(plain, self._read)

    def rolling_loglikelihood(self, texts: Sequence[str], *, window: int, stride: int) -> list[LogLikelihood]:
        """See ``Engine.rolling_loglikelihood``; the server must take the longest text as a whole, too.

        Raises:
            InvalidInput: The window or the stride is out of range.
            NotSupported: The server does not echo prompts, or cuts parts of a text into other tokens.
        """
        require_windows(window, stride, self._remote.context or UNKNOWN_CONTEXT)
        with self._tally.scoring():
            return rolled(texts, window, stride, self._read)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The server's vectors, scaled to length 1: ``(texts, width)``; for no texts it is asked how wide they are.

        Raises:
            NotSupported: The server does not embed.
        """
        if not texts and self._width is not None:
            return np.zeros((0, self._width), dtype=np.float32)
        asked = list(texts) or ["."]
        chunks = [asked[start : start + _EMBEDDED] for start in range(0, len(asked), _EMBEDDED)]
        found: dict[int, list[list[float]]] = {}
        with self._tally.scoring():
            calls = [Call(partial(self._client.embed, chunk), Usage(sum(map(_bytes, chunk)), 0)) for chunk in chunks]
            self._dispatch.run(calls, found.update)
        vectors = np.array([vector for place in range(len(chunks)) for vector in found[place]], dtype=np.float32)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        self._width = vectors.shape[1]
        return vectors[: len(texts)]

    def figures(self) -> dict[str, float]:
        """What the work so far cost; ``Tally.figures`` and ``Account.figures`` name the numbers."""
        return self._tally.figures() | self._account.figures()

    @property
    def spending(self) -> Spending:
        """See ``PaidEngine.spending``."""
        return self._account.spent

    def charge(self, spending: Spending) -> None:
        """See ``PaidEngine.charge``."""
        self._account.ledger.charge(spending)

    def _require(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> None:
        most = (self._remote.context or UNKNOWN_CONTEXT) - 1
        words = [sum(len(message.text.split()) for message in prompt.messages) for prompt in prompts]
        checked = [
            length_fault(f"prompt {prompt.number}", count, 0, most)
            for prompt, count in zip(prompts, words, strict=True)
        ]
        faults = parameters.faults() + [fault for fault in checked if fault]
        if faults:
            raise InvalidInput(faults)

    def _call(self, prompt: Prompt, parameters: GenerationParameters) -> Call[tuple[Answer, float]]:
        """A request, which is answered with the seconds that it took; one that failed before it does not count."""

        def ask() -> tuple[tuple[Answer, float], Usage]:
            began = time.perf_counter()
            try:
                answer = self._client.answer(prompt, parameters)
            except RemoteRefusal as refusal:
                refusal.prompt = prompt.number
                raise
            return (answer, time.perf_counter() - began), answer.usage

        return Call(ask, _most(prompt, parameters))

    def _response(self, prompt: Prompt, answer: Answer, latency: float) -> Response:
        usage = answer.usage
        self._tally.prompt_tokens += usage.prompt_tokens
        self._tally.read(1, usage.prompt_tokens, usage.prompt_tokens)
        self._tally.tokens += usage.tokens
        return Response(
            number=prompt.number,
            text=answer.text,
            stop_reason=answer.stop_reason,
            prompt_tokens=usage.prompt_tokens,
            tokens=(_UNKNOWN_ID,) * usage.tokens,
            # Tokens that are not shown, such as those of reasoning, have none.
            logprobs=answer.logprobs if len(answer.logprobs) == usage.tokens else (),
            latency=latency,
        )

    def _pieces(self, prompt: Prompt, parameters: GenerationParameters) -> Generator[str, None, Response]:
        """The pieces of one attempt, up to the first stop sequence, and its place in the account."""
        most = self._account.price(_most(prompt, parameters))
        if not self._account.set_aside(most):
            raise OverBudget(f"{self._dispatch.name}: {self._account.ledger.refusal(most)}")
        began, usage = time.monotonic(), None
        # A stream that is left, or whose end says nothing, may cost anything.
        ended = partial(self._account.lost, most)
        text, sent, stop = "", 0, None
        try:
            for piece in self._client.stream(prompt, parameters):
                if isinstance(piece, Usage):
                    usage = piece
                    continue
                text += piece
                stop = first_stop(text, parameters.stop)
                certain = settled(text, parameters.stop) if stop is None else stop
                if certain > sent:
                    yield text[sent:certain]
                    sent = certain
                if stop is not None:
                    break
            if stop is None and len(text) > sent:
                yield text[sent:]
            if stop is None and usage is not None:
                ended = partial(self._account.answered, most, usage, time.monotonic() - began)
            return self._streamed(
                prompt, parameters, text[:stop], usage or Usage(0, 0), began, stopped=stop is not None
            )
        except PassingFailure as failure:
            ended = partial(self._account.failed, most, failure)
            raise
        except OutcropError:
            ended = partial(self._account.release, most)
            raise
        finally:
            ended()

    def _streamed(
        self,
        prompt: Prompt,
        parameters: GenerationParameters,
        text: str,
        usage: Usage,
        began: float,
        *,
        stopped: bool,
    ) -> Response:
        """The response that a stream made; of one that was left at a stop text, the server told no usage."""
        reason = "max_tokens" if usage.tokens >= parameters.max_tokens else "end_turn"
        answer = Answer(text, "stop_sequence" if stopped else reason, usage)
        return self._response(prompt, answer, time.monotonic() - began)

    def _read(self, texts: Sequence[str]) -> dict[str, Echo]:
        """Each text as the server reads it, asked for once."""
        distinct = list(dict.fromkeys(texts))
        found: dict[int, Echo] = {}

        def ask(text: str) -> tuple[Echo, Usage]:
            echo = self._client.echo(text)
            return echo, echo.usage

        calls = [Call(partial(ask, text), Usage(_bytes(text) + _FRAME, 1)) for text in distinct]
        self._dispatch.run(calls, found.update)
        self._tally.scored_tokens += sum(len(echo.tokens) for echo in found.values())
        return {text: found[place] for place, text in enumerate(distinct)}


def _most(prompt: Prompt, parameters: GenerationParameters) -> Usage:
    """The most that answering can use: no tokenizer makes more tokens than a text has bytes."""
    asked = sum(_bytes(message.text) + _FRAME for message in prompt.messages)
    return Usage(asked, parameters.max_tokens)


def _bytes(text: str) -> int:
    # Half a surrogate pair is in no valid text, and may be in a record.
    return len(text.encode("utf-8", "surrogatepass"))


_: type[PaidEngine] = RemoteEngine
