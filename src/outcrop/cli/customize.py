"""``outcrop customize``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from outcrop.cli.output import JsonOption, duration, print_json, say, shown
from outcrop.cli.purpose import TrainingAim
from outcrop.domain.models import Customization
from outcrop.domain.units import size

if TYPE_CHECKING:
    from outcrop.app.customization import PreparedCustomization


def _setting(name: str) -> Any:
    from outcrop.domain.hyperparameters import HYPERPARAMETERS, LORA_ONLY, Number

    row = next(row for row in HYPERPARAMETERS if row.name == name)
    same = row.lora == row.full or name in LORA_ONLY
    default = shown(row.lora) if same else f"{shown(row.lora)} (lora), {shown(row.full)} (full)"
    values = f"{shown(row.kind.low)} to {shown(row.kind.high)}" if isinstance(row.kind, Number) else row.kind.want
    return typer.Option(
        help=f"{row.help} {values[0].upper()}{values[1:]}; {default} where not given.", show_default=False
    )


def customize(
    base: Annotated[str, typer.Argument(help="The model to start from; it is never changed.")],
    train: Annotated[str, typer.Option(help="Training data: a file, a folder of texts, or s3://BUCKET/KEY.")],
    name: Annotated[str, typer.Option(help="The custom model's name.")],
    aim: Annotated[
        TrainingAim, typer.Option("--for", help="Answers to learn, or texts to go on pre-training with.")
    ] = (TrainingAim.FINE_TUNING),
    validation: Annotated[str | None, typer.Option(help="Held-out records, for the validation loss.")] = None,
    method: Annotated[Customization, typer.Option(help="Train LoRA matrices, or all weights.")] = Customization.LORA,
    epochs: Annotated[int | None, _setting("epochs")] = None,
    batch_size: Annotated[int | None, _setting("batch_size")] = None,
    learning_rate: Annotated[float | None, _setting("learning_rate")] = None,
    learning_rate_multiplier: Annotated[float | None, _setting("learning_rate_multiplier")] = None,
    warmup_steps: Annotated[int | None, _setting("warmup_steps")] = None,
    schedule: Annotated[str | None, _setting("schedule")] = None,
    weight_decay: Annotated[float | None, _setting("weight_decay")] = None,
    l1: Annotated[float | None, _setting("l1")] = None,
    gradient_clip: Annotated[float | None, _setting("gradient_clip")] = None,
    rank: Annotated[int | None, _setting("rank")] = None,
    alpha: Annotated[float | None, _setting("alpha")] = None,
    rslora: Annotated[bool | None, _setting("rslora")] = None,
    targets: Annotated[str | None, _setting("targets")] = None,
    dropout: Annotated[float | None, _setting("dropout")] = None,
    validations: Annotated[int | None, _setting("validations")] = None,
    evaluation_percentage: Annotated[float | None, _setting("evaluation_percentage")] = None,
    early_stopping_patience: Annotated[int | None, _setting("early_stopping_patience")] = None,
    early_stopping_threshold: Annotated[float | None, _setting("early_stopping_threshold")] = None,
    early_stopping_metric: Annotated[str | None, _setting("early_stopping_metric")] = None,
    keep: Annotated[str | None, _setting("keep")] = None,
    max_length: Annotated[int | None, _setting("max_length")] = None,
    long_records: Annotated[str | None, _setting("long_records")] = None,
    turns: Annotated[str | None, _setting("turns")] = None,
    number_format: Annotated[str | None, _setting("number_format")] = None,
    seed: Annotated[int | None, _setting("seed")] = None,
    output: Annotated[
        str | None, typer.Option(help="A folder, or s3://BUCKET/PREFIX, for the curve's tables as Bedrock writes them.")
    ] = None,
    estimate: Annotated[bool, typer.Option("--estimate", help="Check and estimate only; start nothing.")] = False,
    probe: Annotated[
        bool, typer.Option("--probe/--no-probe", help="With --estimate: make a few real steps, or only use a formula.")
    ] = True,
    detach: Annotated[bool, typer.Option("--detach", help="Start the job and come back at once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a custom model from a base model and your own records."""
    given = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "learning_rate_multiplier": learning_rate_multiplier,
        "warmup_steps": warmup_steps,
        "schedule": schedule,
        "weight_decay": weight_decay,
        "l1": l1,
        "gradient_clip": gradient_clip,
        "rank": rank,
        "alpha": alpha,
        "rslora": rslora,
        "targets": targets,
        "dropout": dropout,
        "validations": validations,
        "evaluation_percentage": evaluation_percentage,
        "early_stopping_patience": early_stopping_patience,
        "early_stopping_threshold": early_stopping_threshold,
        "early_stopping_metric": early_stopping_metric,
        "keep": keep,
        "max_length": max_length,
        "long_records": long_records,
        "turns": turns,
        "number_format": number_format,
        "seed": seed,
    }
    from outcrop.app.customization import prepare_customization, submit_customization
    from outcrop.cli.following import started
    from outcrop.cli.opening import opened
    from outcrop.domain.records import Purpose

    chosen = {key: value for key, value in given.items() if value is not None}
    with opened() as outcrop:
        prepared = prepare_customization(
            outcrop.services,
            base,
            train=train,
            name=name,
            validation=validation,
            method=method.value,
            purpose=Purpose(aim.value),
            output=output,
            given=chosen,
            probe=estimate and probe,
        )
        _show_estimate(prepared)
        if estimate:
            _estimated(prepared, as_json)
            return
        job = submit_customization(outcrop.services, prepared)
        if detach:
            started(job, as_json=as_json)
            return
        _finish(outcrop, job.id, prepared, as_json)


