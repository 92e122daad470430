"""The command's root: groups, and what becomes of an error."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from outcrop import __version__
from outcrop.cli import (
    ask,
    compare,
    curve,
    customize,
    data,
    deployments,
    disk,
    doctor,
    evaluate,
    forgetting,
    invoke,
    jobs,
    keys,
    models,
    score,
    serve,
    ways,
)
from outcrop.cli.output import fail
from outcrop.domain.errors import OutcropError

app = typer.Typer(
    name="outcrop",
    help="Customise open models with your own data, and measure whether they got better.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"outcrop {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Customise open models with your own data, and measure whether they got better."""


app.add_typer(models.app, name="models")
app.add_typer(data.app, name="data")
app.command("customize")(customize.customize)
app.command("curve")(curve.curve)
app.command("ways")(ways.ways)
app.command("evaluate")(evaluate.evaluate)
app.command("invoke")(invoke.invoke)
app.command("compare")(compare.compare)
app.command("forgetting")(forgetting.forgetting)
app.command("score")(score.score)
app.command("ask")(ask.ask)
app.add_typer(jobs.app, name="jobs")
app.add_typer(deployments.app, name="deployments")
app.command("serve")(serve.serve)
app.add_typer(keys.app, name="keys")
app.command("disk")(disk.disk)
app.command("doctor")(doctor.doctor)


def program(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code. Typer itself answers a command line that it can't read, with 2."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        app(given, prog_name="outcrop")
    except OutcropError as error:
        return fail(error, as_json="--json" in given)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
