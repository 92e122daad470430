"""``outcrop models``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outcrop.cli.output import JsonOption, moment, print_json, say, shown, table
from outcrop.domain.units import size

if TYPE_CHECKING:
    from outcrop.domain.models import Model

app = typer.Typer(help="Base models, custom models and their names.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The model's name or alias.")]


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """Show all models, their aliases, and those that can be added by name."""
    from outcrop.cli.opening import opened
    from outcrop.domain.codec import to_json
    from outcrop.models.known import KNOWN

    with opened() as outcrop:
        models, aliases = outcrop.models.list(), outcrop.models.aliases()
    known = [entry for entry in KNOWN.values() if entry.name not in {model.name for model in models}]
    if as_json:
        addable = [{"name": entry.name, "about": entry.about} for entry in known]
        print_json({"models": [to_json(model) for model in models], "aliases": aliases, "known": addable})
        return
    rows = [
        [
            model.name,
            model.kind.value,
            "remote" if model.engine == "remote" else f"{model.parameters:,}",
            model.identity.weights[:12],
            moment(model.created),
        ]
        for model in models
    ]
    if rows:
        table(["name", "kind", "weights", "hash", "added (UTC)"], rows, right=["weights"])
    for alias, target in aliases.items():
        typer.echo(f"alias {alias} = {target}")
    for entry in known:
        typer.echo(f"not added: {entry.name}: {entry.about}\n  outcrop models add {entry.name}")


@app.command()
def add(
    source: Annotated[
        str,
        typer.Argument(
            help="A known name, a hub repository (owner/name[@revision]), a folder, or a .gguf file; of a remote model "
            "its name here."
        ),
    ],
    name: Annotated[str | None, typer.Option(help="Its name here; made from the source where not given.")] = None,
    remote: Annotated[
        str | None, typer.Option(metavar="URL", help="The address of the server that runs a remote model.")
    ] = None,
    remote_model: Annotated[str | None, typer.Option(metavar="ID", help="A remote model's id at its server.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="What its server speaks: openai (the default) or bedrock.")
    ] = None,
    api_key_env: Annotated[
        str | None, typer.Option(metavar="VARIABLE", help="The environment variable that holds its key.")
    ] = None,
    input_price: Annotated[float | None, typer.Option(help="Money for a million tokens that it reads.")] = None,
    output_price: Annotated[float | None, typer.Option(help="Money for a million tokens that it writes.")] = None,
    context: Annotated[int | None, typer.Option(help="The most tokens of a prompt and its response together.")] = None,
    max_concurrency: Annotated[int | None, typer.Option(help="The most requests at once; 64 where not given.")] = None,
    logprobs: Annotated[bool, typer.Option("--logprobs", help="Ask for each token's log-probability.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Add a base model: by known name, from the Hugging Face hub, a folder, a GGUF file, or one that a server runs."""
    from outcrop.cli.opening import opened
    from outcrop.domain.codec import to_json

    options = {
        "model": remote_model,
        "url": remote,
        "protocol": protocol,
        "api_key_env": api_key_env,
        "input_price": input_price,
        "output_price": output_price,
        "context": context,
        "max_concurrency": max_concurrency,
        "logprobs": logprobs or None,
    }
    described = {field: value for field, value in options.items() if value is not None}
    with opened() as outcrop:
        if described:
            model = outcrop.models.add_remote(name or source, **described)
        else:
            model = outcrop.models.add(source, name, say)
    if as_json:
        print_json({"model": to_json(model)})
    elif described:
        _say_remote(model)
    else:
        typer.echo(f"{model.name}: {model.parameters:,} weights, hash {model.identity.weights[:12]}")


def _say_remote(model: Model) -> None:
    from outcrop.engines.remote.address import is_open

    typer.echo(f"{model.name}: {model.source}; nothing was asked yet, try: outcrop ask {model.name} 'What is gneiss?'")
    if is_open(model.source.rpartition(" at ")[2]):
        say("note: what is sent there, the key too, can be read by others on its way; use https:// where you can")


