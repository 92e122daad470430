"""What vLLM is asked for, and how its answers are read: nothing here needs vLLM itself."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from typing import Any

from outcrop.domain.errors import MissingExtra, OurFault
from outcrop.domain.generation import GenerationParameters, LogLikelihood
from outcrop.engines.draft import Draft
from outcrop.engines.encoding import Continuation
from outcrop.engines.sampling import NEAR_TIE, dice
from outcrop.models.chat import ChatTokenizer

# vLLM tells no more than 128 tokens of one's own choice at a place.
_MOST_WANTED = 128


def require_vllm() -> None:
    """Make sure that vLLM can be imported, without doing so, which takes seconds.

    Raises:
        MissingExtra: It is not installed.
    """
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtra("OUTCROP_ENGINE=vllm needs vLLM, which is not installed: pip install 'outcrop[vllm]'")


class Request(ABC):
    """One request to vLLM, and what has come of it.

    Attributes:
        prompt: The tokens that are read.
        done: Whether all has come that is wanted.
    """

    def __init__(self, prompt: list[int]) -> None:
        self.prompt = prompt
        self.done = False

    @property
    @abstractmethod
    def sampling(self) -> dict[str, Any]:
        """What is asked, as arguments of vLLM's ``SamplingParams``."""

    @abstractmethod
    def read(self, output: Any) -> None:
        """Take in what a step gave: a ``RequestOutput`` of vLLM's that holds what is new."""


class Writing(Request):
    """A response that is being written.

    Args:
        draft: Filled in place.
        parameters: How to choose tokens and when to stop.
        tokenizer: Says which tokens end a turn, and decodes.
        watched: Whether the text is wanted after each step.
    """

    def __init__(
        self, draft: Draft, parameters: GenerationParameters, tokenizer: ChatTokenizer, *, watched: bool
    ) -> None:
        super().__init__(draft.prompt)
        self.draft = draft
        self._parameters = parameters
        self._tokenizer = tokenizer
        self._watched = watched

    @property
    def sampling(self) -> dict[str, Any]:
        """The parameters in vLLM's words.

        Stop texts are not among them: they are looked for in what our own tokenizer decodes. A draw depends on the seed
        and the prompt's number. The two best tokens are told, so that near ties can be counted.
        """
        asked = self._parameters
        return {
            "max_tokens": self.draft.limit,
            "temperature": float(asked.temperature),
            "top_p": float(asked.top_p),
            "top_k": asked.top_k,
            "seed": dice(asked.seed, self.draft.number).getrandbits(62),
            "stop_token_ids": sorted(self._tokenizer.stop_ids),
            "logprobs": 2,
        }

    def read(self, output: Any) -> None:
        """Go on with the tokens that are new, up to the one that ends the response.

        Raises:
            OurFault: vLLM gave up.
        """
        new = output.outputs[0]
        for token, told in zip(new.token_ids, new.logprobs, strict=True):
            if self.done:
                return
            best, next_best = sorted((each.logprob for each in told.values()), reverse=True)[:2]
            self.draft.take(token, told[token].logprob, best - next_best < NEAR_TIE)
            self.draft.close(self._tokenizer, self._parameters.stop, watched=self._watched)
            self.done = bool(self.draft.reason)
        if output.finished and not self.done:
            raise OurFault(f"prompt {self.draft.number}: vLLM ended the response too early ({new.finish_reason})")


class Scoring(Request):
    """Tokens whose log-probabilities are wanted: of those that are read, and of some that could come after them.

    The last token of a continuation is never read, so continuations of one token share the reading of their context,
    and a text may be as long as the model's context.
    """

    def __init__(self, prompt: tuple[int, ...]) -> None:
        super().__init__(list(prompt))
        self._first = len(prompt)
        self._wanted: list[int] = []
        self._read: list[Any] = []
        self._after: dict[int, float] = {}
        self._likeliest = -1
        self._cached = 0

    @property
    def full(self) -> bool:
        """Whether no further continuation may be added."""
        return len(self._wanted) == _MOST_WANTED

    @property
    def cells(self) -> int:
        """How many tokens ran; those whose keys and values were there did not."""
        return len(self.prompt) - self._cached

    def add(self, item: Continuation) -> None:
        """Ask for a continuation; but for its last token, it is the prompt."""
        self._first = min(self._first, item.start)
        if item.tokens[-1] not in self._wanted:
            self._wanted.append(item.tokens[-1])

    @property
    def sampling(self) -> dict[str, Any]:
        """One more token, the likeliest, is asked for, with the log-probabilities of the wanted ones beside it."""
        asked = {"max_tokens": 1, "temperature": 0.0, "logprob_token_ids": self._wanted}
        return asked | ({"prompt_logprobs": 0} if self._first < len(self.prompt) else {})

    def read(self, output: Any) -> None:
        """Keep what was told of the tokens read and of those after them.

        Raises:
            OurFault: vLLM gave up.
        """
        new = output.outputs[0]
        if output.prompt_logprobs:
            self._read = output.prompt_logprobs
        self._cached = max(self._cached, output.num_cached_tokens or 0)
        if new.token_ids:
            self._likeliest = new.token_ids[0]
            self._after = {token: each.logprob for token, each in new.logprobs[0].items()}
            self.done = True
        elif output.finished:
            raise OurFault(f"vLLM ended the reading of a text too early ({new.finish_reason})")

    def result(self, item: Continuation) -> LogLikelihood:
        """The log-probability of a continuation that was added; call it when all is done."""
        last = item.tokens[-1]
        places = range(item.start, len(self.prompt))
        told = [self._read[place][item.tokens[place]] for place in places]
        each = (*(one.logprob for one in told), self._after[last])
        greedy = all(one.rank == 1 for one in told) and last == self._likeliest
        return LogLikelihood(sum(each), len(each), greedy, each)
