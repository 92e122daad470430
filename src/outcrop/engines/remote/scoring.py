"""Log-likelihoods from texts that a server echoes: which of its tokens are the continuation's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from outcrop.domain.errors import NotSupported
from outcrop.domain.generation import LogLikelihood
from outcrop.engines.remote.protocol import Echo
from outcrop.engines.windows import rolling_windows

Read = Callable[[Sequence[str]], Mapping[str, Echo]]
"""Has the server read texts, none of them empty: the echo of each."""


def continuations(requests: Sequence[tuple[str, str]], read: Read) -> list[LogLikelihood]:
    """The log-likelihood of each continuation.

    Context and continuation are read as one text. Where the tokens' texts show which of them end within the
    continuation, these are scored; where they do not (a character split over tokens, say), the context is read alone
    too, and its tokens are counted off.
    """
    echoes = read([context + continuation for context, continuation in requests if continuation])
    unclear = [
        context
        for context, continuation in requests
        if context and continuation and _first(echoes[context + continuation], context, context + continuation) is None
    ]
    contexts = read(unclear) if unclear else {}
    found = []
    for context, continuation in requests:
        if not continuation:
            found.append(LogLikelihood(0.0, 0, True))
            continue
        whole = echoes[context + continuation]
        first = _first(whole, context, context + continuation)
        found.append(_scored(whole, len(contexts[context].tokens) if first is None else first, len(whole.tokens)))
    return found


def rolled(texts: Sequence[str], window: int, stride: int, read: Read) -> list[LogLikelihood]:
    """The log-likelihood of each text, read in the windows of ``windows.rolling_windows``.

    A text is first read whole, which shows its tokens; the first window is a part of that. The others are read as texts
    of their own.

    Raises:
        NotSupported: The server cuts a window into other tokens than it cut the whole text.
    """
    wholes = read([text for text in texts if text])
    cuts = {text: rolling_windows(len(whole.tokens), window, stride) for text, whole in wholes.items()}
    later = ["".join(wholes[text].tokens[cut.start : cut.end]) for text, windows in cuts.items() for cut in windows[1:]]
    parts = read(later) if later else {}
    found = []
    for text in texts:
        pieces: list[LogLikelihood] = []
        for place, cut in enumerate(cuts[text] if text else ()):
            tokens = wholes[text].tokens[cut.start : cut.end]
            echo = wholes[text] if place == 0 else parts["".join(tokens)]
            # Before a window the server may put a token that begins texts.
            shift = 0 if place == 0 else len(echo.tokens) - len(tokens)
            if place and (shift < 0 or echo.tokens[shift:] != tokens):
                raise NotSupported(
                    "the server cuts parts of a text into other tokens than the whole; use a window that holds the "
                    f"longest text ({max(len(whole.tokens) for whole in wholes.values())} tokens)"
                )
            pieces.append(_scored(echo, cut.first - cut.start + shift, cut.last - cut.start + shift))
        each = tuple(logprob for piece in pieces for logprob in piece.token_logprobs)
        found.append(LogLikelihood(math.fsum(each), len(each), all(piece.greedy for piece in pieces), each))
    return found


def _first(echo: Echo, context: str, text: str) -> int | None:
    """The first token that ends within the continuation; None where the tokens' texts do not make up the text."""
    if not context:
        return 0
    joined = "".join(echo.tokens)
    # A token that begins texts, such as <s>, is no part of the text.
    begins = 1 if joined != text and echo.logprobs[0] is None else 0
    if "".join(echo.tokens[begins:]) != text:
        return None
    ends = accumulate(map(len, echo.tokens[begins:]))
    return next(begins + place for place, end in enumerate(ends) if end > len(context))


def _scored(echo: Echo, first: int, last: int) -> LogLikelihood:
    """Tokens ``first`` to ``last`` (exclusive), but for one that has nothing before it."""
    kept = [
        (logprob, best)
        for logprob, best in zip(echo.logprobs[first:last], echo.best[first:last], strict=True)
        if logprob is not None
    ]
    each = tuple(logprob for logprob, _ in kept)
    greedy = all(best is not None and logprob >= best for logprob, best in kept)
    return LogLikelihood(math.fsum(each), len(each), greedy, each)
