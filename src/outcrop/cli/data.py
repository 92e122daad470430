"""``outcrop data``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outcrop.cli import data_fetch, data_show, data_split
from outcrop.cli.output import JsonOption, print_json
from outcrop.cli.purpose import Aim

if TYPE_CHECKING:
    from outcrop.data.checking import DatasetCheck
    from outcrop.data.conversion import Conversion

app = typer.Typer(help="Datasets.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def group() -> None:
    """Datasets."""


@app.command("check")
def check_file(
    file: Annotated[str, typer.Argument(help="A file, a folder of texts, or s3://BUCKET/KEY.")],
    aim: Annotated[Aim, typer.Option("--for", help="What the data is for.")] = Aim.FINE_TUNING,
    model: Annotated[str | None, typer.Option(help="Count tokens as this model does.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Count the records that this many tokens would cut.")] = None,
    limits: Annotated[
        str, typer.Option(help="Check what Bedrock takes for a family of models too, such as nova; ours is no limits.")
    ] = "ours",
    role: Annotated[
        str, typer.Option("--as", help="With --limits, what the file is: training or validation.")
    ] = "training",
    beside: Annotated[
        str | None, typer.Option(help="With --limits, the other one of the two files: some limits are for both.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read every line; show what is in the file, and all that is wrong with it."""
    from outcrop.app.data import check_data
    from outcrop.app.data_limits import with_limits
    from outcrop.cli.opening import opened
    from outcrop.cli.progress import bytes_progress
    from outcrop.data.limits import OURS
    from outcrop.domain.records import Encoding, Purpose

    encoding = None if max_length is None else Encoding(max_length)
    with opened() as outcrop:
        if file.startswith("s3://"):
            with bytes_progress(f"fetching {file}") as progress:
                outcrop.services.fetch(file, progress)
        with bytes_progress(f"reading {file.rpartition('/')[2]}") as progress:
            found = check_data(outcrop.services, file, Purpose(aim.value), model, encoding, progress)
        if limits != OURS:
            found = with_limits(outcrop.services, found, file, limits, role, beside)
    if as_json:
        print_json(_document(found))
    else:
        _show(found)
    if found.n_faults:
        raise typer.Exit(2)


@app.command("convert")
def convert(
    source: Annotated[str, typer.Argument(help="A file, a folder of texts, or s3://BUCKET/KEY.")],
    target: Annotated[Path, typer.Argument(help="The file to make: .jsonl, .jsonl.gz, .csv or .parquet.")],
    to: Annotated[str, typer.Option(help="The format to write, such as messages or prompt-completion.")],
    aim: Annotated[
        Aim | None, typer.Option("--for", help="What the source is for; else what the format is for.")
    ] = None,
    skip_faulty: Annotated[bool, typer.Option("--skip-faulty", help="Leave out what can't be converted.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a dataset in another format, or in another kind of file."""
    from outcrop.app.data import convert_data
    from outcrop.cli.opening import opened
    from outcrop.cli.progress import bytes_progress
    from outcrop.domain.records import Purpose

    purpose = None if aim is None else Purpose(aim.value)
    with opened() as outcrop, bytes_progress(f"converting {source.rpartition('/')[2]}") as progress:
        made = convert_data(outcrop.services, source, target, to, purpose, skip_faulty=skip_faulty, progress=progress)
    if as_json:
        print_json(_plain(made))
    else:
        _show_conversion(made)


@app.command("put")
def put(
    file: Annotated[Path, typer.Argument(help="A file of this machine.")],
    place: Annotated[str, typer.Argument(help="s3://BUCKET/KEY; one that ends in a slash gets the file's name.")],
    as_json: JsonOption = False,
) -> None:
    """Copy a file to an s3:// address: an S3 service, or a folder of the home where none is set up."""
    from outcrop.app.data import put_data
    from outcrop.cli.opening import opened
    from outcrop.cli.progress import bytes_progress

    with opened() as outcrop, bytes_progress(f"copying {file.name}") as progress:
        put_place = put_data(outcrop.services, file, place, progress)
    if as_json:
        print_json({"put": put_place})
    else:
        typer.echo(put_place)


app.command("split")(data_split.split)
app.command("leakage")(data_split.leakage)
app.command("show")(data_show.show)
app.command("fetch")(data_fetch.fetch)


def _plain(made: Conversion) -> dict[str, Any]:
    import dataclasses

    return dataclasses.asdict(made)


def _show_conversion(made: Conversion) -> None:
    from outcrop.domain.errors import InvalidInput

    typer.echo(f"{made.target}: {made.n_records:,} records, from {made.source_format} to {made.target_format}")
    if made.n_faults:
        typer.echo(f"left out: {InvalidInput(made.faults, made.n_faults)}", err=True)


def _document(found: DatasetCheck) -> dict[str, Any]:
    import dataclasses

    plain = dataclasses.asdict(found)
    return {**plain, "purpose": found.purpose.value, "categories": dict(found.categories)}


def _show(found: DatasetCheck) -> None:
    from outcrop.domain.errors import InvalidInput

    typer.echo(f"{found.path}: {found.n_records:,} records, format {found.format or 'unknown'}")
    typer.echo(f"  sha256      {found.content_hash}")
    if found.n_duplicates:
        typer.echo(f"  duplicates  {found.n_duplicates:,} records say the same as an earlier one")
    if found.categories:
        largest = sorted(found.categories.items(), key=lambda item: (-item[1], item[0]))
        shown = ", ".join(f"{name} {count}" for name, count in largest[:8])
        typer.echo(f"  categories  {len(largest)}: {shown}{', …' if len(largest) > 8 else ''}")
    if found.n_without_reference:
        typer.echo(f"  no reference in {found.n_without_reference:,} of {found.n_records:,}: these can't be scored")
    if tokens := found.tokens:
        lengths = tokens.lengths
        typer.echo(
            f"  tokens      {tokens.total:,}: shortest {lengths.minimum:,}, median {lengths.median:,}, ", nl=False
        )
        typer.echo(f"95 % within {lengths.p95:,}, longest {lengths.maximum:,}")
        if tokens.carrying_loss:
            typer.echo(f"  with loss   {tokens.carrying_loss:,}; records that would be cut: {tokens.n_truncated:,}")
            if tokens.n_sequences > found.n_records:
                typer.echo(f"  sequences   {tokens.n_sequences:,}: longer texts are taken apart")
            if found.purpose.value == "fine-tuning":
                typer.echo(f"  end of turn trained: {tokens.n_ends_turn:,} of {found.n_records:,}")
    if found.n_faults:
        typer.echo(str(InvalidInput(found.faults, found.n_faults)), err=True)
    else:
        typer.echo("  no faults")
