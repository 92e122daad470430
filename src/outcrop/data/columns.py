"""The columns of any table as the fields of evaluation records: ``prompt=question,reference=answer,category=topic``."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from outcrop.data.field_paths import value_at
from outcrop.data.reading import JsonObject, Line
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import described, shown

#: What a column can be read as, and the field of the format that it becomes.
FIELDS = {
    "prompt": "prompt",
    "reference": "referenceResponse",
    "references": "references",
    "category": "category",
    "choices": "choices",
    "choice": "referenceResponse",
    "cluster": "cluster",
    "text": "text",
}
_LISTS = ("references", "choices")

#: Fields that say the same in two ways: where a column is named for one, the other is not looked for.
_ALIKE = (("prompt", "text"), ("referenceResponse", "references"), ("choices",), ("category",), ("cluster",))
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class ColumnMap:
    """Which column is read as which field; ``pairs`` are (field, column), in the order given."""

    pairs: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return ",".join(f"{field}={column}" for field, column in self.pairs)

    def columns_in(self, value: JsonObject) -> set[str]:
        """The named columns that a row has."""
        return {column for _, column in self.pairs if value_at(value, column)[0]}

    def unmet(self, met: Collection[str], where: str) -> list[Fault]:
        """A fault for each named column that no row had, once all rows were read."""
        missing = [(field, column) for field, column in self.pairs if column not in met]
        return [Fault(where, None, column, "no such column in any row", f"the column of {f}") for f, column in missing]


def named_columns(given: str | Mapping[str, str]) -> ColumnMap | None:
    """The columns of a text, see ``parse_columns``, or of pairs of field and column; None where that is empty.

    Raises:
        InvalidInput: As ``parse_columns``.
    """
    text = given if isinstance(given, str) else ",".join(f"{field}={column}" for field, column in given.items())
    return parse_columns(text) if text else None


def parse_columns(text: str) -> ColumnMap:
    """The columns that a text names.

    Args:
        text: ``FIELD=COLUMN`` with commas between. A field is prompt, reference, references, category, choices, choice
            (which of the choices is right: its number from 0, or its letter), cluster or text. A column is a name, or a
            path such as ``answer.aliases``. References and choices may be given several columns.

    Raises:
        InvalidInput: A part is not of this form, or names a field that is none or that was given before: all faults.
    """
    pairs = [tuple(word.strip() for word in part.partition("=")[::2]) for part in text.split(",") if part.strip()]
    faults = [fault for number, pair in enumerate(pairs) if (fault := _pair_fault(pair, pairs[:number]))]
    if not pairs:
        faults = [_fault("no columns", "FIELD=COLUMN, such as prompt=question,reference=answer")]
    if faults:
        raise InvalidInput(faults)
    return ColumnMap(tuple((field, column) for field, column in pairs))


def rename(line: Line, columns: ColumnMap, where: str) -> Line | list[Fault]:
    """A row with its columns under the names of the fields they are read as, or what is wrong with it.

    A field that no column was named for is read from the column of its own name, unless what it says is named already
    (prompt or text, one right answer or several); all other columns are left out. Numbers become texts, truth values
    ``true`` and ``false``; a text that is a JSON list is one where a list is wanted. A list of right answers in the
    column of ``reference`` becomes ``references``.

    Args:
        line: The row.
        columns: What its columns are read as.
        where: What to call the table in faults.
    """
    wanted = [*columns.pairs, *_by_own_name(columns)]
    found: JsonObject = {}
    for field, column in wanted:
        there, value = value_at(line.value, column)
        if not there or value is None:
            continue
        if field in _LISTS:
            found[field] = [*_list(found.get(field, [])), *_list(value)]
        elif field == "reference" and isinstance(value, list):
            found["references"] = _list(value)
        elif field != "choice":
            found[FIELDS[field]] = _text(value)
    faults = list(_choose(line, wanted, found, where))
    return faults or Line(line.number, found)


def _by_own_name(columns: ColumnMap) -> Iterator[tuple[str, str]]:
    taken = {FIELDS[field] for field, _ in columns.pairs}
    for alike in _ALIKE:
        for field in alike if taken.isdisjoint(alike) else ():
            yield ("reference" if field == "referenceResponse" else field), field


def _choose(line: Line, wanted: list[tuple[str, str]], found: JsonObject, where: str) -> Iterator[Fault]:
    """Put the choice that a column points to in the place of the right answer."""
    choices = _list(found.get("choices", []))
    for column in (column for field, column in wanted if field == "choice"):
        there, value = value_at(line.value, column)
        if not there or value is None:
            continue
        place = _place(value)
        if place is None or place >= len(choices):
            last = f"0 to {len(choices) - 1}, or A to {_LETTERS[min(len(choices), 26) - 1]}" if choices else "choices"
            yield Fault(
                where, line.number, column, described(value), f"which of {len(choices)} choices is right: {last}"
            )
        else:
            found["referenceResponse"] = choices[place]


def _place(value: object) -> int | None:
    text = str(value).strip()
    if isinstance(value, bool) or not text:
        return None
    if text.isdecimal():
        return int(text)
    return _LETTERS.index(text.upper()) if len(text) == 1 and text.upper() in _LETTERS else None


def _text(value: object) -> object:
    """Numbers and truth values as texts; what is neither stays, and the format says what is wrong with it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _list(value: object) -> list[object]:
    if isinstance(value, list):
        return [_text(each) for each in value]
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            inner = json.loads(value)
        except ValueError:
            return [value]
        return _list(inner) if isinstance(inner, list) else [value]
    return [_text(value)]


def _pair_fault(pair: tuple[str, ...], before: list[tuple[str, ...]]) -> Fault | None:
    field, column = pair
    if not column:
        return _fault(shown(field), "FIELD=COLUMN")
    if field not in FIELDS:
        return _fault(f"the field {shown(field)}", f"one of {', '.join(FIELDS)}")
    taken = [FIELDS[earlier] for earlier, given in before if given and earlier in FIELDS]
    if field not in _LISTS and FIELDS[field] in taken:
        return _fault(f"another column for {field}", "one column for it")
    return None


def _fault(found: str, expected: str) -> Fault:
    return Fault("columns", None, "", found, expected)
