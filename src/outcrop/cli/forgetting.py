"""``outcrop forgetting``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from outcrop.cli.output import JsonOption, print_json, say, table

if TYPE_CHECKING:
    from outcrop.domain.scores import Score
    from outcrop.evaluation.forgetting import Forgetting


def forgetting(
    model: Annotated[str, typer.Argument(help="A custom model; it is compared with what it was made from.")],
    domain: Annotated[str, typer.Option(help="Held-out texts of the domain: a file, a folder, or s3://BUCKET/KEY.")],
    general: Annotated[
        str | None, typer.Option(help="Held-out texts of what the model should still know; without, no price is known.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides what is drawn in intervals and tests.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Measure what a custom model learnt of a domain, and what it forgot of other texts."""
    from outcrop.app.forgetting import measure_forgetting
    from outcrop.cli.opening import opened
    from outcrop.cli.progress import bytes_progress
    from outcrop.reports.document import document

    with opened() as outcrop, bytes_progress(f"scoring texts by {model} and what it came from") as progress:
        found = measure_forgetting(outcrop.services, model, domain=domain, general=general, seed=seed, tell=progress)
    if as_json:
        print_json(document(found))
    else:
        _show(found)


def _show(found: Forgetting) -> None:
    from outcrop.reports import numbers

    for sentence in found.verdicts:
        typer.echo(sentence)
    rows = []
    for measured in found.text_sets:
        models = dict.fromkeys(score.model for score in measured.scores)
        for name in models:
            rows.append((measured.kind, name, *(_score(one) for one in measured.scores if one.model == name)))
    table(("texts", "model", "perplexity per token", "per word", "bits per byte"), rows)
    for measured in found.text_sets:
        typer.echo(
            f"{measured.kind}: {numbers.count(measured.n_texts)} texts, {numbers.count(measured.n_tokens)} tokens, "
            f"{measured.changes[0].comparison.method}"
        )
    for line in (*found.training_data, *found.advice):
        typer.echo(line)
    if found.tokens_per_second:
        say(f"scored at {found.tokens_per_second:,.0f} tokens/s")


def _score(score: Score) -> str:
    from outcrop.reports import numbers

    return f"{numbers.score_value(score)} ({numbers.score_interval(score)})"