@app.command()
def show(name: Name, as_json: JsonOption = False) -> None:
    """Show what a model is, how it came to be, and how it can be customised."""
    from outcrop.cli.opening import opened
    from outcrop.domain.codec import to_json

    with opened() as outcrop:
        model = outcrop.models.show(name)
    if as_json:
        print_json({"model": to_json(model)})
        return
    if model.engine == "remote":
        typer.echo(f"{model.name}: {model.kind.value}, remote")
        typer.echo(f"  from         {model.source}")
        typer.echo(f"  hash         {model.identity.weights} (of address and id: weights elsewhere can't be hashed)")
        return
    typer.echo(f"{model.name}: {model.kind.value}, {model.architecture}, {model.parameters:,} weights")
    typer.echo(f"  from         {model.source}")
    typer.echo(f"  licence      {model.licence}")
    typer.echo(f"  context      {model.context:,} tokens")
    typer.echo(f"  weights      {model.identity.weights}")
    typer.echo(f"  tokenizer    {model.identity.tokenizer}")
    typer.echo(f"  template     {model.identity.template or 'none: only prompts with completions'}")
    for method, reason in model.customizations.items():
        typer.echo(f"  {method:<12} {'supported' if not reason else f'not supported: {reason}'}")
    if model.imported is not None:
        typer.echo(f"  brought by   job {model.imported}")
    if lineage := model.lineage:
        typer.echo(f"  made by      job {lineage.job}: {lineage.method.value} from {lineage.base}")
        typer.echo(f"  data         {lineage.data_uri} ({lineage.data_hash[:12]})")
        given = ", ".join(f"{key} {shown(value)}" for key, value in lineage.hyperparameters.items() if value != "")
        typer.echo(f"  trained with {given}")


@app.command()
def remove(name: Name, as_json: JsonOption = False) -> None:
    """Forget a model and delete its files."""
    from outcrop.cli.opening import opened

    with opened() as outcrop:
        freed = outcrop.models.remove(name)
    if as_json:
        print_json({"removed": name, "freed_bytes": freed})
    else:
        typer.echo(f"{name} is gone; {size(freed)} are free again")


@app.command()
def alias(
    new: Annotated[str, typer.Argument(help="The other name, such as a Bedrock model id.")],
    model: Annotated[str | None, typer.Argument(help="The model that it names.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Forget the alias.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Give a model another name."""
    from outcrop.cli.opening import opened
    from outcrop.domain.errors import Fault, InvalidInput

    if remove == (model is not None):
        raise InvalidInput([Fault("alias", None, "MODEL", str(model), "the model to name, or --remove")])
    with opened() as outcrop:
        if model is None:
            outcrop.models.remove_alias(new)
        else:
            outcrop.models.alias(new, model)
        aliases = outcrop.models.aliases()
    if as_json:
        print_json({"aliases": aliases})
    else:
        typer.echo(f"{new} = {aliases[new]}" if new in aliases else f"{new} is no alias any more")


@app.command()
def export(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    form: Annotated[
        str | None,
        typer.Option("--as", help="adapter, safetensors or gguf; what the model is stored as where not given."),
    ] = None,
    number_type: Annotated[
        str | None,
        typer.Option(
            "--type", help="fp32 or bf16 for safetensors; q8_0, f16 or q4_1 for gguf. The first is the default."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model into a folder, for other tools: an adapter, or whole weights, merged where it is an adapter."""
    from outcrop.cli.opening import opened
    from outcrop.domain.codec import to_json

    with opened() as outcrop:
        found = outcrop.models.export(name, folder, form=form, number_type=number_type, say=say)
    if as_json:
        print_json({"export": to_json(found), "folder": str(folder)})
        return
    stored = found.form if found.form == "adapter" else "as it is stored"
    what = f"{found.form}, {found.number_type}" if found.number_type else stored
    typer.echo(f"{found.model} is in {folder}: {what}, {size(found.bytes)}")
    if kept := found.kept:
        typer.echo(f"  update kept  {kept.share:.1%} (cosine {kept.cosine:.3f})")
    if near := found.agreement:
        same = f"the same likeliest token at {near.same_token:.1%} of {near.places} places"
        typer.echo(f"  compared     {same}, logits up to {near.largest:.2g} apart")
    for warning in found.warnings:
        typer.echo(f"  note         {warning}")
