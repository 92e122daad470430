"""What computes tokens, log-probabilities and embeddings."""

from __future__ import annotations

from collections import abc
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.generation import Context, GenerationParameters, LogLikelihood, Prompt, Response, Spending

#: Numbers of the prompts that run together, in the order in which they run.
Batch = tuple[int, ...]


class Generator(Protocol):
    """Writes responses, in batches that are planned before.

    Promises: a plan is a pure function of its arguments and holds every prompt once; ``generate`` on a planned batch
    gives the same responses each time, on the same machine and versions; batch mates change log-probabilities by less
    than 1e-4 (fp32), and texts only at near ties; samples depend on the seed and the prompt's number, not on the batch.
    """

    def plan(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Batch]:
        """Cut the prompts into batches before the run.

        Raises:
            InvalidInput: Where a parameter is out of range or a prompt leaves no room in the model's context, naming
                each.
        """
        ...

    def generate(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Response]:
        """Answer the prompts together, as one batch; responses in the order of the prompts.

        Raises:
            InvalidInput: As ``plan``.
        """
        ...


class Embedder(Protocol):
    """Gives texts vectors."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector of length 1 per text: shape ``(texts, width)``."""
        ...

    def figures(self) -> dict[str, float]:
        """What the work so far cost: ``scored_tokens``, those read for vectors among them, …."""
        ...


class Engine(Generator, Embedder, Protocol):
    """One model, ready to compute."""

    def stream(self, prompt: Prompt, parameters: GenerationParameters) -> abc.Generator[str, None, Response]:
        """Answer one prompt, piece by piece; the pieces joined are the text of the response, which is returned."""
        ...

    def count(self, prompt: Prompt) -> int:
        """How many tokens the model reads of a prompt.

        Raises:
            InvalidInput: The prompt leaves no room in the model's context, or its chat template refuses it.
            NotSupported: The model's tokenizer is elsewhere.
        """
        ...

    def loglikelihood(self, requests: Sequence[tuple[Context, str]]) -> list[LogLikelihood]:
        """Log-probability of each continuation given its context; in the order of the requests.

        A context is a text, or a conversation after which the assistant speaks; a continuation is a text. An empty
        continuation has no tokens and the log-probability 0.
        """
        ...

    def rolling_loglikelihood(self, texts: Sequence[str], *, window: int, stride: int) -> list[LogLikelihood]:
        """Log-probability of whole texts of any length, in the order of the texts.

        A text is read in the windows of ``windows.rolling_windows``. What the tokenizer puts before a text stands
        before its first token, once, and is not scored. Where that is nothing, the first token has nothing to depend on
        and is not scored (``tokens`` is one less).

        Args:
            texts: What to score.
            window: The most tokens that are read together, 2 to the model's context.
            stride: How many tokens each window adds, 1 to ``window - 1``.

        Raises:
            InvalidInput: The window or the stride is out of range: all faults.
        """
        ...

    def figures(self) -> dict[str, float]:
        """What the work so far cost: ``tokens``, ``seconds``, ``tokens_per_second``, ``padding_share``, …."""
        ...


@runtime_checkable
class PaidEngine(Engine, Protocol):
    """An engine whose model others run: responses come one by one, in any order, and each has been paid for."""

    def generate_keeping(
        self,
        prompts: Sequence[Prompt],
        parameters: GenerationParameters,
        keep: Callable[[Sequence[Response]], None],
        check: Callable[[], None],
    ) -> None:
        """Answer the prompts, and hand over what has come as soon as it is there.

        Whatever ends the work early, no new request begins then, and those under way are waited for and kept.

        Args:
            prompts: What to answer.
            parameters: How.
            keep: Called with the responses that have come, in this thread.
            check: Called about twice a second, in this thread; what it raises ends the work.

        Raises:
            InvalidInput: As ``plan``.
            OverBudget: A further request could cost more than the budget leaves.
            RemoteRefusal: The server refuses a request.
            RemoteFailure: The server failed for longer than patience goes.
        """
        ...

    @property
    def spending(self) -> Spending:
        """What the work so far has cost, or may have: a request that broke off counts with the most it can cost."""
        ...

    def charge(self, spending: Spending) -> None:
        """Count against the budget what was spent on this model before this process began."""
        ...
