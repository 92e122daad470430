"""What a threshold is chosen by, read from text: constraints, an objective, costs. Nothing is evaluated as code."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.classification.binary_counts import MEASURES

_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_CONSTRAINT = re.compile(rf"(\w+)\s*(>=|<=|>|<|≥|≤)\s*({_NUMBER})\s*(%?)")
_TERM = re.compile(rf"([+-]?)\s*(?:({_NUMBER})\s*\*?\s*)?(tp|fp|tn|fn)\s*")
_OBJECTIVE = re.compile(r"(maximi[sz]e|minimi[sz]e)\s+(.+)", re.DOTALL)

RELATIONS: dict[str, Callable[[Any, float], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
"""By sign: a comparison of a share, or of an array of them, with a bound."""

_PLAIN = {"≥": ">=", "≤": "<="}


@dataclass(frozen=True)
class Constraint:
    """A measure that has to be at least, at most, above or below a bound."""

    measure: str
    relation: str
    bound: float

    def __str__(self) -> str:
        return f"{self.measure} {self.relation} {self.bound:g}"


@dataclass(frozen=True)
class Costs:
    """What one item of each cell costs; exact, so that equal costs are equal. A negative cost is a gain."""

    tp: Fraction
    fp: Fraction
    tn: Fraction
    fn: Fraction

    def totals(self, counts: Iterable[tuple[int, int, int, int]]) -> list[Fraction]:
        """The cost of each count of tp, fp, tn and fn, exact."""
        cells = (self.tp, self.fp, self.tn, self.fn)
        # Sums of whole numbers: a tenth of the time that sums of fractions take.
        unit = math.lcm(*(cell.denominator for cell in cells))
        whole = [int(cell * unit) for cell in cells]
        return [Fraction(sum(map(operator.mul, whole, four)), unit) for four in counts]


@dataclass(frozen=True)
class Objective:
    """What is made as large or as small as possible: a measure by its name, or a sum of costs."""

    maximise: bool
    what: str | Costs


def parse_constraints(text: str) -> tuple[Constraint, ...]:
    """Read constraints such as ``recall >= 0.85 and fnr <= 15 %``.

    Args:
        text: Constraints joined by ``and``; none where it is empty. Capital letters don't matter.

    Raises:
        InvalidInput: A part is no constraint, or its measure is none of ``MEASURES``; all such parts at once.
    """
    parts = [part.strip() for part in re.split(r"\band\b", text.lower())] if text.strip() else []
    matches = [(part, _CONSTRAINT.fullmatch(part)) for part in parts]
    wrong = [part for part, match in matches if match is None or match[1] not in MEASURES]
    if wrong:
        want = f"a constraint such as recall >= 0.85, of {', '.join(MEASURES)}"
        raise InvalidInput([Fault("constraints", None, "", repr(part), want) for part in wrong])
    return tuple(
        Constraint(match[1], _PLAIN.get(match[2], match[2]), float(Fraction(match[3]) / (100 if match[4] else 1)))
        for _, match in matches
        if match
    )


def parse_costs(text: str) -> Costs:
    """Read costs such as ``3*fn + fp``: numbers before tp, fp, tn and fn, joined by + and -.

    Args:
        text: A cell that is not named costs 0; one that is named without a number costs 1.

    Raises:
        InvalidInput: The text is something else, or names a cell twice.
    """
    costs = _read_costs(text.lower().strip())
    if costs is None:
        want = "costs such as 3*fn + fp: a number for each of tp, fp, tn, fn that costs something, joined by + or -"
        raise InvalidInput([Fault("costs", None, "", repr(text), want)])
    return costs


def parse_objective(text: str) -> Objective:
    """Read an objective such as ``maximise f1`` or ``minimise 3*fn + fp``.

    Raises:
        InvalidInput: It does not begin with maximise or minimise, or what follows is neither a measure nor costs.
    """
    match = _OBJECTIVE.fullmatch(text.lower().strip())
    what = match[2].strip() if match else ""
    measured = what if what in MEASURES else _read_costs(what)
    if match is None or measured is None:
        want = f"maximise or minimise, and {', '.join(MEASURES)} or costs such as 3*fn + fp"
        raise InvalidInput([Fault("objective", None, "", repr(text), want)])
    return Objective(match[1].startswith("max"), measured)


def _read_costs(text: str) -> Costs | None:
    costs = dict[str, Fraction]()
    while term := _TERM.match(text):
        sign, number, cell = term.groups()
        # A plus or minus stands before every term but the first.
        if cell in costs or (costs and not sign):
            return None
        costs[cell] = Fraction(number or 1) * (-1 if sign == "-" else 1)
        text = text[term.end() :]
    if text or not costs:
        return None
    return Costs(*(costs.get(cell, Fraction(0)) for cell in ("tp", "fp", "tn", "fn")))
