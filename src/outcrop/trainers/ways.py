"""The four ways to a model that does one's task, from the cheapest to try to the dearest, and what each costs.

Prompt engineering with examples and retrieval (RAG) train nothing, and make every prompt longer, for ever.
Fine-tuning and continued pre-training are paid once, and keep prompts short. After how many responses the second pays
is the break-even.

A response takes, with ``F`` operations a second, ``B`` bytes a second, and ``r`` rows decoded together:

- reading the prompt: its forward pass divided by ``F`` (logits are computed for the last token only)
- each token: the weights' bytes, shared by the rows, and the row's own keys and values, divided by ``B``; and its
  forward pass divided by ``F``
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from outcrop.models.cost import ModelSize

#: Bytes of a number, as the engine computes.
_NUMBER = 4


@dataclass(frozen=True)
class Serving:
    """A model on a machine.

    Attributes:
        size: The model's.
        flops: Operations a second that it reaches.
        bytes: Bytes of memory a second that it reads while it writes tokens.
        adapter: LoRA's weights, which the engine applies beside the model's.
    """

    size: ModelSize
    flops: float
    bytes: float
    adapter: int = 0

    @property
    def token_bytes(self) -> int:
        """Bytes of the keys and values of one token."""
        return _NUMBER * self.size.cache_width

    def response_seconds(self, prompt_tokens: float, response_tokens: float, rows: int) -> float:
        """Seconds that one response takes where ``rows`` of them are made at once."""
        reading = self._flop(prompt_tokens, prompt_tokens) / self.flops
        # What a token looks back at, on average over the response.
        context = prompt_tokens + response_tokens / 2
        memory = self._weights() / rows + self._cache(context)
        return reading + response_tokens * (memory / self.bytes + self._flop(1, context) / self.flops)

    def seen(self, prompt_tokens: int, reading_seconds: float, token_seconds: float) -> Serving:
        """The same, as fast as it was seen to read a prompt and to write the tokens of one response after it."""
        flops = self._flop(prompt_tokens, prompt_tokens) / reading_seconds
        memory = self._weights() + self._cache(prompt_tokens)
        # Where a token takes hardly longer than its arithmetic, memory is no limit that could be seen.
        beyond = max(token_seconds - self._flop(1, prompt_tokens) / flops, token_seconds / 10)
        return replace(self, flops=flops, bytes=memory / beyond)

    def _weights(self) -> float:
        return _NUMBER * (self.size.body + self.size.head + self.adapter)

    def _cache(self, context: float) -> float:
        return self.token_bytes * context

    def _flop(self, tokens: float, context: float) -> float:
        return self.size.forward_flop(tokens, 1, context) + 2 * self.adapter * tokens


@dataclass(frozen=True)
class Way:
    """One way, and what it costs.

    Attributes:
        name: Which.
        training_seconds: Once; 0 where nothing is trained.
        prompt_tokens, response_tokens: Of each response.
        seconds_alone: Of 1,000 responses, one after the other.
        rows: How many the engine makes at once.
        seconds_batched: Of 1,000 responses, so many at once.
        training_cost, cost_alone, cost_batched: The same times the price; None without one.
        fits: Whether prompt and response fit into the model's context.
        breaks_even: After how many responses, made in batches, it has cost less than each untrained way, by name; None
            where it never does. Empty for those.
    """

    name: str
    training_seconds: float
    prompt_tokens: float
    response_tokens: float
    seconds_alone: float
    rows: int
    seconds_batched: float
    training_cost: float | None
    cost_alone: float | None
    cost_batched: float | None
    fits: bool
    breaks_even: dict[str, int | None]


@dataclass(frozen=True)
class Candidate:
    """A way before it is priced; see ``Way``."""

    name: str
    serving: Serving
    training_seconds: float
    prompt_tokens: float
    response_tokens: float
    rows: int
    fits: bool = True


def price(candidates: Sequence[Candidate], price_per_hour: float | None) -> tuple[Way, ...]:
    """What each way costs; break-evens are against those that train nothing.

    Args:
        candidates: The ways.
        price_per_hour: Of the machine, in any currency; None for times alone.
    """
    untrained = [each for each in candidates if each.training_seconds == 0]
    return tuple(_priced(each, untrained, price_per_hour) for each in candidates)


def break_even(training_seconds: float, response_seconds: float, other_seconds: float) -> int | None:
    """After how many responses training has paid; None where its responses take no less time."""
    saved = other_seconds - response_seconds
    return math.ceil(training_seconds / saved) if saved > 0 else None


def _priced(each: Candidate, untrained: Sequence[Candidate], price_per_hour: float | None) -> Way:
    def cost(seconds: float) -> float | None:
        return None if price_per_hour is None else seconds / 3600 * price_per_hour

    alone, batched = 1000 * _seconds(each, 1), 1000 * _seconds(each, each.rows)
    against = untrained if each.training_seconds else []
    return Way(
        name=each.name,
        training_seconds=each.training_seconds,
        prompt_tokens=each.prompt_tokens,
        response_tokens=each.response_tokens,
        seconds_alone=alone,
        rows=each.rows,
        seconds_batched=batched,
        training_cost=cost(each.training_seconds),
        cost_alone=cost(alone),
        cost_batched=cost(batched),
        fits=each.fits,
        breaks_even={
            other.name: break_even(each.training_seconds, batched / 1000, _seconds(other, other.rows))
            for other in against
        },
    )


def _seconds(each: Candidate, rows: int) -> float:
    return each.serving.response_seconds(each.prompt_tokens, each.response_tokens, rows)
