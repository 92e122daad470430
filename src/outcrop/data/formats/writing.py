"""What formats share in writing records, and how they say that they can't."""

from __future__ import annotations

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.records import EvaluationRecord, Message, Record, Role, TextRecord, TrainingRecord

_KINDS = {
    TrainingRecord: "a training record",
    TextRecord: "a text for pre-training",
}


def inexpressible(record: Record, name: str, found: str, expected: str) -> InvalidInput:
    """The error of a record that a format can't express; the caller says in which file."""
    return InvalidInput([Fault("", record.line, "", found, f"{expected}: the {name} format has no more")])


def conversation(record: Record, name: str, *, unlearnt: bool = False) -> tuple[str | None, tuple[Message, ...]]:
    """The system text and the turns of a training record.

    Args:
        record: The record.
        name: The format that is to express it.
        unlearnt: Whether that format can say that a turn carries no loss.

    Of an evaluation record it is the prompt and the reference.

    Raises:
        InvalidInput: It is another kind of record, or has such a turn.
    """
    if isinstance(record, EvaluationRecord):
        return None, _answered(record, name)
    if not isinstance(record, TrainingRecord):
        raise inexpressible(record, name, _KINDS[type(record)], "a training record")
    if not unlearnt and not all(message.learnt for message in record.messages):
        raise inexpressible(record, name, "a turn that carries no loss", "turns that are all learnt")
    first = record.messages[0]
    return (first.text, record.messages[1:]) if first.role is Role.SYSTEM else (None, record.messages)


def exchange(record: Record, name: str) -> tuple[str, str]:
    """The prompt and the completion of a training record.

    Raises:
        InvalidInput: It is another kind of record, or says more than that.
    """
    system, turns = conversation(record, name)
    if system is not None:
        raise inexpressible(record, name, "a system text", "one prompt and one completion")
    if len(turns) > 2:
        raise inexpressible(record, name, f"a conversation of {len(turns)} messages", "one prompt and one completion")
    return turns[0].text, turns[1].text


def document(record: Record, name: str) -> str:
    """The text of a record for pre-training.

    Raises:
        InvalidInput: It is another kind of record.
    """
    if not isinstance(record, TextRecord):
        raise inexpressible(record, name, _KINDS[type(record)], "a text for pre-training")
    return record.text


def evaluation(record: Record, name: str) -> EvaluationRecord:
    """An evaluation record; of a training record, with the completion as the reference.

    Raises:
        InvalidInput: It is another kind of record, or a training record that says more than that.
    """
    if isinstance(record, EvaluationRecord):
        return record
    if isinstance(record, TrainingRecord):
        return EvaluationRecord(record.line, *exchange(record, name))
    raise inexpressible(record, name, _KINDS[type(record)], "an evaluation record")


def _answered(record: EvaluationRecord, name: str) -> tuple[Message, ...]:
    if record.reference is None:
        raise inexpressible(record, name, "a prompt without a reference", "a prompt and what is to be learnt")
    beside = {"a category": record.category, "several references": record.references[1:], "choices": record.choices}
    for what, there in beside.items():
        if there:
            raise inexpressible(record, name, what, "a prompt and a reference alone")
    return Message(Role.USER, record.prompt), Message(Role.ASSISTANT, record.reference)
