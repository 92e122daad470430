"""What is cut from a training record that is too long: the front of its prompt, never its completion."""

from __future__ import annotations

from dataclasses import replace

from outcrop.domain.errors import Fault
from outcrop.domain.records import EncodedRecord


def completion_length(encoded: EncodedRecord) -> int:
    """Tokens from the first that carries loss to the last: what must stay. 0 where none does."""
    if True not in encoded.carries_loss:
        return 0
    first, last = _ends(encoded)
    return last - first


def truncate(encoded: EncodedRecord, max_length: int) -> EncodedRecord:
    """The record in at most ``max_length`` tokens, cut at the front of the prompt.

    The completion and its end of turn always stay; what a template writes after them goes only where it must.

    Raises:
        ValueError: The completion alone is longer than ``max_length``, or no token carries loss and the record is too
            long; ``misfit`` says so beforehand.
    """
    excess = len(encoded.tokens) - max_length
    if excess <= 0:
        return encoded
    if not 0 < completion_length(encoded) <= max_length:
        raise ValueError(f"a completion of {completion_length(encoded)} tokens can't be cut to {max_length}")
    first, last = _ends(encoded)
    start = min(first, excess)
    stop = max(last, len(encoded.tokens) - (excess - start))
    return replace(encoded, tokens=encoded.tokens[start:stop], carries_loss=encoded.carries_loss[start:stop])


def misfit(encoded: EncodedRecord, max_length: int | None, context: int, line: int, where: str) -> Fault | None:
    """Why a record can't be trained on: nothing to learn, longer than the context, or its completion does not fit.

    A record longer than the context is refused even where ``max_length`` would cut it: the model that is trained could
    never be given that prompt.
    """
    length, kept = len(encoded.tokens), completion_length(encoded)
    if not kept:
        return Fault(where, line, "", "no token that carries loss", "a completion that the tokenizer turns into tokens")
    if length > context:
        return Fault(where, line, "", f"{length:,} tokens", f"at most {context:,}, the model's context")
    if max_length is not None and kept > max_length:
        expected = f"at most {max_length:,}, the maximum length: shorten it, or raise the maximum length"
        return Fault(where, line, "", f"a completion of {kept:,} tokens", expected)
    return None


def _ends(encoded: EncodedRecord) -> tuple[int, int]:
    """Index of the first token that carries loss, and one past the last."""
    after = encoded.carries_loss[::-1].index(True)
    return encoded.carries_loss.index(True), len(encoded.tokens) - after
