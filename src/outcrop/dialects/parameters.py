"""What a body says of sampling, as generation parameters."""

from __future__ import annotations

from outcrop.domain.generation import GenerationParameters


def sampled(
    max_tokens: int, temperature: float, top_p: float, seed: int, top_k: int = 0, stop: tuple[str, ...] = ()
) -> GenerationParameters:
    """The parameters; a ``top_p`` of 0, which AWS takes, leaves the most likely token alone, as temperature 0 does."""
    if top_p == 0:
        return GenerationParameters(max_tokens, stop=stop, seed=seed)
    return GenerationParameters(max_tokens, temperature, top_p, top_k, stop, seed)
