"""Records as sequences of tokens, in one way for the check that counts them and the build that writes them."""

from __future__ import annotations

from outcrop.data.protocol import Tokenizer
from outcrop.data.truncation import misfit, pieces, truncate
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.records import EncodedRecord, Encoding, LongRecords, TextRecord, TrainingRecord, Turns


def encode(record: TrainingRecord | TextRecord, tokenizer: Tokenizer, turns: Turns) -> EncodedRecord:
    """All tokens of a record, before any is cut.

    Raises:
        InvalidInput: As ``Tokenizer.encode_training``; the caller says in which line.
    """
    if isinstance(record, TextRecord):
        return tokenizer.encode_document(record.text)
    return tokenizer.encode_training(record, turns)


def fit(
    encoded: EncodedRecord, record: TrainingRecord | TextRecord, encoding: Encoding | None, context: int
) -> list[EncodedRecord]:
    """The sequences to train on: none of a dropped record, the pieces of a long text, else one.

    Args:
        encoded: All tokens of the record.
        record: What it was made from; it decides whether it may be taken apart.
        encoding: None where there is no maximum length.
        context: The model's, in tokens.

    Raises:
        InvalidInput: The record can't be trained on; see ``misfit``. The caller says in which line.
    """
    too_long = encoding is not None and len(encoded.tokens) > encoding.max_length
    if encoding is not None and too_long and isinstance(record, TextRecord):
        return pieces(encoded, encoding.max_length)
    if encoding is not None and too_long and encoding.long_records is LongRecords.DROP:
        return []
    fault = misfit(encoded, encoding, context if isinstance(record, TrainingRecord) else None)
    if fault is not None:
        raise InvalidInput([fault])
    return [encoded if encoding is None else truncate(encoded, encoding.max_length)]


def nothing_to_learn(where: str, n_dropped: int, encoding: Encoding) -> Fault:
    """The fault of a dataset of which no token would carry loss: training would change nothing and seem to succeed."""
    dropped = f"; {n_dropped:,} longer than {encoding.max_length:,} tokens were dropped" if n_dropped else ""
    expected = "records with something to learn: raise the maximum length, or have long records truncated"
    return Fault(where, None, "", f"no token that carries loss in any record{dropped}", expected)
