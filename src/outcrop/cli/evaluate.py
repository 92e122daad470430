"""``outcrop evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from outcrop.cli.gates import FailIfOption, end_by_gates
from outcrop.cli.output import JsonOption, console, print_json, say

#: As ``evaluation.tasks`` has them, which help texts need not load.
TASK_NAMES = (
    "summarization",
    "question-answering",
    "classification",
    "generation",
    "translation",
    "extraction",
    "multiple-choice",
    "perplexity",
    "custom",
)

if TYPE_CHECKING:
    from outcrop.domain.jobs import Job


def evaluate(
    data: Annotated[list[str], typer.Option(help="Evaluation records: a path, or s3://BUCKET/KEY; may be repeated.")],
    task: Annotated[
        list[str], typer.Option(help=f"A task type, one for all data or one for each: {', '.join(TASK_NAMES)}.")
    ],
    models: Annotated[
        list[str] | None, typer.Argument(help="Models; the others are compared with the first.", show_default=False)
    ] = None,
    stored: Annotated[
        list[str] | None,
        typer.Option(
            help="A modelIdentifier whose responses the data brings along; scored as a model. May be repeated."
        ),
    ] = None,
    metrics: Annotated[
        str, typer.Option(help="Metrics, separated by commas; the task's own where empty. The first decides.")
    ] = "",
    columns: Annotated[
        str, typer.Option(help="What the data's columns are read as, such as prompt=question,reference=answer.")
    ] = "",
    asked: Annotated[
        str | None, typer.Option(help="Of a classification: choose (by log-likelihood) or generate (read the text).")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="The user's message, with {{prompt}} in it; the task type's own where not given.")
    ] = None,
    chat: Annotated[
        bool | None, typer.Option("--chat/--no-chat", help="Use the models' chat templates; as the task type has it.")
    ] = None,
    robustness: Annotated[
        str,
        typer.Option(help="Ask perturbed prompts too and report what that costs: all, or kinds separated by commas."),
    ] = "",
    variants: Annotated[
        int, typer.Option(help="Perturbed variants of each prompt, of each kind with chance in it.")
    ] = 5,
    limit: Annotated[
        int | None, typer.Option(help="The most records of each dataset, drawn by content and seed.")
    ] = None,
    shots: Annotated[int, typer.Option(help="Examples with their right responses before each record.")] = 0,
    examples: Annotated[str | None, typer.Option(help="Evaluation records that --shots are drawn from.")] = None,
    judge: Annotated[list[str] | None, typer.Option(help="A model that judges the responses; may be repeated.")] = None,
    criteria: Annotated[
        str, typer.Option(help="What it judges by, separated by commas: Helpfulness, Correctness, ….")
    ] = "",
    criteria_file: Annotated[str | None, typer.Option(help="A JSON file with criteria of your own.")] = None,
    pairwise: Annotated[
        bool, typer.Option("--pairwise", help="Judge pairs: each later model's response against the first's.")
    ] = False,
    judge_repeats: Annotated[int, typer.Option(help="How often a judge is asked each question.")] = 2,
    judge_attempts: Annotated[int, typer.Option(help="How often more, where its answer can't be read.")] = 2,
    judge_max_tokens: Annotated[int, typer.Option(help="The most tokens of a ruling.")] = 256,
    judge_temperature: Annotated[
        float | None, typer.Option(help="Of the judge; 0.7, or 0 where it is asked once.", show_default=False)
    ] = None,
    people: Annotated[
        str | None, typer.Option(help="What people said of the same responses: JSON Lines; judges are held against it.")
    ] = None,
    output: Annotated[
        str | None, typer.Option(help="A folder or s3:// address for the records as Bedrock writes them.")
    ] = None,
    price_per_hour: Annotated[
        float | None, typer.Option(help="Of this machine: the report then says what 1,000 responses cost.")
    ] = None,
    fail_if: FailIfOption = None,
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
    """Score models on datasets, and say whether the later ones are better than the first."""
    from outcrop.app.compare import compare_jobs
    from outcrop.app.evaluation import DatasetChoice, submit_evaluation
    from outcrop.app.judging import JudgeChoice
    from outcrop.cli.following import follow, started
    from outcrop.cli.opening import opened
    from outcrop.evaluation.gate_grammar import parse_gates

    if fail_if and detach:
        raise typer.BadParameter("a job that goes on by itself can't be waited for", param_hint="--fail-if")
    parse_gates(fail_if or ())
    options: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature, "top_p": top_p, "top_k": top_k}
    given = {key: value for key, value in options.items() if value is not None}
    given |= {"stop": tuple(stop or ()), "seed": seed}
    wanted = [metric.strip() for metric in metrics.split(",") if metric.strip()]
    spoilt = [kind.strip() for kind in robustness.split(",") if kind.strip()]
    if len(task) not in (1, len(data)):
        raise typer.BadParameter(
            f"{len(task)} for {len(data)} datasets; give one, or one for each", param_hint="--task"
        )
    datasets = [
        DatasetChoice(place, kind, wanted, asked, template, chat, shots, examples, spoilt, variants, limit, columns)
        for place, kind in zip(data, task if len(task) > 1 else task * len(data), strict=True)
    ]
    judging = None
    if judge or criteria or criteria_file or pairwise or people:
        named = [one.strip() for one in criteria.split(",") if one.strip()]
        judging = JudgeChoice(
            judge or (),
            named,
            criteria_file,
            pairwise,
            judge_repeats,
            judge_attempts,
            judge_max_tokens,
            judge_temperature,
            people,
        )
    with opened() as outcrop:
        job = submit_evaluation(
            outcrop.services,
            models or [],
            datasets,
            name=name,
            seed=seed,
            given=given,
            stored=stored or (),
            judging=judging,
            output=output,
            price_per_hour=price_per_hour,
        )
        if detach:
            started(job, as_json=as_json)
            return
        show_report(outcrop, follow(outcrop, job.id), as_json=as_json)
        if fail_if:
            end_by_gates(compare_jobs(outcrop.services, [job.id], gates=fail_if, seed=seed).gates)


def show_report(outcrop: Any, job: Job, *, as_json: bool) -> None:
    """Print an evaluation job's reports, and where their pages are.

    Raises:
        IllegalMove: The job is no evaluation job, or is not done.
    """
    from outcrop.app.evaluation import reports_of
    from outcrop.reports.document import document
    from outcrop.reports.terminal import render_terminal

    found = reports_of(job)
    places = outcrop.jobs.report_files(job)
    if as_json:
        documents = [{**document(report), "report_file": place} for report, place in zip(found, places, strict=True)]
        print_json(documents[0] if len(documents) == 1 else {"reports": documents})
    else:
        for report in found:
            if len(found) > 1:
                say(f"dataset {report.dataset}")
            render_terminal(report, console())
    for place in places:
        say(f"report: {place}")
