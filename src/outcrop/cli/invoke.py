"""``outcrop invoke``."""

from __future__ import annotations

from typing import Annotated

import typer

from outcrop.cli.output import JsonOption, print_json


def invoke(
    model: Annotated[str, typer.Argument(help="The model's name, alias or Bedrock id.", show_default=False)],
    data: Annotated[
        str, typer.Option(help="Records, a JSON object each line: a .jsonl file or a folder of them, also s3://….")
    ],
    output: Annotated[str, typer.Option(help="A folder, or s3://BUCKET/PREFIX: answers go below it.")],
    converse: Annotated[
        bool, typer.Option("--converse", help="Each modelInput is a Converse request; else one of InvokeModel.")
    ] = False,
    hours: Annotated[
        float | None, typer.Option(help="End the job after so many, with what it has.", show_default=False)
    ] = None,
    name: Annotated[str | None, typer.Option(help="The job's name.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start the job and come back at once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Let a model answer every record of a file: {"recordId": ..., "modelInput": {...}}."""
    from outcrop.app.invocation import submit_invocation
    from outcrop.cli.following import follow, started
    from outcrop.cli.opening import opened

    wording = "converse" if converse else "invoke"
    with opened() as outcrop:
        job = submit_invocation(
            outcrop.services, model, data=data, output=output, wording=wording, name=name, hours=hours
        )
        if detach:
            started(job, as_json=as_json)
            return
        job = follow(outcrop, job.id)
    result = job.result or {}
    if as_json:
        print_json({"job": job.id, "name": job.name, **result})
        return
    typer.echo(f"{result['succeeded']:,} of {result['records']:,} records answered, {result['failed']:,} failed")
    for place in (*result["files"], result["manifest"]):
        typer.echo(f"  {place}")
