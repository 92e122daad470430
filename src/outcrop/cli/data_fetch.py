"""``outcrop data fetch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outcrop.cli.output import JsonOption, print_json, say


def fetch(
    source: Annotated[
        str,
        typer.Argument(help="Builtin.NAME, hub:OWNER/NAME[/CONFIG][:SPLIT][@REVISION], a table, or s3://BUCKET/KEY."),
    ],
    target: Annotated[Path, typer.Argument(help="The file to make: .jsonl or .jsonl.gz.")],
    columns: Annotated[
        str, typer.Option(help="What columns are read as, such as prompt=question,reference=answer,category=topic.")
    ] = "",
    limit: Annotated[
        int | None, typer.Option(help="The most records, drawn by content and seed; all by default.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed draws other records.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Write the evaluation records of a table, or of a dataset that is known by a name, into a file."""
    import dataclasses

    from outcrop.app.data_fetch import fetch_data
    from outcrop.cli.opening import opened
    from outcrop.data.columns import named_columns
    from outcrop.data.fetching import is_named

    named = named_columns(columns)
    with opened() as outcrop:
        if is_named(source):
            say(f"fetching {source} from the hub, unless it is in the cache")
        found = fetch_data(outcrop.services, source, target, named, limit, seed)
    if as_json:
        print_json(dataclasses.asdict(found))
        return
    typer.echo(f"{found.target}: {found.n_records:,} of {found.n_given:,} records, sha256 {found.content_hash}")
    if original := found.original:
        typer.echo(f"  from     {original.source} at {original.commit}")
        typer.echo(f"  licence  {original.licence}")
