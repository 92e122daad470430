"""From records to what a model is asked: a template, examples before it, and the model's chat template or none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outcrop.domain.errors import Fault
from outcrop.domain.generation import Context, Prompt
from outcrop.domain.records import EvaluationRecord, Message, Role
from outcrop.domain.requests import Prompting

_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_KNOWN = ("prompt", "choices", "category")


def template_faults(template: str) -> list[Fault]:
    """What is wrong with a prompt template: a variable that there is not, or no prompt in it."""
    used = _VARIABLE.findall(template)
    known = ", ".join(f"{{{{{name}}}}}" for name in _KNOWN)
    faults = [Fault("template", None, name, "no such variable", known) for name in used if name not in _KNOWN]
    if "prompt" not in used:
        faults.append(Fault("template", None, "prompt", "no {{prompt}} in it", "a text with {{prompt}}"))
    return faults


def filled(template: str, record: EvaluationRecord, labels: Sequence[str] = ()) -> str:
    """The template with a record's fields; what a field says is never read as a template again.

    Args:
        template: A text with ``{{prompt}}``, ``{{choices}}`` or ``{{category}}``.
        record: Whose fields are put in.
        labels: What is to be chosen from, where the record has no choices of its own.
    """
    values = {
        "prompt": record.prompt,
        "choices": ", ".join(record.choices or labels),
        "category": record.category or "",
    }
    return _VARIABLE.sub(lambda match: values.get(match[1], match[0]), template)


def shots(examples: Sequence[EvaluationRecord], count: int, seed: int) -> tuple[EvaluationRecord, ...]:
    """Some examples with a right response, drawn by the seed: the same for every record, so that they are read once."""
    able = [example for example in examples if example.reference is not None]
    drawn = np.random.default_rng(seed).permutation(len(able))[:count]
    return tuple(able[place] for place in drawn)


@dataclass(frozen=True)
class Prompter:
    """Makes what a model is asked.

    Attributes:
        prompting: The template, and whether the model's chat template is used.
        labels: What is to be chosen from, where records have no choices of their own.
        examples: What stands before each record, with its right response.
    """

    prompting: Prompting
    labels: tuple[str, ...] = ()
    examples: tuple[EvaluationRecord, ...] = ()

    def prompt(self, number: int, record: EvaluationRecord) -> Prompt:
        """A prompt to answer."""
        context = self.context(record)
        if isinstance(context, str):
            return Prompt(number, (Message(Role.USER, context),), chat=False)
        return Prompt(number, context)

    def context(self, record: EvaluationRecord) -> Context:
        """What stands before a response: a conversation with a chat template, a text without one."""
        asked = filled(self.prompting.template, record, self.labels)
        before = [(filled(self.prompting.template, one, self.labels), one.right[0]) for one in self.examples]
        if not self.prompting.chat:
            return "\n\n".join([*(question + gap(question) + answer for question, answer in before), asked])
        turns = [
            Message(role, text) for pair in before for role, text in zip((Role.USER, Role.ASSISTANT), pair, strict=True)
        ]
        return (*turns, Message(Role.USER, asked))

    def continuations(self, record: EvaluationRecord) -> tuple[str, ...]:
        """The record's choices, or the labels, as they would stand after its context."""
        context = self.context(record)
        between = gap(context) if isinstance(context, str) else ""
        return tuple(between + choice for choice in record.choices or self.labels)


def gap(text: str) -> str:
    """What belongs between a text and what follows it: a space, unless white space is there."""
    return " " if text and not text[-1].isspace() else ""
