from __future__ import annotations

import pytest

from outcrop.domain.generation import Prompt
from outcrop.domain.records import EvaluationRecord, Message, Role
from outcrop.domain.requests import Dataset, Prompting
from outcrop.evaluation.prompting import Prompter, filled, shots, template_faults
from outcrop.evaluation.tasks import TASKS

RECORD = EvaluationRecord(1, "What is {{category}}?", "rock", "geology", choices=("rock", "sand"))


def test_a_template_is_filled_once() -> None:
    assert (
        filled("Q: {{prompt}} [{{ choices }}] ({{category}})", RECORD)
        == "Q: What is {{category}}? [rock, sand] (geology)"
    )
    assert filled("{{choices}}|{{category}}", EvaluationRecord(1, "p"), ("a", "b")) == "a, b|"


@pytest.mark.parametrize(
    ("template", "fields"),
    [("{{prompt}}", []), ("{{ prompt }}{{choices}}", []), ("plain", ["prompt"]), ("{{Prompt}}", ["Prompt", "prompt"])],
)
def test_faults_of_a_template(template: str, fields: list[str]) -> None:
    assert [fault.field for fault in template_faults(template)] == fields


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: str(task.name))
def test_every_task_has_a_sound_template(task: object) -> None:
    assert template_faults(getattr(task, "template", "")) == []


EXAMPLES = (EvaluationRecord(1, "one", "1"), EvaluationRecord(2, "two", "2"))


def test_a_conversation_with_examples() -> None:
    prompter = Prompter(Prompting(template="Say: {{prompt}}"), (), EXAMPLES)
    assert prompter.prompt(5, EvaluationRecord(3, "three")) == Prompt(
        5,
        (
            Message(Role.USER, "Say: one"),
            Message(Role.ASSISTANT, "1"),
            Message(Role.USER, "Say: two"),
            Message(Role.ASSISTANT, "2"),
            Message(Role.USER, "Say: three"),
        ),
    )


def test_a_text_with_examples() -> None:
    prompter = Prompter(Prompting(template="{{prompt}} =", chat=False), (), EXAMPLES)
    assert prompter.context(EvaluationRecord(3, "three")) == "one = 1\n\ntwo = 2\n\nthree ="
    made = prompter.prompt(0, EvaluationRecord(3, "three"))
    assert (made.chat, made.messages[0].text) == (False, "one = 1\n\ntwo = 2\n\nthree =")


def test_choices_as_they_stand_after_the_context() -> None:
    plain, chat = Prompting(chat=False), Prompting()
    assert Prompter(plain).continuations(RECORD) == (" rock", " sand")
    assert Prompter(plain).continuations(EvaluationRecord(1, "is\n", choices=("a", "b"))) == ("a", "b")
    assert Prompter(chat).continuations(RECORD) == ("rock", "sand")
    assert Prompter(plain, ("x", "y")).continuations(EvaluationRecord(1, "p")) == (" x", " y")


def test_shots_have_answers_and_follow_the_seed() -> None:
    examples = [EvaluationRecord(place, f"{place}", None if place % 2 else "r") for place in range(40)]
    drawn = shots(examples, 5, seed=1)
    assert len(drawn) == 5
    assert all(one.reference for one in drawn)
    assert shots(examples, 5, seed=1) == drawn
    assert shots(examples, 5, seed=2) != drawn
    assert shots(examples, 3, seed=1) == drawn[:3]


def test_the_signature_tells_prompts_apart() -> None:
    data = Dataset("p", "0123456789")
    signatures = {
        Prompting().signature,
        Prompting(chat=False).signature,
        Prompting(template="x {{prompt}}").signature,
        Prompting(asked="choose").signature,
        Prompting(shots=2, examples=data).signature,
        Prompting(shots=3, examples=data).signature,
    }
    assert len(signatures) == 6
    assert Prompting(shots=2, examples=data).signature.startswith(
        "asked:generate|chat:yes|shots:2 of 01234567|template:"
    )
