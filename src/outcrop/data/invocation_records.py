"""Records of invocation jobs: ``{"recordId": ..., "modelInput": {...}}``, a line each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from outcrop.data.reading import JsonLines, JsonObject, Line
from outcrop.domain.errors import Fault
from outcrop.domain.faults import FaultCollection, described


@dataclass(frozen=True)
class InvocationRecord:
    """What a model is asked: a request's body in the words of a wire; ``id`` is "" where the line has none."""

    id: str
    body: JsonObject


def check_invocations(path: Path, name: str, faults: FaultCollection) -> tuple[int, str]:
    """How many records a file has, and its hash, as ``content_hash`` gives it; "" where it can't be read to its end.

    Args:
        path: The file, packed with gzip or not.
        name: What faults call it; "" for its path.
        faults: Gets all that is wrong with it. Whether a model can read a body is not looked at.
    """
    lines, count = JsonLines(path, name=name), 0
    for found in _records(lines):
        if isinstance(found, Fault):
            faults.add(found)
        count += 1
    return count, lines.content_hash


def invocation_records(path: Path) -> Iterator[InvocationRecord]:
    """The records of a file that was checked, in its order; lines with faults are left out."""
    return (found for found in _records(JsonLines(path)) if isinstance(found, InvocationRecord))


def _records(lines: JsonLines) -> Iterator[InvocationRecord | Fault]:
    for line in lines:
        yield line if isinstance(line, Fault) else _record(lines.where, line)


def _record(where: str, line: Line) -> InvocationRecord | Fault:
    body, given = line.value.get("modelInput"), line.value.get("recordId", "")
    if not isinstance(body, dict):
        found = described(body) if "modelInput" in line.value else "nothing"
        return Fault(where, line.number, "modelInput", found, "an object: the body of a request to the model")
    if not isinstance(given, str):
        return Fault(where, line.number, "recordId", described(given), "a text, or no recordId at all")
    return InvocationRecord(given, body)
