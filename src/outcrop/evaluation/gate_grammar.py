"""How a gate is written: ``METRIC [shown] [drop|rise|value] SIGN NUMBER [on DATASET] [in CATEGORY]``."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.evaluation.gates import Gate, Quantity

SIGNS = (">", ">=", "<", "<=")

_TOKEN = re.compile(r"""(?P<quoted>"[^"]*"|'[^']*')|(?P<sign>[<>=!]+)|(?P<word>[^\s<>=!"']+)|(?P<open>["'].*)""")


def parse_gates(texts: Sequence[str]) -> tuple[Gate, ...]:
    """The gates that texts say.

    Raises:
        InvalidInput: Texts are no gates: every fault of each, with the character it is at, counted from 1.
    """
    readers = [_Reader(text) for text in texts]
    gates = tuple(reader.gate() for reader in readers)
    if faults := [fault for reader in readers for fault in reader.faults]:
        raise InvalidInput(faults)
    return gates


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


@dataclass
class _Reader:
    """Reads one gate from left to right; after a fault it goes on with what can still be read."""

    text: str
    faults: list[Fault] = field(default_factory=list)
    tokens: list[_Token] = field(default_factory=list)

    def __post_init__(self) -> None:
        for found in _TOKEN.finditer(self.text):
            self.tokens.append(_Token(found.lastgroup or "", found.group(), found.start() + 1))

    def gate(self) -> Gate:
        metric = self._name("a metric, such as rougeL")
        shown = self._word("shown")
        quantity = next((each for each in Quantity if self._word(each.value)), Quantity.VALUE)
        sign = self._sign()
        threshold = self._number()
        confined = self._confined()
        return Gate(self.text, metric, quantity, sign, threshold, shown, confined.get("on"), confined.get("in"))

    def _next(self, *kinds: str) -> _Token | None:
        """The next token, taken, if it is of one of these kinds."""
        return self.tokens.pop(0) if self.tokens and self.tokens[0].kind in kinds else None

    def _word(self, text: str) -> bool:
        """Whether the next token is this word; it is taken then."""
        if self.tokens and (self.tokens[0].kind, self.tokens[0].text) == ("word", text):
            self.tokens.pop(0)
            return True
        return False

    def _name(self, expected: str) -> str:
        token = self._next("word", "quoted", "open")
        if token is None:
            self._fault(expected)
            return ""
        if token.kind == "open":
            self._fault("a closing quote", token)
        return token.text.strip("\"'")

    def _sign(self) -> str:
        expected = f"one of {', '.join(SIGNS)}"
        # Words before the sign are none that a gate knows.
        while self.tokens and self.tokens[0].kind != "sign" and not _is_number(self.tokens[0].text):
            self._fault(f"drop, rise, value, shown, or {expected}")
            self.tokens.pop(0)
        token = self._next("sign")
        if token is None or token.text not in SIGNS:
            self._fault(expected, token)
            return SIGNS[0]
        return token.text

    def _number(self) -> float:
        token = None if self.tokens and self.tokens[0].text in ("on", "in") else self._next("word")
        if token is None or not _is_number(token.text):
            self._fault("a number, such as 0.01", token)
            return math.nan
        return float(token.text)

    def _confined(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while self.tokens:
            token = self.tokens.pop(0)
            if (token.kind, token.text) not in {("word", "on"), ("word", "in")} or token.text in found:
                self._fault("the end, on DATASET or in CATEGORY, each once", token)
                continue
            found[token.text] = self._name("a dataset's name" if token.text == "on" else "a category")
        return found

    def _fault(self, expected: str, token: _Token | None = None) -> None:
        found = token or next(iter(self.tokens), None)
        at = len(self.text) + 1 if found is None else found.at
        shown = "the end" if found is None else repr(found.text)
        self.faults.append(Fault("fail-if", None, f"{self.text!r} character {at}", shown, expected))


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
