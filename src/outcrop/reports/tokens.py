"""How a training record becomes tokens, on a terminal and as an HTML page: each token, and whether it carries loss.

Nothing is said by colour alone: what carries loss stands in brackets, special tokens have a mark of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

from outcrop.reports.pages import page_environment
from outcrop.reports.texts import TURNING, clean

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Marks:
    """What stands for what can't be seen, and the signs around tokens."""

    space: str = "·"
    line_end: str = "⏎"
    tab: str = "⇥"
    unprintable: str = "\ufffd"
    unfinished: str = "…"
    special: str = "◆"
    between: str = "│"
    opened: str = "⟦"
    closed: str = "⟧"


MARKS = Marks()
#: For terminals that can't print the others.
ASCII = Marks("_", "\\n", "\\t", "?", "...", "*", "|", "[[", "]]")


@dataclass(frozen=True)
class ShownToken:
    """A token: what it says, whether it is a special one, and whether it carries loss.

    ``text`` is "" for a token that begins a character which a later one ends.
    """

    text: str
    special: bool
    carries_loss: bool

    def visible(self, marks: Marks = MARKS) -> str:
        """The text with white space made visible; a line end is still one behind its mark."""
        if not self.text:
            return marks.unfinished
        plain = "".join(marks.unprintable if letter in TURNING else letter for letter in clean(self.text))
        plain = plain.replace("\ufffd", marks.unprintable).replace(" ", marks.space).replace("\t", marks.tab)
        return (marks.special if self.special else "") + plain.replace("\n", f"{marks.line_end}\n")


@dataclass(frozen=True)
class ShownRecord:
    """A training record as a model sees it.

    Attributes:
        path: The file.
        line: The record's line.
        number: Which record of the file it is, from 1.
        model: The model whose tokenizer and template these are.
        tokens: Those the model is trained on.
        n_cut: Tokens at the front that the maximum length takes away.
        max_length: The maximum length; None for no limit but the model's.
        context: The longest input the model takes, in tokens.
        ends_turn: Whether the end of the turn carries loss, so that the model learns to stop.
    """

    path: str
    line: int
    number: int
    model: str
    tokens: tuple[ShownToken, ...]
    n_cut: int
    max_length: int | None
    context: int
    ends_turn: bool

    @cached_property
    def n_with_loss(self) -> int:
        """Tokens that the model learns to write."""
        return sum(token.carries_loss for token in self.tokens)

    @cached_property
    def runs(self) -> list[tuple[bool, list[ShownToken]]]:
        """Tokens side by side that all carry loss, or none of which does."""
        return [(loss, list(run)) for loss, run in groupby(self.tokens, lambda token: token.carries_loss)]

    @property
    def verdict(self) -> str:
        """Whether the model learns to stop, in a sentence."""
        if self.ends_turn:
            return "End of turn trained: yes. The model learns to stop."
        return "End of turn trained: no. The model does not learn to stop, and may go on until it is stopped."


def render_terminal(record: ShownRecord, console: Console) -> None:
    """Print the record, its counts and the verdict."""
    from rich.text import Text

    marks = ASCII if console.options.ascii_only else MARKS
    wrapped = console.is_terminal
    for line in _head(record, marks):
        console.print(Text(_fit(line, console)), soft_wrap=not wrapped)
    console.print()
    drawn = Text()
    for loss, run in record.runs:
        style = "bold green underline" if loss else ""
        drawn.append(marks.opened if loss else "", "bold")
        for place, token in enumerate(run):
            drawn.append(marks.between if place else "", "dim")
            drawn.append(_fit(token.visible(marks), console), f"{style} magenta" if token.special else style)
        drawn.append(marks.closed if loss else "", "bold")
    drawn.overflow = "fold"
    console.print(drawn, soft_wrap=not wrapped)
    console.print()
    console.print(Text(record.verdict, "bold" if record.ends_turn else "bold red"), soft_wrap=not wrapped)


def render_html(record: ShownRecord) -> str:
    """The record as one HTML page that needs nothing else: no network, no script, no font of its own."""
    page = page_environment().get_template("tokens.html.j2")
    return page.render(record=record, marks=MARKS, counts=_counts(record))


def _head(record: ShownRecord, marks: Marks) -> list[str]:
    return [
        f"{record.path}:{record.line}, record {record.number:,}, as {record.model} reads it",
        "  ".join(f"{name}: {value}" for name, value in _counts(record)),
        f"{marks.opened}with loss{marks.closed}  {marks.between} between tokens  {marks.special} special token  "
        f"{marks.space} space  {marks.line_end} line end  {marks.unfinished} part of a character",
    ]


def _counts(record: ShownRecord) -> Sequence[tuple[str, str]]:
    limit = f"{record.context:,}, the model's context" if record.max_length is None else f"{record.max_length:,}"
    return (
        ("tokens", f"{len(record.tokens):,}"),
        ("with loss", f"{record.n_with_loss:,}"),
        ("cut away at the front", f"{record.n_cut:,}"),
        ("at most", limit),
    )


def _fit(text: str, console: Console) -> str:
    """The text in what the terminal's encoding can print."""
    return text.encode(console.encoding, "replace").decode(console.encoding)
