"""What people said of the same responses, to measure a judge against."""

from __future__ import annotations

import json
from collections.abc import Sequence

from outcrop.data.formats.fields import FieldCheck
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import described
from outcrop.domain.judging import Criterion, PeopleLabel
from outcrop.evaluation.judges.preferences import BASELINE, CANDIDATE
from outcrop.evaluation.judges.questions import TIE
from outcrop.evaluation.judges.rulings import rated

_FIELDS = ("line", "model", "criterion", "rating", "better")


def people_labels(
    text: str, where: str, criteria: Sequence[Criterion], models: Sequence[str], lines: Sequence[int], *, pairwise: bool
) -> tuple[PeopleLabel, ...]:
    """Read what people said from JSON Lines.

    A line has ``line`` (of the evaluation data), ``model``, ``criterion``, and ``rating``; of a pair ``better`` in its
    place, which is one of the two models' names or ``tie``. Several people may have said something of one response.

    Args:
        text: The lines; blank ones are passed over.
        where: What faults call the file.
        criteria: What a judge is asked by.
        models: Who is judged, the baseline first.
        lines: The lines of the evaluation data.
        pairwise: Whether a judge is asked about pairs.

    Raises:
        InvalidInput: Everything that is wrong with it, one fault each.
    """
    reader = _Reader(where, criteria, models, frozenset(lines), pairwise)
    given = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    labels = [reader.label(number, line) for number, line in given]
    if not labels:
        reader.faults.append(Fault(where, None, "", "no lines", "JSON Lines with what people said"))
    if reader.faults:
        raise InvalidInput(reader.faults)
    return tuple(label for label in labels if label is not None)


class _Reader:
    """Reads lines and collects every fault."""

    def __init__(
        self, where: str, criteria: Sequence[Criterion], models: Sequence[str], lines: frozenset[int], pairwise: bool
    ) -> None:
        self.faults: list[Fault] = []
        self._where = where
        self._criteria = {_short(criterion.name): criterion for criterion in criteria}
        self._models = models
        self._lines = lines
        self._pairwise = pairwise

    def label(self, number: int, line: str) -> PeopleLabel | None:
        """What a line says; None where it can't be used, which leaves faults."""
        check = FieldCheck(self._where, number)
        try:
            entry = json.loads(line)
        except ValueError as error:
            check.fault("", str(error), "a JSON object")
            entry = None
        else:
            if not isinstance(entry, dict):
                check.fault("", described(entry), "a JSON object")
        found = self._checked(check, entry) if isinstance(entry, dict) else None
        self.faults += check.faults
        return None if check.faults else found

    def _checked(self, check: FieldCheck, entry: dict[str, object]) -> PeopleLabel | None:
        check.only(entry, _FIELDS)
        place, model, name = entry.get("line"), entry.get("model"), entry.get("criterion")
        if not isinstance(place, int) or isinstance(place, bool) or place not in self._lines:
            check.fault("line", described(place), "the number of a line of the evaluation data")
            return None
        judged = self._models[1:] if self._pairwise else self._models
        if model not in judged:
            check.fault("model", described(model), f"one of {', '.join(judged)}")
        criterion = self._criteria.get(_short(name)) if isinstance(name, str) else None
        if criterion is None:
            known = ", ".join(one.name for one in self._criteria.values())
            check.fault("criterion", described(name), f"one of {known}")
            return None
        answer = self._better(check, entry, model) if self._pairwise else _rating(check, entry, criterion)
        return PeopleLabel(place, str(model), criterion.name, answer)

    def _better(self, check: FieldCheck, entry: dict[str, object], model: object) -> str:
        found = {self._models[0]: BASELINE, model: CANDIDATE, TIE: TIE}.get(entry.get("better"))
        if found is None:
            check.fault("better", described(entry.get("better")), f"{self._models[0]}, {model} or {TIE}")
        return found or ""


def _rating(check: FieldCheck, entry: dict[str, object], criterion: Criterion) -> str:
    value = entry.get("rating")
    answer = rated(value, criterion) if isinstance(value, str | int | float) else None
    if answer not in {rating.answer for rating in criterion.scale}:
        answers = ", ".join(rating.answer for rating in criterion.scale)
        check.fault("rating", described(value), f"one of {answers}")
    return answer or ""


def _short(name: str) -> str:
    return name.lower().removeprefix("builtin.")
