"""``outcrop data split`` and ``outcrop data leakage``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outcrop.cli.output import JsonOption, print_json, table

if TYPE_CHECKING:
    from outcrop.app.data_split import Split
    from outcrop.data.leakage import Leakage

TextOption = Annotated[
    list[str] | None,
    typer.Option("--text", help="Find twins by this field; may be given again. By all that is said, where not given."),
]

#: Strata that a person is shown.
_MOST_STRATA = 20


def split(
    file: Annotated[str, typer.Argument(help="A JSON Lines file of any format, or s3://BUCKET/KEY.")],
    into: Annotated[str, typer.Option(help="Parts and their shares, such as train=0.8,validation=0.1,test=0.1.")],
    stratify: Annotated[
        str | None, typer.Option(help="Give each part its share of the records with each value of this field.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Keep records with the same value of this field in one part.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Give the first part the oldest records by this field, and so on.")
    ] = None,
    keep_together: Annotated[
        bool | None,
        typer.Option(help="Keep records that are nearly the same in one part. The default, except with --time."),
    ] = None,
    text: TextOption = None,
    seed: Annotated[int, typer.Option(help="Decides all that is random.")] = 0,
    to: Annotated[Path | None, typer.Option(help="The folder for the parts; the file's own where not given.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Split a file into parts, each a file of its own, without the same records in two."""
    import dataclasses

    from outcrop.app.data_split import split_data
    from outcrop.cli.opening import opened
    from outcrop.cli.progress import bytes_progress
    from outcrop.data.splitting import SplitRequest, parse_shares

    request = SplitRequest(parse_shares(into), stratify, group, time, seed, keep_together, tuple(text or ()))
    with opened() as outcrop, bytes_progress(f"splitting {file.rpartition('/')[2]}") as progress:
        found = split_data(outcrop.services, file, request, to, progress)
    if as_json:
        print_json(dataclasses.asdict(found))
    else:
        _show_split(found)


def leakage(
    files: Annotated[list[str], typer.Argument(help="Two JSON Lines files or more, or s3://BUCKET/KEY.")],
    text: TextOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find records that are in more than one file, the same or nearly; exit with 2 where there are any."""
    import dataclasses

    from outcrop.app.data_split import find_leakage
    from outcrop.cli.opening import opened
    from outcrop.cli.progress import bytes_progress

    with opened() as outcrop, bytes_progress("comparing") as progress:
        found = find_leakage(outcrop.services, files, text or (), progress)
    if as_json:
        print_json(dataclasses.asdict(found))
    else:
        _show_leakage(found)
    if found.n_exact_pairs or found.n_near_pairs:
        raise typer.Exit(2)


def _show_split(found: Split) -> None:
    from outcrop.reports import numbers

    typer.echo(f"{found.path}: {sum(part.n_records for part in found.parts):,} records, {found.method}")
    rows = [
        (part.name, f"{part.n_records:,}", f"{part.n_wanted:,}", part.path, part.content_hash[:12])
        for part in found.parts
    ]
    table(("part", "records", "wanted", "file", "sha256"), rows, right=("records", "wanted"))
    if found.n_groups:
        typer.echo(f"{found.n_groups:,} groups, each in one part")
    if found.n_bound:
        typer.echo(f"{numbers.records(found.n_bound)} kept together with a twin")
    if found.strata:
        _show_strata(found)
    _show_leakage(found.leakage)


def _show_strata(found: Split) -> None:
    names = [part.name for part in found.parts]
    shown = found.strata[:_MOST_STRATA]
    table(("value", *names), [(str(one.value), *(f"{n:,}" for n in one.counts)) for one in shown], right=names)
    if len(found.strata) > len(shown):
        typer.echo(f"… and {len(found.strata) - len(shown):,} more values")
    small = sum(0 in one.counts for one in found.strata)
    if small:
        typer.echo(f"values that are not in every part, because they have too few records: {small:,}")


def _show_leakage(found: Leakage) -> None:
    from outcrop.reports import numbers

    if not found.n_exact_pairs and not found.n_near_pairs:
        typer.echo("no record has a twin in another part")
        return
    more = "at least " if found.at_least else ""
    typer.echo(
        f"twins in different parts: {found.n_exact_pairs:,} exact pairs, {more}{found.n_near_pairs:,} near pairs"
    )
    rows = [(one.name, f"{one.n_records:,}", f"{one.n_exact:,}", f"{one.n_near:,}") for one in found.parts]
    heads = ("part", "records", "exact twin elsewhere", "near twin elsewhere")
    table(heads, rows, right=heads[1:])
    for pair in found.examples:
        near = "the same" if pair.exact else f"{numbers.fixed(pair.jaccard, 2)} alike"
        typer.echo(f"  {pair.part}:{pair.line}  {pair.other_part}:{pair.other_line}  {near}")
