"""``outcrop keys``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from outcrop.cli.output import JsonOption, moment, print_json, say, table

if TYPE_CHECKING:
    from outcrop.domain.keys import Key

app = typer.Typer(help="Keys: who may use the server.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def create(
    name: Annotated[str, typer.Option("--name", help="What you call it.")] = "",
    bearer: Annotated[
        bool, typer.Option("--bearer", help="One word that is sent, for AWS_BEARER_TOKEN_BEDROCK; no signatures.")
    ] = False,
    expires: Annotated[
        str | None, typer.Option("--expires", help="After how long it is refused: 90m, 12h, 30d; never by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and print the lines that put it in use; its secret is shown this once."""
    from outcrop.cli.opening import opened
    from outcrop.domain.units import parse_duration

    lifetime = None if expires is None else parse_duration(expires, "--expires")
    with opened() as outcrop:
        new = outcrop.keys.create(name, bearer=bearer, lifetime=lifetime)
    if as_json:
        print_json({"key": _document(new.key), "secret": new.secret})
        return
    if bearer:
        typer.echo(f"export AWS_BEARER_TOKEN_BEDROCK={new.secret}")
    else:
        typer.echo(f"export AWS_ACCESS_KEY_ID={new.key.id}")
        typer.echo(f"export AWS_SECRET_ACCESS_KEY={new.secret}")
    say(f"key {new.key.id}: keep these lines, the secret can't be shown again")


@app.command("list")
def list_keys(as_json: JsonOption = False) -> None:
    """Show all keys, oldest first; never their secrets."""
    import time

    from outcrop.cli.opening import opened

    with opened() as outcrop:
        keys = outcrop.keys.list()
    if as_json:
        print_json({"keys": [_document(key) for key in keys]})
    elif not keys:
        typer.echo("no keys yet; `outcrop keys create` makes one")
    else:
        now = time.time()
        rows = [
            [key.id, key.kind.value, key.name, moment(key.created), moment(key.expires or 0) or "never", key.state(now)]
            for key in keys
        ]
        table(["key", "kind", "name", "created (UTC)", "expires (UTC)", "state"], rows)


@app.command()
def revoke(key: Annotated[str, typer.Argument(help="The key's id.")], as_json: JsonOption = False) -> None:
    """Let a key hold no longer, for good; a running server refuses it within five seconds."""
    from outcrop.cli.opening import opened

    with opened() as outcrop:
        revoked = outcrop.keys.revoke(key)
    if as_json:
        print_json({"key": _document(revoked)})
    else:
        typer.echo(f"key {revoked.id} is revoked")


def _document(key: Key) -> dict[str, Any]:
    """A key without what is sealed."""
    from outcrop.domain.codec import to_json

    return {name: value for name, value in to_json(key).items() if name != "sealed"}
