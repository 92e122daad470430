"""``outcrop deployments``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from outcrop.cli.output import JsonOption, moment, print_json, say, table

if TYPE_CHECKING:
    from outcrop.domain.deployments import Deployment

app = typer.Typer(help="Deployments: models that a server keeps loaded.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The deployment's id or name.")]

_HOW = "`outcrop serve` loads it, now or when it starts"


@app.command("list")
def list_deployments(as_json: JsonOption = False) -> None:
    """Show all deployments, oldest first."""
    from outcrop.cli.opening import opened
    from outcrop.domain.codec import to_json

    with opened() as outcrop:
        found = outcrop.deployments.list()
    if as_json:
        print_json({"deployments": [to_json(one) for one in found]})
    elif not found:
        typer.echo("no deployments yet; `outcrop deployments create` makes one")
    else:
        rows = [
            [one.name, one.kind.value, one.model, str(one.units or ""), one.status.value, moment(one.created)]
            for one in found
        ]
        table(["name", "kind", "model", "units", "status", "created (UTC)"], rows, right=["units"])


@app.command()
def show(name: Name, as_json: JsonOption = False) -> None:
    """Show a deployment: what it serves, and where it is."""
    from outcrop.cli.opening import opened

    with opened() as outcrop:
        found = outcrop.deployments.show(name)
    _print(found, as_json)


@app.command()
def create(
    model: Annotated[str, typer.Argument(help="The model's name or alias.")],
    name: Annotated[
        str,
        typer.Argument(help="The deployment's name: letters and digits, each perhaps with one '-' or '_' after it."),
    ],
    kind: Annotated[
        str, typer.Option(help="provisioned-throughput, or on-demand for a custom model.")
    ] = "provisioned-throughput",
    units: Annotated[
        int | None,
        typer.Option(help="Model units of a provisioned throughput: how many requests it takes; 1 where not given."),
    ] = None,
    description: Annotated[str, typer.Option(help="What you say of it.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Let the server load a model and keep it loaded."""
    from outcrop.cli.opening import opened

    with opened() as outcrop:
        made = outcrop.deployments.create(model, name, kind=kind, units=units, description=description)
    _print(made, as_json)
    say(_HOW)


@app.command()
def update(
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="Its name from now on.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="The model it is to serve; of a provisioned throughput, the same base or a custom model of it."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Give a deployment another name or model; the old model answers until the new one is loaded."""
    from outcrop.cli.opening import opened

    with opened() as outcrop:
        changed = outcrop.deployments.update(name, new_name=new_name, model=model)
    _print(changed, as_json)
    if changed.wanted != changed.model:
        say(_HOW)


@app.command()
def delete(name: Name, as_json: JsonOption = False) -> None:
    """Forget a deployment; a running server lets go of it, and the model stays."""
    from outcrop.cli.opening import opened
    from outcrop.domain.codec import to_json

    with opened() as outcrop:
        removed = outcrop.deployments.remove(name)
    if as_json:
        print_json({"deployment": to_json(removed)})
    else:
        typer.echo(f"deployment {removed.name} is deleted; the model {removed.model} stays")


def _print(found: Deployment, as_json: bool) -> None:
    from outcrop.domain.codec import to_json

    if as_json:
        print_json({"deployment": to_json(found)})
        return
    typer.echo(f"deployment {found.name} is {found.status.value}")
    typer.echo(f"  id           {found.id}")
    typer.echo(f"  kind         {found.kind.value}{f', {found.units} model units' if found.units else ''}")
    typer.echo(f"  model        {found.model}")
    if found.wanted != found.model:
        typer.echo(f"  changes to   {found.wanted}")
    if found.description:
        typer.echo(f"  description  {found.description}")
    typer.echo(f"  created      {moment(found.created)} UTC")
    if found.error:
        typer.echo(f"  error        {found.error}")
