"""Evaluation records: a prompt, the responses it should get, and the group it is reported under.

The fields are Bedrock's, and ours beside them: ``references`` for several right responses, ``choices`` for what is to
be chosen from, ``cluster`` for what dependent records share, ``text`` in place of a prompt for what is only read.
"""

from __future__ import annotations

from collections import Counter

from outcrop.data.formats import writing
from outcrop.data.formats.fields import FieldCheck
from outcrop.domain.errors import Fault
from outcrop.domain.faults import described, shown
from outcrop.domain.records import EvaluationRecord, GivenResponse, Record

NAME = "evaluation"
DESCRIPTION = (
    '{"prompt": "…", "referenceResponse": "…" (optional), "category": "…" (optional), "references": ["…"] (optional), '
    '"choices": ["…"] (optional), "cluster": "…" (optional), "modelResponses": [{"response": "…", "modelIdentifier": '
    '"…"}] (optional)}, or {"text": "…"}'
)
SHAPE = {"prompt": str, "referenceResponse": str, "category": str}

_STORED = "modelResponses"
_FIELDS = ("prompt", "text", "referenceResponse", "references", "choices", "category", "cluster", _STORED)
_OWN = ("prompt", "text", "referenceResponse", "category", "references", "choices", _STORED)
_OF_OTHERS = ("completion", "messages", "conversations", "instruction", "output")


def looks_like(value: dict[str, object]) -> bool:
    """Whether a record is meant to be in this format, right or wrong."""
    if any(name in value for name in _OF_OTHERS):
        return False
    return any(name in value for name in _OWN)


def parse(value: dict[str, object], line: int, where: str) -> EvaluationRecord | list[Fault]:
    """The record of one line, or every fault in it."""
    check = FieldCheck(where, line)
    prompt = check.text(value, "text" if "text" in value and "prompt" not in value else "prompt")
    reference = check.optional_text(value, "referenceResponse")
    references = check.optional_texts(value, "references")
    choices = check.optional_texts(value, "choices")
    category = check.optional_text(value, "category")
    cluster = check.optional_text(value, "cluster")
    responses = _responses(check, value)
    check.only(value, _FIELDS)
    if "text" in value and "prompt" in value:
        check.fault("text", "a text beside a prompt", "one of the two")
    if references and reference is not None and references[0] != reference:
        check.fault("references", shown(references[0]), f"first what referenceResponse says, {shown(reference)}")
    right = references or (() if reference is None else (reference,))
    for each in right if choices else ():
        if each not in choices:
            check.fault("choices", f"no {shown(each)}", "every right response among them")
    if len(choices) == 1 or len(set(choices)) < len(choices):
        check.fault("choices", f"{len(choices)}, of which {len(set(choices))} differ", "two or more, each once")
    if check.faults:
        return check.faults
    return EvaluationRecord(
        line, prompt, right[0] if right else None, category, references, choices, cluster, responses
    )


def _responses(check: FieldCheck, value: dict[str, object]) -> tuple[GivenResponse, ...]:
    """The stored responses; what Bedrock's own output holds beside them is passed over."""
    stored = value.get(_STORED, [])
    if not isinstance(stored, list):
        check.fault(_STORED, described(stored), "a list of responses")
        return ()
    found = []
    for place, each in enumerate(stored):
        inside = f"{_STORED}[{place}]."
        if not isinstance(each, dict):
            check.fault(inside[:-1], described(each), "an object with response and modelIdentifier")
            continue
        if not isinstance(each.get("response"), str):
            check.fault(f"{inside}response", described(each.get("response")), "a text, which may be empty")
            continue
        found.append(GivenResponse(check.text(each, "modelIdentifier", inside), str(each["response"])))
    for name, count in Counter(one.source for one in found if one.source).items():
        if count > 1:
            check.fault(_STORED, f"{count} responses of {shown(name)}", "one of each modelIdentifier")
    return tuple(found)


def write(record: Record) -> dict[str, object]:
    """The record in this format.

    Raises:
        InvalidInput: It can't be expressed.
    """
    found = writing.evaluation(record, NAME)
    fields = {
        "prompt": found.prompt,
        "referenceResponse": found.reference,
        "category": found.category,
        "references": list(found.references),
        "choices": list(found.choices),
        "cluster": found.cluster,
        _STORED: [{"response": one.text, "modelIdentifier": one.source} for one in found.responses],
    }
    return {name: value for name, value in fields.items() if value not in (None, [])}
