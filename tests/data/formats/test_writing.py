"""What is written in a format is read back as the same records; what a format can't say is refused with the reason."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.data import formats
from outcrop.data.formats import FORMATS, Format
from outcrop.domain.errors import InvalidInput
from outcrop.domain.records import EvaluationRecord, Message, Record, Role, TextRecord, TrainingRecord

said = st.text(min_size=1, max_size=20).filter(lambda text: not text.isspace())
exchanges = st.lists(st.tuples(said, said), min_size=1, max_size=3)


def conversation(system: str | None, pairs: list[tuple[str, str]], learnt: list[bool]) -> TrainingRecord:
    first = [] if system is None else [Message(Role.SYSTEM, system)]
    turns = [
        (Message(Role.USER, one), Message(Role.ASSISTANT, two, learns))
        for (one, two), learns in zip(pairs, itertools.cycle(learnt))
    ]
    return TrainingRecord(7, (*first, *itertools.chain.from_iterable(turns)), needs_template=True)


conversations = st.builds(conversation, st.none() | said, exchanges, st.just([True]))
weighed = st.builds(conversation, st.none() | said, exchanges, st.lists(st.booleans(), min_size=1, max_size=3))
pairs = st.builds(conversation, st.none(), st.tuples(said, said).map(lambda pair: [pair]), st.just([True])).map(
    lambda record: replace(record, needs_template=False)
)
CAN_SAY: dict[str, st.SearchStrategy[Record]] = {
    "prompt-completion": pairs,
    "alpaca": pairs,
    "messages": conversations,
    "openai-messages": weighed,
    "bedrock-conversation-2024": conversations,
    "sharegpt": conversations,
    "input": st.builds(TextRecord, st.just(7), said),
    "text": st.builds(TextRecord, st.just(7), said),
    "evaluation": st.builds(EvaluationRecord, st.just(7), said, st.none() | said, st.none() | said),
}
PURPOSES = {form.NAME: purpose for purpose, known in FORMATS.items() for form in known}


def form_of(name: str) -> Format:
    form = formats.named(name)
    assert form is not None
    return form


def test_every_format_is_tried() -> None:
    assert set(CAN_SAY) == set(PURPOSES)
    assert formats.named("csv") is None


@pytest.mark.parametrize("name", CAN_SAY)
@given(data=st.data())
def test_what_is_written_is_read_back(name: str, data: st.DataObject) -> None:
    record = data.draw(CAN_SAY[name])
    value = json.loads(json.dumps(form_of(name).write(record)))
    assert set(value) <= set(form_of(name).SHAPE)
    found = formats.detect(value, PURPOSES[name], 7, "")
    assert isinstance(found, tuple)
    assert form_of(name) in found
    assert [form.parse(value, 7, "") for form in found] == [record] * len(found)


@pytest.mark.parametrize(
    ("one", "two"),
    list(itertools.permutations([name for name, can in CAN_SAY.items() if can is conversations], 2)),
)
@given(record=conversations)
def test_conversations_go_from_format_to_format(one: str, two: str, record: TrainingRecord) -> None:
    read = form_of(one).parse(form_of(one).write(record), 7, "")
    assert not isinstance(read, list)
    assert form_of(two).parse(form_of(two).write(read), 7, "") == record


@pytest.mark.parametrize("name", CAN_SAY)
@given(data=st.data())
def test_a_record_is_in_one_format(name: str, data: st.DataObject) -> None:
    value = form_of(name).write(data.draw(CAN_SAY[name]))
    found = {other for other in CAN_SAY if form_of(other).looks_like(value)}
    if name in ("messages", "openai-messages"):
        assert name in found <= {"messages", "openai-messages"}
    elif name == "text":
        assert found == {"text", "evaluation"}, "the purpose decides"
    elif name == "evaluation" and set(value) == {"prompt"}:
        assert found == {"evaluation", "prompt-completion"}, "the purpose decides"
    else:
        assert found == {name}


TALK = conversation("S", [("Q", "A"), ("Q", "A")], [True])


@pytest.mark.parametrize(
    ("name", "record", "found"),
    [
        ("prompt-completion", TALK, "a system text"),
        ("alpaca", replace(TALK, messages=TALK.messages[1:]), "a conversation of 4 messages"),
        ("messages", conversation(None, [("Q", "A")], [False]), "a turn that carries no loss"),
        ("messages", TextRecord(7, "T"), "a text for pre-training"),
        ("text", TALK, "a training record"),
        ("evaluation", TALK, "a system text"),
        ("evaluation", TextRecord(7, "T"), "a text for pre-training"),
        ("sharegpt", EvaluationRecord(7, "P"), "a prompt without a reference"),
        ("alpaca", EvaluationRecord(7, "P", "R", "C"), "a category"),
    ],
)
def test_what_a_format_can_not_say(name: str, record: Record, found: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        form_of(name).write(record)
    (fault,) = caught.value.faults
    assert (fault.line, fault.found) == (7, found)
    assert fault.expected.endswith(f": the {name} format has no more")


@given(record=pairs)
def test_a_prompt_with_its_answer_can_be_learnt_or_tested(record: TrainingRecord) -> None:
    prompt, answer = (message.text for message in record.messages)
    tested = form_of("evaluation").parse(form_of("evaluation").write(record), 7, "")
    assert tested == EvaluationRecord(7, prompt, answer)
    assert isinstance(tested, EvaluationRecord)
    assert form_of("prompt-completion").parse(form_of("prompt-completion").write(tested), 7, "") == record