def _show_estimate(prepared: PreparedCustomization) -> None:
    foreseen, tokens = prepared.estimate, prepared.train.tokens
    assert tokens is not None
    say(
        f"{foreseen.records:,} records, {foreseen.tokens:,} tokens ({foreseen.loss_tokens:,} with loss), "
        f"{foreseen.steps:,} steps"
    )
    if prepared.request.purpose.value == "fine-tuning":
        say(f"end of turn trained: {tokens.n_ends_turn:,} of {foreseen.records:,}")
    if tokens.n_truncated:
        say(f"{tokens.n_truncated:,} records are longer than max_length and lose the beginning of their prompt")
    if tokens.n_dropped:
        say(f"{tokens.n_dropped:,} records are longer than max_length and are left out")
    low, high = duration(foreseen.seconds_low), duration(foreseen.seconds_high)
    say(
        f"about {duration(foreseen.seconds)} ({low} to {high}) on {prepared.device}, "
        f"{size(foreseen.memory)} of memory, {size(foreseen.disk)} of disk; "
        f"{'measured' if foreseen.probed else 'by formula'}, at {foreseen.roof_share:.0%} of this machine's best"
    )


def _estimated(prepared: PreparedCustomization, as_json: bool) -> None:
    if as_json:
        import dataclasses

        print_json({"estimate": dataclasses.asdict(prepared.estimate)})


def _finish(outcrop: Any, job_id: str, prepared: PreparedCustomization, as_json: bool) -> None:
    from outcrop.cli.following import follow
    from outcrop.domain.codec import to_json

    job = follow(outcrop, job_id)
    model = outcrop.models.show(prepared.request.model)
    if as_json:
        print_json({"job": job.id, "name": job.name, "model": to_json(model)})
        return
    figures = model.lineage.figures
    took = f"{figures['tokens_per_second']:.0f} tokens/s ({figures['roof_share']:.0%} of this machine's best)"
    typer.echo(f"{model.name} is ready: weights {model.identity.weights[:12]}, trained at {took}")
    _show_diagnosis(outcrop, model.name)
    typer.echo(f"  outcrop ask {model.name} --against {prepared.request.base}")


def _show_diagnosis(outcrop: Any, name: str) -> None:
    diagnosis = outcrop.curve(name).diagnosis
    first = f" Try: {diagnosis.advice[0]}" if diagnosis.advice else ""
    typer.echo(f"the curve says: {diagnosis.verdict.value}.{first}")
    typer.echo(f"  outcrop curve {name}")
