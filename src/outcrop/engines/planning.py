"""Which prompts run together: a pure function of their lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from outcrop.domain.errors import Fault


@dataclass(frozen=True)
class Limits:
    """How large a batch may be.

    On two cores SmolLM2-135M decodes 16 tokens a second alone, 85 with 8 rows, 137 with 16, 247 with 32 and 319 with 64
    (float32, prompts of 130 tokens). Of 192 prompts with responses of 5 to 120 tokens, all are answered in 58 s with 64
    rows at a time, in 46 to 51 s with 128 and in 49 s with 192, which is what the defaults follow.

    Attributes:
        rows: The most rows.
        tokens: The most tokens of a padded batch, those to be generated included; a single row may have more.
        cache: Bytes of keys and values for which a batch that writes may have up to twice as many tokens.
    """

    rows: int = 128
    tokens: int = 16_384
    cache: int = 2**31

    def of_writing(self, token_bytes: int) -> Limits:
        """The limits of batches that write, whose keys and values take so many bytes for each token."""
        fits = self.cache // max(1, token_bytes)
        return replace(self, tokens=max(self.tokens, min(2 * self.tokens, fits)))


def cut(costs: Sequence[int], limits: Limits) -> list[list[int]]:
    """Places of the items, longest first, cut into batches.

    A batch costs its rows times its longest row, since shorter rows are padded to that. The order among equal costs is
    that of the items.

    Args:
        costs: Tokens that each item needs.
        limits: What a batch may cost.
    """
    batches: list[list[int]] = []
    room = 0
    for place in sorted(range(len(costs)), key=lambda place: -costs[place]):
        if room == 0:
            batches.append([])
            room = min(limits.rows, max(1, limits.tokens // max(1, costs[place])))
        batches[-1].append(place)
        room -= 1
    return batches


def length_fault(where: str, tokens: int, least: int, most: int) -> Fault | None:
    """The fault of a text that has too few or too many tokens; None where it fits."""
    if least <= tokens <= most:
        return None
    expected = f"at least {least}" if tokens < least else f"at most {most}, which is what the model's context leaves"
    return Fault(where, None, "", f"{tokens} tokens", expected)
