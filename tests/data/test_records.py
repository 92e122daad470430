from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.data.records import RecordReader, read
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.records import EvaluationRecord, Message, Purpose, Record, Role, TrainingRecord

Write = Callable[..., Path]

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: not text.isspace())


def test_records_come_in_the_order_of_the_file(write: Write) -> None:
    path = write({"prompt": "a"}, {"prompt": "b", "category": "c"})
    assert list(read(path, Purpose.EVALUATION)) == [EvaluationRecord(1, "a"), EvaluationRecord(2, "b", None, "c")]


def test_a_fault_in_a_file_that_should_have_been_checked(write: Write) -> None:
    records = read(write({"prompt": "a"}, {"prompt": ""}), Purpose.EVALUATION)
    assert next(records) == EvaluationRecord(1, "a")
    with pytest.raises(InvalidInput, match=r'data\.jsonl:2: prompt: found "", which is blank'):
        next(records)


def test_the_reader_gives_records_and_faults_and_knows_the_format(write: Write) -> None:
    reader = RecordReader(write(b'not JSON\n{"prompt": "a", "completion": "b"}\n'), Purpose.FINE_TUNING)
    fault, record = reader
    assert isinstance(fault, Fault)
    assert record == TrainingRecord(2, (Message(Role.USER, "a"), Message(Role.ASSISTANT, "b")), needs_template=False)
    assert reader.format is not None
    assert reader.format.NAME == "prompt-completion"


def test_a_file_for_something_else_is_one_fault(write: Write) -> None:
    reader = RecordReader(write(*[{"prompt": "a", "completion": "b"}] * 9), Purpose.EVALUATION)
    (fault,) = reader
    assert isinstance(fault, Fault)
    assert fault.found.startswith("a training file")


def lines_of(records: list[TrainingRecord]) -> list[dict[str, object]]:
    return [
        {"messages": [{"role": message.role, "content": message.text} for message in record.messages[-2:]]}
        | ({"system": record.messages[0].text} if len(record.messages) == 3 else {})
        for record in records
    ]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.none() | texts, texts, texts), min_size=1, max_size=5))
def test_training_records_that_are_written_are_read_back(conversations: list[tuple[str | None, str, str]]) -> None:
    records = [
        TrainingRecord(
            number,
            (
                *([] if system is None else [Message(Role.SYSTEM, system)]),
                Message(Role.USER, user),
                Message(Role.ASSISTANT, assistant),
            ),
            needs_template=True,
        )
        for number, (system, user, assistant) in enumerate(conversations, start=1)
    ]
    assert through_a_file(lines_of(records), Purpose.FINE_TUNING) == records


@settings(max_examples=50)
@given(st.lists(st.builds(EvaluationRecord, st.just(0), texts, st.none() | texts, st.none() | texts), min_size=1))
def test_evaluation_records_that_are_written_are_read_back(records: list[EvaluationRecord]) -> None:
    fields = [
        {"prompt": record.prompt, "referenceResponse": record.reference, "category": record.category}
        for record in records
    ]
    values: list[dict[str, object]] = [
        {name: value for name, value in each.items() if value is not None} for each in fields
    ]
    back = through_a_file(values, Purpose.EVALUATION)
    assert [(each.prompt, each.reference, each.category) for each in back if isinstance(each, EvaluationRecord)] == [
        (each.prompt, each.reference, each.category) for each in records
    ]


def through_a_file(values: list[dict[str, object]], purpose: Purpose) -> list[Record]:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.writelines(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
        file.flush()
        return list(read(file.name, purpose))
