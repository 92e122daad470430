"""``outcrop doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from outcrop.cli.output import JsonOption, print_json, table


def doctor(
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure the machine's best speed again; the better figures are kept.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look whether machine, installation and home folder are fit for work; exit with 1 if there is a problem."""
    from outcrop.app.doctor import diagnose
    from outcrop.domain.codec import to_json

    diagnosis = diagnose(measure=measure)
    if as_json:
        print_json(to_json(diagnosis))
    else:
        findings = diagnosis.findings
        table(["state", "what", "found"], [[found.state.value, found.name, found.found] for found in findings])
        for found in findings:
            if found.advice:
                typer.echo(f"{found.state.value}: {found.name}: {found.advice}")
        typer.echo("fit for work" if diagnosis.healthy else "not fit for work")
    if not diagnosis.healthy:
        raise typer.Exit(1)
