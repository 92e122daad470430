"""From a model's answers to what metrics score."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from outcrop.domain.generation import LogLikelihood
from outcrop.domain.records import EvaluationRecord
from outcrop.evaluation.tasks import Read
from outcrop.metrics.choices import Chosen
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.entities import Spanned
from outcrop.metrics.items import as_spans
from outcrop.metrics.perplexity import ScoredText
from outcrop.metrics.protocol import Pair

_MARK = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")


@dataclass(frozen=True)
class Answer:
    """What a model made of a record.

    Attributes:
        text: Its response; where it chose, what it chose; None where there is none.
        stop_reason: Why its response ended; "" where it wrote none.
        likelihoods: Of each choice after the prompt, or of the text alone that was read.
    """

    text: str | None = None
    likelihoods: tuple[LogLikelihood, ...] = ()
    stop_reason: str = ""


def as_items(
    read: Read, records: Sequence[EvaluationRecord], answers: Sequence[Answer], labels: Sequence[str]
) -> list[Any]:
    """What the metrics of a task score, one for each record.

    Args:
        read: What they score.
        records: The records.
        answers: Of one model, in their order.
        labels: Of a classification: all of them.
    """
    make = {
        Read.TEXT: lambda record, answer: Pair(answer.text, record.right),
        Read.LABEL: lambda record, answer: _classified(record, answer, labels),
        Read.ITEMS: _listed,
        Read.CHOICE: _chosen,
        Read.LIKELIHOOD: _scored,
    }[read]
    return [make(record, answer) for record, answer in zip(records, answers, strict=True)]


def labels_of(records: Sequence[EvaluationRecord]) -> tuple[str, ...]:
    """All labels of a classification: those that are right somewhere, and those that records say are to be chosen."""
    return tuple(sorted({label for record in records for label in (*record.right, *record.choices)}))


def said(read: Read, answer: Answer, labels: Sequence[str]) -> str | None:
    """An answer as a text that can be held against references: of a classification, the label."""
    if read is not Read.LABEL or answer.text is None or answer.likelihoods:
        return answer.text
    return named_label(answer.text, labels) or answer.text


def named_label(response: str, labels: Sequence[str]) -> str | None:
    """The label that a response names; None where it names none.

    Case and white space don't count. A response that is a label is that one. Else it is the label that is named first
    as whole words; of several that begin at one place the longest.
    """
    plain = {" ".join(label.lower().split()): label for label in labels}
    said = " ".join(response.lower().split())
    if said.strip(" .\"'`*") in plain:
        return plain[said.strip(" .\"'`*")]
    found = [
        (match.start(), -len(words), label)
        for words, label in plain.items()
        if words and (match := re.search(rf"(?<!\w){re.escape(words)}(?!\w)", said))
    ]
    return min(found)[2] if found else None


def listed(response: str) -> list[str]:
    """The things that a response lists: the texts of a JSON list in it, else its lines, else what commas part.

    Marks of lists are no part of a thing. ``none``, ``[]`` and nothing are no things.
    """
    start, end = response.find("["), response.rfind("]")
    if 0 <= start < end:
        try:
            return [str(each).strip() for each in json.loads(response[start : end + 1]) if str(each).strip()]
        except (ValueError, TypeError):
            pass
    lines = [_MARK.sub("", line).strip() for line in response.splitlines() if line.strip()]
    parts = lines if len(lines) > 1 else [part.strip() for line in lines for part in line.split(",")]
    found = [part.strip(" .;\"'`") for part in parts]
    return [] if [part.lower() for part in found] == ["none"] else [part for part in found if part]


def _classified(record: EvaluationRecord, answer: Answer, labels: Sequence[str]) -> Classified:
    if answer.likelihoods:
        return Classified(record.reference, answer.text, _probabilities(answer, labels))
    if answer.text is None:
        return Classified(record.reference, None)
    # A response that names no label is a wrong one, not a missing one.
    return Classified(record.reference, named_label(answer.text, labels) or answer.text.strip()[:80] or "(nothing)")


def _probabilities(answer: Answer, labels: Sequence[str]) -> dict[str, float]:
    logprobs = [one.logprob for one in answer.likelihoods]
    weights = [math.exp(one - max(logprobs)) for one in logprobs]
    return {label: weight / math.fsum(weights) for label, weight in zip(labels, weights, strict=True)}


def _listed(record: EvaluationRecord, answer: Answer) -> Spanned:
    right = record.right
    wanted = None if not right else listed(right[0]) if len(right) == 1 else list(right)
    said = None if answer.text is None else as_spans(listed(answer.text))
    return Spanned(said, None if wanted is None else as_spans(wanted))


def _chosen(record: EvaluationRecord, answer: Answer) -> Chosen:
    right = tuple(place for place, choice in enumerate(record.choices) if choice in record.right)
    return Chosen(record.choices, tuple(one.logprob for one in answer.likelihoods), right)


def _scored(record: EvaluationRecord, answer: Answer) -> ScoredText:
    if not answer.likelihoods:
        return ScoredText(record.prompt, 0.0, 0)
    return ScoredText(record.prompt, answer.likelihoods[0].logprob, answer.likelihoods[0].tokens)
