"""What computes tokens, log-probabilities and embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.generation import Context, GenerationParameters, LogLikelihood, Prompt, Response

#: Numbers of the prompts that run together, in the order in which they run.
Batch = tuple[int, ...]


class Engine(Protocol):
    """One model, ready to compute.

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

    def stream(self, prompt: Prompt, parameters: GenerationParameters) -> Iterator[str]:
        """Answer one prompt, piece by piece; the pieces joined are the text ``generate`` gives."""
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

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector of length 1 per text: shape ``(texts, width)``."""
        ...

    def figures(self) -> dict[str, float]:
        """What the work so far cost: ``tokens``, ``seconds``, ``tokens_per_second``, ``padding_share``, …."""
        ...
