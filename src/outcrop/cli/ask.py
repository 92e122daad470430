"""``outcrop ask``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from outcrop.cli.output import JsonOption, print_json, say

if TYPE_CHECKING:
    from outcrop.domain.generation import GenerationParameters
    from outcrop.services import Engines


def ask(
    model: Annotated[str, typer.Argument(help="The model to ask.")],
    prompt: Annotated[str | None, typer.Argument(help="What to ask; read from stdin, or asked for, if absent.")] = None,
    against: Annotated[str | None, typer.Option(help="A second model that is asked the same.")] = None,
    max_tokens: Annotated[int, typer.Option(help="The most tokens of an answer.")] = 256,
    temperature: Annotated[float, typer.Option(help="0 takes the most likely token; above 0 samples.")] = 0.0,
    top_p: Annotated[float, typer.Option(help="Sample from the smallest set with this much mass.")] = 1.0,
    top_k: Annotated[int, typer.Option(help="Sample from this many most likely tokens; 0 means all.")] = 0,
    stop: Annotated[list[str] | None, typer.Option(help="End an answer before this text; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Decides the samples.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Talk to a model, or to two of them side by side."""
    from outcrop.cli.opening import opened
    from outcrop.domain.generation import GenerationParameters

    parameters = GenerationParameters(max_tokens, temperature, top_p, top_k, tuple(stop or ()), seed)
    models = [model, *([against] if against else [])]
    with opened() as outcrop:
        for name in models:
            outcrop.models.show(name)
        engines = outcrop.services.engines()
        for question in _questions(prompt):
            if as_json:
                print_json({"prompt": question, "answers": _answers(engines, models, question, parameters)})
            else:
                _print_answers(engines, models, question, parameters)


def _questions(prompt: str | None) -> list[str] | _Conversation:
    if prompt is not None:
        return [prompt]
    return _Conversation() if sys.stdin.isatty() else [sys.stdin.read()]


class _Conversation:
    """Questions typed by a person, each on its own: a model remembers nothing of the one before."""

    def __iter__(self) -> _Conversation:
        say("one question per line, each by itself; Ctrl-D ends")
        return self

    def __next__(self) -> str:
        while True:
            try:
                line = input("> ").strip()
            except (EOFError, KeyboardInterrupt):
                raise StopIteration from None
            if line:
                return line


def _answers(engines: Engines, models: list[str], prompt: str, parameters: GenerationParameters) -> dict[str, str]:
    from outcrop.app.conversation import answer

    return {name: "".join(answer(engines, name, prompt, parameters)) for name in models}


def _print_answers(engines: Engines, models: list[str], prompt: str, parameters: GenerationParameters) -> None:
    if len(models) == 2 and sys.stdout.isatty():
        _side_by_side(engines, models, prompt, parameters)
        return
    from outcrop.app.conversation import answer

    for name in models:
        if len(models) > 1:
            typer.echo(f"{name}:")
        for piece in answer(engines, name, prompt, parameters):
            typer.echo(piece, nl=False)
            sys.stdout.flush()
        typer.echo()


def _side_by_side(engines: Engines, models: list[str], prompt: str, parameters: GenerationParameters) -> None:
    """Two columns that fill up; the models take turns, since they share the machine."""
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    from outcrop.app.conversation import answer

    texts = dict.fromkeys(models, "")

    def drawn() -> Table:
        columns = Table(expand=True)
        for name in models:
            columns.add_column(name, ratio=1)
        columns.add_row(*(Text(texts[name]) for name in models))
        return columns

    with Live(drawn(), refresh_per_second=8) as live:
        for name in models:
            for piece in answer(engines, name, prompt, parameters):
                texts[name] += piece
                live.update(drawn())
