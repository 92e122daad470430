"""What becomes of too many tokens: a conversation loses its front, never its last answer; a text is taken apart."""

from __future__ import annotations

from dataclasses import replace

from outcrop.domain.errors import Fault
from outcrop.domain.records import EncodedRecord, Encoding, LongRecords


def completion_length(encoded: EncodedRecord) -> int:
    """Tokens of the last turn that carries loss: what must stay. 0 where none does."""
    if True not in encoded.carries_loss:
        return 0
    first, last = _last_turn(encoded)
    return last - first


def truncate(encoded: EncodedRecord, max_length: int) -> EncodedRecord:
    """The record in at most ``max_length`` tokens, cut at the front.

    The last completion and its end of turn always stay; what a template writes after them goes only where it must. An
    earlier turn that is cut through keeps its end as context and carries no loss: an answer is learnt whole or not.

    Raises:
        ValueError: The completion alone is longer than ``max_length``, or no token carries loss and the record is too
            long; ``misfit`` says so beforehand.
    """
    excess = len(encoded.tokens) - max_length
    if excess <= 0:
        return encoded
    if not 0 < completion_length(encoded) <= max_length:
        raise ValueError(f"a completion of {completion_length(encoded)} tokens can't be cut to {max_length}")
    first, last = _last_turn(encoded)
    start = min(first, excess)
    stop = max(last, len(encoded.tokens) - (excess - start))
    carries_loss = encoded.carries_loss[start:stop]
    if start and encoded.carries_loss[start - 1]:
        half = carries_loss.index(False)
        carries_loss = (False,) * half + carries_loss[half:]
    return replace(encoded, tokens=encoded.tokens[start:stop], carries_loss=carries_loss)


def pieces(encoded: EncodedRecord, max_length: int) -> list[EncodedRecord]:
    """A text in pieces of at most ``max_length`` tokens, none of which is lost.

    A piece begins with the last token of the one before, as context that carries no loss there: so every token but the
    text's first is learnt exactly once.

    Raises:
        ValueError: ``max_length`` is below 2, so that nothing can be learnt from what is before it.
    """
    if max_length < 2:
        raise ValueError(f"pieces of {max_length} tokens have nothing to learn")
    tokens, carries_loss = encoded.tokens, encoded.carries_loss
    starts = range(0, max(1, len(tokens) - 1), max_length - 1)
    return [
        EncodedRecord(
            tokens[start : start + max_length],
            (False, *carries_loss[start + 1 : start + max_length]),
            encoded.ends_turn and start + max_length >= len(tokens),
        )
        for start in starts
    ]


def misfit(encoded: EncodedRecord, encoding: Encoding | None, context: int | None) -> Fault | None:
    """Why a record can't be trained on, in no place yet: nothing to learn, too long, or its completion does not fit.

    A record longer than the context is refused even where it would be cut: the model that is trained could never be
    given that prompt. ``context`` is None where that does not matter.
    """
    length = len(encoded.tokens)
    if True not in encoded.carries_loss:
        return _fault("no token that carries loss", "a completion that the tokenizer turns into tokens")
    if context is not None and length > context:
        return _fault(f"{length:,} tokens", f"at most {context:,}, the model's context")
    if encoding is None or length <= encoding.max_length:
        return None
    if encoding.long_records is LongRecords.REFUSE:
        expected = f"at most {encoding.max_length:,}, the maximum length: shorten it, raise it, or have it truncated"
        return _fault(f"{length:,} tokens", expected)
    kept = completion_length(encoded)
    if kept > encoding.max_length:
        expected = f"at most {encoding.max_length:,}, the maximum length: shorten it, or raise the maximum length"
        return _fault(f"a completion of {kept:,} tokens", expected)
    return None


def _fault(found: str, expected: str) -> Fault:
    return Fault("", None, "", found, expected)


def _last_turn(encoded: EncodedRecord) -> tuple[int, int]:
    """Index of the first token of the last turn that carries loss, and one past its last."""
    stop = len(encoded.tokens) - encoded.carries_loss[::-1].index(True)
    before = encoded.carries_loss[:stop][::-1]
    return stop - (before.index(False) if False in before else stop), stop
