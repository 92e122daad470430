"""Data: show a training record as the tokens that a model is trained on."""

from __future__ import annotations

from itertools import groupby

from outcrop.app.data import tokenizer_of
from outcrop.data.faults import in_line
from outcrop.data.records import RecordReader
from outcrop.data.truncation import completion_length, truncate
from outcrop.domain.errors import Fault, InvalidInput, NotSupported
from outcrop.domain.records import EncodedRecord, Purpose, TextRecord, TrainingRecord, Turns
from outcrop.models.chat import ChatTokenizer
from outcrop.reports.tokens import ShownRecord, ShownToken
from outcrop.services import Services
from outcrop.stores.address import is_address


def show_record(
    services: Services,
    place: str,
    model: str,
    number: int = 1,
    max_length: int | None = None,
    *,
    purpose: Purpose = Purpose.FINE_TUNING,
    turns: Turns = Turns.ALL,
) -> ShownRecord:
    """A training record as tokens, exactly those that training and checking use.

    Args:
        services: Has the model, and reads an ``s3://`` address.
        place: The file, or an ``s3://`` address.
        model: The name of the model that would be trained.
        number: Which record of the file, from 1.
        max_length: Tokens that a record is cut to; None leaves it whole. A text is shown whole: longer ones are taken
            apart, and nothing of them is lost.
        purpose: What the file is for: fine-tuning, or pre-training.
        turns: Which of the assistant's turns carry loss.

    Raises:
        InvalidInput: The record can't be read, there are fewer, or the model can't take it.
        NotFound: There is no such model, or no file behind an address.
        NotSupported: The model has no tokenizer.
        StorageFailure: The S3 service fails.
    """
    tokenizer = tokenizer_of(services, services.catalog.model(model))
    if tokenizer is None:
        raise NotSupported(f"{model}: is scripted or remote and has no tokenizer here; name a model of weights")
    name = place if is_address(place) else ""
    reader = RecordReader(services.fetch(place), purpose, name)
    where = reader.lines.where
    record = _nth(reader, number)
    if isinstance(record, TrainingRecord) and record.needs_template and not tokenizer.has_template:
        expected = 'a record with "prompt" and "completion", or a model with a chat template'
        raise InvalidInput([Fault(where, record.line, "messages", "messages, for a model without one", expected)])
    try:
        encoded = _encoded(record, tokenizer, turns)
        whole = max_length is None or isinstance(record, TextRecord)
        kept = encoded if whole or max_length is None else _cut(encoded, max_length)
    except InvalidInput as error:
        raise InvalidInput(in_line(error, where, record.line)) from error
    return ShownRecord(
        path=where,
        line=record.line,
        number=number,
        model=model,
        tokens=_shown(kept, tokenizer),
        n_cut=len(encoded.tokens) - len(kept.tokens),
        max_length=max_length,
        context=tokenizer.context,
        ends_turn=kept.ends_turn,
    )


def _encoded(record: TrainingRecord | TextRecord, tokenizer: ChatTokenizer, turns: Turns) -> EncodedRecord:
    if isinstance(record, TextRecord):
        return tokenizer.encode_document(record.text)
    return tokenizer.encode_training(record, turns)


def _nth(reader: RecordReader, number: int) -> TrainingRecord | TextRecord:
    count = 0
    # A record with several faults has several items.
    for count, (line, items) in enumerate(groupby(reader, key=lambda item: item.line), 1):
        first, *others = items
        if isinstance(first, TrainingRecord | TextRecord) and count == number:
            return first
        # Without a format, or a line, the fault is of the whole file.
        if isinstance(first, Fault) and (count == number or line is None or reader.format is None):
            raise InvalidInput([item for item in (first, *others) if isinstance(item, Fault)])
    raise InvalidInput([Fault("record", None, "", f"{number:,}", f"1 to {count:,}: {reader.lines.where} has no more")])


def _cut(encoded: EncodedRecord, max_length: int) -> EncodedRecord:
    try:
        return truncate(encoded, max_length)
    except ValueError as error:
        found = f"{len(encoded.tokens):,} tokens, {completion_length(encoded):,} of them the last completion"
        expected = f"a completion of 1 to {max_length:,} tokens, the maximum length: shorten it, or raise the maximum"
        raise InvalidInput([Fault("", None, "", found, expected)]) from error


def _shown(encoded: EncodedRecord, tokenizer: ChatTokenizer) -> tuple[ShownToken, ...]:
    texts = tokenizer.token_texts(encoded.tokens)
    return tuple(
        ShownToken(text.text, text.special, loss) for text, loss in zip(texts, encoded.carries_loss, strict=True)
    )
