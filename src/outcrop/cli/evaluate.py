"""``outcrop evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from outcrop.cli.output import JsonOption, console, print_json, say

if TYPE_CHECKING:
    from outcrop.domain.jobs import Job


def evaluate(
    models: Annotated[list[str], typer.Argument(help="Models; the others are compared with the first.")],
    data: Annotated[str, typer.Option(help="Evaluation records: a path, or s3://BUCKET/KEY.")],
    task: Annotated[str, typer.Option(help="A task type: summarization.")],
    metrics: Annotated[
        str, typer.Option(help="Metrics, separated by commas; the task's own where empty. The first decides.")
    ] = "",
    name: Annotated[str | None, typer.Option(help="The job's name.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="The most tokens of a response.")] = None,
    temperature: Annotated[float | None, typer.Option(help="0 takes the most likely token; above 0 samples.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Sample from the smallest set with this much mass.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Sample from this many most likely tokens; 0 means all.")] = None,
    stop: Annotated[list[str] | None, typer.Option(help="End a response before this text; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Decides all that is random.")] = 0,
    detach: Annotated[bool, typer.Option("--detach", help="Start the job and come back at once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Score models on a dataset, and say whether the later ones are better than the first."""
    from outcrop.app.evaluation import submit_evaluation
    from outcrop.cli.following import follow, started
    from outcrop.cli.opening import opened

    options: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature, "top_p": top_p, "top_k": top_k}
    given = {key: value for key, value in options.items() if value is not None}
    given |= {"stop": tuple(stop or ()), "seed": seed}
    wanted = [metric.strip() for metric in metrics.split(",") if metric.strip()]
    with opened() as outcrop:
        job = submit_evaluation(
            outcrop.services, models, data=data, task=task, metrics=wanted, name=name, seed=seed, given=given
        )
        if detach:
            started(job, as_json=as_json)
        else:
            show_report(outcrop, follow(outcrop, job.id), as_json=as_json)


def show_report(outcrop: Any, job: Job, *, as_json: bool) -> None:
    """Print an evaluation job's report, and where its page is.

    Raises:
        IllegalMove: The job is no evaluation job, or is not done.
    """
    from outcrop.app.evaluation import report_of
    from outcrop.reports.document import document
    from outcrop.reports.terminal import render_terminal

    found = report_of(job)
    place = outcrop.jobs.report_file(job)
    if as_json:
        print_json({**document(found), "report_file": place})
    else:
        render_terminal(found, console())
    say(f"report: {place}")
