"""``outcrop data show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outcrop.cli.output import JsonOption, console, print_json, say
from outcrop.cli.purpose import TrainingAim


def show(
    file: Annotated[str, typer.Argument(help="Training data: a file, a folder of texts, or s3://BUCKET/KEY.")],
    model: Annotated[str, typer.Option(help="The model that would be trained.")],
    record: Annotated[int, typer.Option(min=1, help="Which record of the file.")] = 1,
    max_length: Annotated[int | None, typer.Option(min=1, help="Cut the record to this many tokens.")] = None,
    aim: Annotated[TrainingAim, typer.Option("--for", help="What the file is for.")] = TrainingAim.FINE_TUNING,
    turns: Annotated[str, typer.Option(help="Which of the assistant's turns carry loss: all, or last.")] = "all",
    html: Annotated[Path | None, typer.Option(help="Write a page to this file instead.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a training record as tokens: which of them the model learns to write, and whether it learns to stop."""
    import dataclasses

    from outcrop.app.data_show import show_record
    from outcrop.cli.opening import opened
    from outcrop.domain.errors import StorageFailure
    from outcrop.domain.records import Purpose, turns_named
    from outcrop.reports.tokens import render_html, render_terminal

    with opened() as outcrop:
        found = show_record(
            outcrop.services, file, model, record, max_length, purpose=Purpose(aim.value), turns=turns_named(turns)
        )
    if html is not None:
        try:
            html.write_text(render_html(found), encoding="utf-8")
        except OSError as error:
            raise StorageFailure(f"{html}: can't be written ({error.strerror or error})") from error
        say(f"written to {html}")
    if as_json:
        print_json({**dataclasses.asdict(found), "n_with_loss": found.n_with_loss})
    elif html is None:
        render_terminal(found, console())
