"""Texts longer than a model's context: which windows of them are read, and which tokens of a window count."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from outcrop.domain.errors import Fault, InvalidInput


@dataclass(frozen=True)
class Window:
    """Tokens ``start`` to ``end`` are read together, and those from ``first`` to ``last`` count; ends are exclusive."""

    start: int
    end: int
    first: int
    last: int


def require_windows(window: int, stride: int, context: int) -> None:
    """Make sure that a model can read in such windows.

    Raises:
        InvalidInput: The window is not within 2 and the model's context, or the stride not within 1 and one less than
            the window: all faults.
    """
    rules = (("window", window, 2, context), ("stride", stride, 1, max(1, window - 1)))
    faults = [
        Fault("rolling_loglikelihood", None, name, str(value), f"{least} to {most}")
        for name, value, least, most in rules
        if not least <= value <= most
    ]
    if faults:
        raise InvalidInput(faults)


def rolling_windows(tokens: int, size: int, stride: int, *, full_last: bool = False) -> list[Window]:
    """Windows for log-likelihoods: all tokens but the first count once, each with what is before it in its window.

    From the second window on, the tokens that count have at least ``size - stride`` tokens before them. These are the
    windows of "Perplexity of fixed-length models" in the documentation of transformers; with a stride of 1 every token
    has all the context that fits.

    Args:
        tokens: Length of the text.
        size: The most tokens of a window.
        stride: How far a window begins after the one before; less than ``size``.
        full_last: Whether the last window begins as early as its size allows, so that its tokens have more before them.
            With a stride of ``size - 1`` these are lm-eval's windows.
    """
    windows: list[Window] = []
    counted = 1
    while counted < tokens:
        start = len(windows) * stride
        if full_last:
            start = min(start, max(0, tokens - size))
        end = min(start + size, tokens)
        windows.append(Window(start, end, counted, end))
        counted = end
    return windows


def covering_windows(tokens: int, size: int) -> list[Window]:
    """Windows for vectors: half of each overlaps the next, and a token counts where it is farthest from an edge.

    Args:
        tokens: Length of the text; 0 gives one empty window.
        size: The most tokens of a window; 2 or more.
    """
    if tokens <= size:
        return [Window(0, tokens, 0, tokens)]
    starts = [*range(0, tokens - size, size // 2), tokens - size]
    cuts = [0, *((one + two + size) // 2 for one, two in pairwise(starts)), tokens]
    return [Window(start, start + size, *kept) for start, kept in zip(starts, pairwise(cuts), strict=True)]
