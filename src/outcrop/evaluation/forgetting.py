"""What a custom model gained in a domain, and what it forgot of ordinary text, by perplexity before and after."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from outcrop.domain.scores import Comparison, Score
from outcrop.engines.protocol import Engine
from outcrop.evaluation.perplexity import scored_texts
from outcrop.evaluation.scoring import Scored, comparisons, scores
from outcrop.metrics.perplexity import (
    Perplexity,
    ScoredText,
    bits_per_byte,
    log_perplexity,
    token_perplexity,
    word_perplexity,
)
from outcrop.metrics.statistics.holm import holm

#: Texts below which an interval is called rough: the bootstrap has little to draw from.
FEW = 30

#: Bytes of text that are scored between two words about progress: two or three thousand tokens.
_CHUNK = 8 * 1024

Tell = Callable[[int, int], None]
"""Called with bytes done and bytes in all, those of every model counted."""


@dataclass(frozen=True)
class HeldOut:
    """Texts that no model was trained on.

    Attributes:
        kind: ``domain`` or ``general``.
        place: Where they were read.
        content_hash: The hash by which the file or folder is known.
        texts: The texts.
        keys: What texts that are the same share; shape ``(n,)``.
        lines: The file and the line of each; None for a text that is a file by itself.
    """

    kind: str
    place: str
    content_hash: str
    texts: tuple[str, ...]
    keys: tuple[str, ...]
    lines: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True)
class Change:
    """How the perplexity of one set of texts changed from an earlier model to the custom model.

    Attributes:
        kind: ``domain`` or ``general``.
        baseline: The earlier model.
        candidate: The custom model.
        ratio: Perplexity per token after, by that before: below 1 is better. None where nothing was scored.
        low, high: Its 95 % interval; None where there are too few texts.
        comparison: The same as a difference of logarithms, in nats per token, with its p-value and method.
    """

    kind: str
    baseline: str
    candidate: str
    ratio: float | None
    low: float | None
    high: float | None
    comparison: Comparison


@dataclass(frozen=True)
class TextSet:
    """One set of held-out texts, and what each model made of it.

    Attributes:
        kind: ``domain`` or ``general``.
        place: Where the texts were read.
        content_hash: The hash by which the file or folder is known.
        n_texts: How many texts there are.
        n_distinct: How many are left where the same text counts once; intervals rest on these.
        n_tokens: How many tokens were scored, of all texts together.
        scores: Per model ``token_perplexity``, ``word_perplexity`` and ``bits_per_byte``; the base first.
        changes: From the base, and from the model that was gone on with where it is another one.
    """

    kind: str
    place: str
    content_hash: str
    n_texts: int
    n_distinct: int
    n_tokens: int
    scores: tuple[Score, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Forgetting:
    """What continued training gave and what it cost.

    Attributes:
        model: The custom model.
        base: The base model at the root of its lineage.
        parent: The custom model that it was gone on from; None where it was made from the base.
        window, stride: Tokens read together, and tokens that each window adds.
        seed: Of what is drawn in intervals and tests.
        text_sets: Those of the domain, and the general ones where there are some.
        training_data: For each model that was trained on the way, whether its training data were looked through for
            the texts, in words.
        verdicts: What was gained and what it cost, a sentence each.
        advice: What to do about it; empty where there is nothing.
        tokens_per_second: Tokens scored in a second, all models together; 0 where no engine tells.
    """

    model: str
    base: str
    parent: str | None
    window: int
    stride: int
    seed: int
    text_sets: tuple[TextSet, ...]
    training_data: tuple[str, ...]
    verdicts: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    tokens_per_second: float = 0.0


def scored_in_chunks(
    engine: Engine, texts: Sequence[str], *, window: int, stride: int, tell: Callable[[int], None]
) -> list[ScoredText]:
    """``scored_texts``, some at a time; ``tell`` hears how many bytes of text were just done.

    Raises:
        InvalidInput: The window or the stride is out of range: all faults.
    """
    found: list[ScoredText] = []
    for chunk in _chunks(texts):
        found += scored_texts(engine, chunk, window=window, stride=stride)
        tell(sum(len(text.encode()) for text in chunk))
    return found


def text_set(
    held_out: HeldOut,
    scored: Mapping[str, Sequence[ScoredText]],
    *,
    tokenizer: str,
    window: int,
    stride: int,
    seed: int,
) -> TextSet:
    """Scores and changes of one set of texts.

    Args:
        held_out: The texts.
        scored: What each model made of them, by its name; the base first, the custom model last.
        tokenizer: The hash of the tokenizer, which all models share.
        window: The most tokens that were read together.
        stride: How many tokens each window added.
        seed: Of what is drawn in intervals and tests.

    Returns:
        Intervals and tests draw whole texts, since the tokens of a text are not independent; texts that are the same
        are drawn together.
    """
    shown = [
        token_perplexity(tokenizer, window, stride),
        word_perplexity(window, stride),
        bits_per_byte(window, stride),
    ]
    compared = log_perplexity(tokenizer, window, stride)
    clusters = held_out.keys if len(set(held_out.keys)) < len(held_out.keys) else None
    rows = [_rows(name, texts, [*shown, compared]) for name, texts in scored.items()]
    *earlier, last = rows
    changes = [
        _change(held_out.kind, comparisons([one, last], [compared], seed=seed, clusters=clusters)[0]) for one in earlier
    ]
    return TextSet(
        held_out.kind,
        held_out.place,
        held_out.content_hash,
        len(held_out.texts),
        len(set(held_out.keys)),
        sum(text.n_tokens for text in scored[last.model]),
        tuple(score for one in rows for score in scores(one, shown, seed=seed, clusters=clusters)),
        tuple(changes),
    )


def corrected(sets: Sequence[TextSet]) -> tuple[TextSet, ...]:
    """The sets with Holm's p-values over all changes of all of them: each is a claim of one report."""
    flat = [change.comparison for one in sets for change in one.changes]
    p_values = iter(holm([one.p_value for one in flat]))
    return tuple(
        replace(
            one,
            changes=tuple(
                replace(change, comparison=replace(change.comparison, p_holm=next(p_values))) for change in one.changes
            ),
        )
        for one in sets
    )


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start = size = 0
    for place, text in enumerate(texts):
        size += len(text.encode())
        if size >= _CHUNK or place == len(texts) - 1:
            yield texts[start : place + 1]
            start, size = place + 1, 0


def _rows(name: str, texts: Sequence[ScoredText], metrics: Sequence[Perplexity]) -> Scored:
    return Scored(name, (), {metric.name: metric.prepare(texts) for metric in metrics})


def _change(kind: str, found: Comparison) -> Change:
    ratio, low, high = (_exp(value) for value in (found.difference, found.low, found.high))
    return Change(kind, found.baseline, found.candidate, ratio, low, high, found)


def _exp(value: float | None) -> float | None:
    """None, too, where a perplexity grew beyond all numbers."""
    return None if value is None or not math.isfinite(value) or value > 700 else math.exp(value)
