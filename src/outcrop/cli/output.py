"""What every command prints: one JSON document with ``--json``, else text for a person; progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outcrop.domain.errors import InvalidInput, OutcropError

if TYPE_CHECKING:
    from rich.console import Console

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")]


def print_json(value: object) -> None:
    """One JSON document on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1))


def say(text: str) -> None:
    """A line about what is going on, on stderr."""
    typer.echo(text, err=True)


def console(*, stderr: bool = False, wide: bool = False) -> Console:
    """Where text for a person goes; ``wide`` keeps tables whole where no terminal sets a width."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, width=200 if wide else None)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """A plain table on stdout; columns named in ``right`` hold numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        drawn.add_column(head, justify="right" if head in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    console(wide=not sys.stdout.isatty()).print(drawn)


def fail(error: OutcropError, *, as_json: bool) -> int:
    """Show an error; its exit code."""
    if as_json:
        found: dict[str, Any] = {"code": error.code, "message": str(error)}
        if isinstance(error, InvalidInput):
            found["faults"] = [vars(fault) for fault in error.faults]
            found["n_faults"] = error.total
        print_json({"error": found})
    else:
        say(f"outcrop: {error}")
    sys.stdout.flush()
    return error.exit_code


def duration(seconds: float) -> str:
    """A number of seconds for a person."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def moment(seconds: float) -> str:
    """A time since the epoch for a person, in UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M") if seconds else ""


def shown(value: float | str | bool) -> str:
    """A hyperparameter's value: a number without needless digits, a word as it is."""
    if isinstance(value, (bool, str)):
        return str(value).lower()
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"
