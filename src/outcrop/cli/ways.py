"""``outcrop ways``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from outcrop.cli.output import JsonOption, duration, print_json, say, table

if TYPE_CHECKING:
    from outcrop.app.ways import Ways
    from outcrop.trainers.ways import Way


def ways(
    base: Annotated[str, typer.Argument(help="The model.")],
    train: Annotated[str, typer.Option(help="Training records: a path, or s3://BUCKET/KEY.")],
    texts: Annotated[
        str | None, typer.Option(help="Texts for continued pre-training; the training records where not given.")
    ] = None,
    examples: Annotated[int, typer.Option(help="Examples in each prompt, for prompt engineering.")] = 3,
    passages: Annotated[int, typer.Option(help="Passages that retrieval puts into each prompt.")] = 3,
    passage_tokens: Annotated[int, typer.Option(help="Tokens of a passage.")] = 300,
    price_per_hour: Annotated[
        float | None, typer.Option(help="What an hour of this machine costs; times alone where not given.")
    ] = None,
    probe: Annotated[
        bool, typer.Option("--probe/--no-probe", help="Make a few real steps and responses, or only use a formula.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Compare what prompt engineering, RAG, fine-tuning and continued pre-training cost; nothing is started."""
    from outcrop.app.ways import Assumptions, compare_ways
    from outcrop.cli.opening import opened
    from outcrop.domain.codec import to_json

    assumptions = Assumptions(examples, passages, passage_tokens, price_per_hour)
    with opened() as outcrop:
        found = compare_ways(outcrop.services, base, train=train, texts=texts, assumptions=assumptions, probe=probe)
    if as_json:
        print_json(to_json(found))
        return
    _show(found)


def _show(found: Ways) -> None:
    untrained = [way.name for way in found.ways if not way.breaks_even]
    heads = ["way", "prompt tokens", "training", "1,000 responses, one by one", "in batches"]
    heads += [f"pays after, against {name}" for name in untrained]
    table(heads, [_row(way, untrained) for way in found.ways], right=heads[1:])
    for way in found.ways:
        if not way.fits:
            say(f"{way.name}: prompt and response do not fit into the model's context")
    if not found.texts:
        say("continued pre-training is counted on the training records, with loss on every token; --texts names others")
    rates = f"prompts read at {found.flops / 1e9:,.0f} GFLOP/s, tokens written at {found.bytes / 1e9:,.1f} GB/s"
    say(f"{rates}; docs/how-to/estimate.md says what each figure assumes")


def _row(way: Way, untrained: list[str]) -> list[str]:
    pays = [way.breaks_even.get(name) for name in untrained]
    return [
        way.name,
        f"{way.prompt_tokens:,.0f}",
        _cost(way.training_seconds, way.training_cost) if way.training_seconds else "–",
        _cost(way.seconds_alone, way.cost_alone),
        f"{_cost(way.seconds_batched, way.cost_batched)} ({way.rows} at once)",
        *("–" if not way.breaks_even else "never" if count is None else f"{count:,} responses" for count in pays),
    ]


def _cost(seconds: float, cost: float | None) -> str:
    return duration(seconds) if cost is None else f"{duration(seconds)}, {cost:,.2f}"
