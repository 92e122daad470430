"""``outcrop curve``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outcrop.cli.output import JsonOption, console, print_json, say

if TYPE_CHECKING:
    from outcrop.reports.training import TrainingRun


def curve(
    name: Annotated[str, typer.Argument(help="A customization job, running or ended, or a custom model.")],
    html: Annotated[Path | None, typer.Option("--html", help="Write the run as one HTML page.")] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the curve as Bedrock's CSV tables under this folder.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a training curve, what it says of the run, and what to try."""
    from outcrop.cli.opening import opened

    with opened() as outcrop:
        run = outcrop.curve(name)
    written = _write(run, html, csv)
    if as_json:
        print_json({"run": _document(run), "files": [str(path) for path in written]})
        return
    _print(run)
    for path in written:
        say(f"wrote {path}")


def _write(run: TrainingRun, html: Path | None, csv: Path | None) -> list[Path]:
    from outcrop.domain.errors import StorageFailure
    from outcrop.reports.training import render_training_html
    from outcrop.trainers.curves import write_curves

    try:
        if html is not None:
            html.write_text(render_training_html(run), encoding="utf-8")
        return [*([html] if html else []), *(write_curves(run.curve, csv) if csv else [])]
    except OSError as error:
        raise StorageFailure(f"{error.filename}: can't be written ({error.strerror or error})") from error


def _print(run: TrainingRun) -> None:
    from outcrop.reports.curves import curve_text

    out = console()
    plain = "utf" not in (sys.stdout.encoding or "").lower()
    typer.echo(f"{run.name}: {run.method} from {run.base}, {run.status}, {run.done:,} of {run.steps:,} steps")
    if drawn := curve_text(run.curve, width=min(out.width, 100), ascii_only=plain):
        typer.echo(drawn)
    typer.echo(f"{run.diagnosis.verdict.value}:")
    for sentence in run.diagnosis.evidence:
        typer.echo(f"  {sentence}")
    if run.diagnosis.advice:
        typer.echo("try:")
    for sentence in run.diagnosis.advice:
        typer.echo(f"  {sentence}")


def _document(run: TrainingRun) -> dict[str, Any]:
    from outcrop.reports.document import plain

    found: dict[str, Any] = plain(run)
    return found
