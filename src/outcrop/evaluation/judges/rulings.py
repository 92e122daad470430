"""Rulings: what a judge said, read from what it wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from outcrop.domain.generation import Response
from outcrop.domain.judging import Criterion
from outcrop.evaluation.judges.questions import FIRST, SECOND, TIE, Question

#: What a ruling answers where the criterion does not apply.
NOT_APPLICABLE = "N/A"

_FIELDS = ("rating", "better", "score", "verdict", "answer", "winner")
_LABELLED = re.compile(rf"^\W*(?:final )?(?:{'|'.join(_FIELDS)})\b[^\w\n]*[:=]\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_EXPLAINED = re.compile(r"^\W*(?:explanation|reason(?:ing)?)\b[^\w\n]*[:=]\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_AROUND = " \t\r\n\"'`*_[](){}.:,;"
_TIES = frozenset({"tie", "draw", "equal"})
_NOT_APPLICABLE = frozenset({"n/a", "na", "not applicable", "does not apply"})
#: Fields are looked for in so many of an answer's braces: a text of nothing but braces must not take for ever.
_BRACES = 64


@dataclass(frozen=True)
class Ruling:
    """What a judge said to a question.

    Attributes:
        answer: A rating's answer, ``A``, ``B`` or ``tie`` of a pair, or ``N/A``; None where it can't be read.
        explanation: Why, in the judge's words; the whole text where it can't be read.
    """

    answer: str | None
    explanation: str


def rulings(
    asked: Sequence[Question], criteria: Sequence[Criterion], responses: Sequence[Response | None]
) -> list[Ruling]:
    """Read a judge's responses.

    Args:
        asked: The questions.
        criteria: What is judged by.
        responses: What the judge wrote to each question; None where it was not asked.
    """
    return [
        Ruling(None, "")
        if response is None
        else read_ruling(response.text, criteria[question.criterion], pairwise=question.against is not None)
        for question, response in zip(asked, responses, strict=True)
    ]


def read_ruling(text: str, criterion: Criterion, *, pairwise: bool) -> Ruling:
    """What a judge's text says.

    The last JSON object with a field such as ``rating`` or ``better`` counts; where there is none, the last line such
    as ``Rating: 3``; where there is none either, the whole text if it is an answer and nothing else. What is not on the
    scale is not guessed at.

    Args:
        text: What the judge wrote.
        criterion: What it was to judge by.
        pairwise: Whether it compared two responses.
    """
    said, explanation = _json_answer(text) or _labelled(text) or (text, "")
    answer = _pair_answer(said) if pairwise else rated(said, criterion)
    return Ruling(answer, text.strip() if answer is None else explanation)


def _json_answer(text: str) -> tuple[str, str] | None:
    found = None
    for entry in _objects(text):
        keys = {str(key).strip().lower(): value for key, value in entry.items()}
        for field in _FIELDS:
            value = keys.get(field)
            if isinstance(value, str | int | float):
                found = _as_text(value), str(keys.get("explanation", keys.get("reasoning", ""))).strip()
                break
    return found


def _objects(text: str) -> Iterator[dict[str, object]]:
    """The JSON objects in a text, from left to right; those within one that was read are not looked at."""
    decoder = json.JSONDecoder(strict=False)
    at = text.find("{")
    for _ in range(_BRACES):
        if at < 0:
            return
        try:
            entry, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(entry, dict):
                yield entry
        at = text.find("{", end)


def _as_text(value: str | float) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return value if isinstance(value, str) else f"{value:.12g}"


def _labelled(text: str) -> tuple[str, str] | None:
    found = _LABELLED.findall(text)
    explained = _EXPLAINED.search(text)
    return (found[-1], explained[1].strip() if explained else "") if found else None


def _plain(text: str) -> str:
    return " ".join(text.strip(_AROUND).lower().split())


def _pair_answer(said: str) -> str | None:
    word = _plain(said).removeprefix("response ").removesuffix(" is better")
    if word in _TIES:
        return TIE
    return {FIRST.lower(): FIRST, SECOND.lower(): SECOND}.get(word)


def rated(said: str | float, criterion: Criterion) -> str | None:
    """The answer on a criterion's scale that a text or a number means; ``N/A`` where it may say so, None otherwise."""
    word = _plain(_as_text(said))
    if criterion.may_not_apply and word in _NOT_APPLICABLE:
        return NOT_APPLICABLE
    for rating in criterion.scale:
        if word in (_plain(rating.answer), _plain(rating.definition)) or _same_number(word, rating.answer):
            return rating.answer
    for rating in criterion.scale:
        # "4: all of it is there", "4 (all of it is there)"; not "3-4", and not "3.5".
        if re.match(rf"{re.escape(_plain(rating.answer))}\s*[-–—:(=]\s*[^\W\d]", word):
            return rating.answer
    return _out_of(word, criterion)


def _same_number(word: str, answer: str) -> bool:
    try:
        return float(word) == float(answer)
    except ValueError:
        return False


def _out_of(word: str, criterion: Criterion) -> str | None:
    """``3/4`` and ``3 out of 4`` where 4 is the highest rating."""
    found = re.fullmatch(r"(-?[\d.]+) ?(?:/|out of) ?(-?[\d.]+)", word)
    if found is None or not criterion.numeric:
        return None
    top = max(criterion.scale, key=lambda rating: rating.value or 0.0).answer
    if not _same_number(found[2], top):
        return None
    return next((rating.answer for rating in criterion.scale if _same_number(found[1], rating.answer)), None)
