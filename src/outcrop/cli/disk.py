"""``outcrop disk``."""

from __future__ import annotations

import typer

from outcrop.cli.output import JsonOption, print_json, table
from outcrop.domain.units import size


def disk(as_json: JsonOption = False) -> None:
    """Show what takes space, and what may go."""
    from outcrop.app.disk import disk_use
    from outcrop.cli.opening import opened

    with opened() as outcrop:
        uses = disk_use(outcrop.services)
        home = outcrop.services.settings.home
    total = sum(use.bytes for use in uses)
    if as_json:
        print_json({"home": str(home), "bytes": total, "uses": [vars(use) for use in uses]})
        return
    if not uses:
        typer.echo(f"nothing in {home} yet")
        return
    table(["size", "what", "freed by"], [[size(use.bytes), use.what, use.freed_by] for use in uses], right=["size"])
    typer.echo(f"{size(total)} in {home}")
