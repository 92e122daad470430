"""Gates on the command line: the option, and what becomes of the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from outcrop.cli.output import say

if TYPE_CHECKING:
    from outcrop.evaluation.gates import GateResult

#: The exit code where a gate failed: neither the work (1) nor the command line (2) was at fault.
GATE_FAILED = 3

FailIfOption = Annotated[
    list[str] | None,
    typer.Option("--fail-if", help='Exit with 3 if this holds, as in "rougeL drop > 0.01"; may be repeated.'),
]


def end_by_gates(results: Sequence[GateResult]) -> None:
    """Say on stderr what became of the gates.

    Raises:
        typer.Exit: One failed; with the code ``GATE_FAILED``.
    """
    for result in results:
        say(result.sentence)
    if any(result.failed for result in results):
        raise typer.Exit(GATE_FAILED)
