"""``outcrop jobs``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outcrop.cli.output import JsonOption, duration, moment, print_json, table
from outcrop.domain.units import size

if TYPE_CHECKING:
    from outcrop.domain.jobs import Job

app = typer.Typer(help="Jobs: what runs, what ran.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The job's id or name.")]


@app.command("list")
def list_jobs(as_json: JsonOption = False) -> None:
    """Show all jobs, oldest first."""
    from outcrop.cli.opening import opened
    from outcrop.cli.progress import describe

    with opened() as outcrop:
        jobs = outcrop.jobs.list()
    if as_json:
        print_json({"jobs": [_document(job) for job in jobs]})
    elif not jobs:
        typer.echo("no jobs yet; `outcrop customize`, `outcrop evaluate` and `outcrop invoke` start one")
    else:
        rows = [
            [job.name, job.status.value, moment(job.created), _took(job), _about(job, describe(job))] for job in jobs
        ]
        table(["job", "status", "began (UTC)", "took", "what"], rows)


@app.command()
def show(name: Name, as_json: JsonOption = False) -> None:
    """Show a job: what was asked, where it is, what it left."""
    from outcrop.cli.opening import opened
    from outcrop.cli.progress import describe

    with opened() as outcrop:
        job = outcrop.jobs.show(name)
        reports = outcrop.jobs.report_files(job) if job.kind.value == "evaluation" and job.result else []
    if as_json:
        print_json({"job": _document(job)})
        return
    typer.echo(describe(job))
    typer.echo(f"  id        {job.id}")
    typer.echo(f"  kind      {job.kind.value}")
    typer.echo(f"  status    {job.status.value}")
    typer.echo(f"  began     {moment(job.created)} UTC, took {_took(job)}")
    for reason in job.restarts:
        typer.echo(f"  restarted {reason}")
    if job.error:
        typer.echo(f"  error     {job.error}")
    for place in reports:
        typer.echo(f"  report    {place}")
    if job.kind.value == "invocation" and job.result:
        for place in (*job.result["files"], job.result["manifest"]):
            typer.echo(f"  answers   {place}")


@app.command()
def follow(name: Name, as_json: JsonOption = False) -> None:
    """Watch a job until it ends; leaving does not stop it."""
    from outcrop.cli.following import follow as follow_job
    from outcrop.cli.opening import opened

    with opened() as outcrop:
        job = follow_job(outcrop, name)
    if as_json:
        print_json({"job": _document(job)})
    else:
        typer.echo(f"job {job.name} is {job.status.value}")


@app.command()
def report(name: Name, as_json: JsonOption = False) -> None:
    """Show an evaluation job's report, once it is done."""
    from outcrop.cli.evaluate import show_report
    from outcrop.cli.following import follow as follow_job
    from outcrop.cli.opening import opened

    with opened() as outcrop:
        show_report(outcrop, follow_job(outcrop, name), as_json=as_json)


@app.command()
def logs(
    name: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a job's log."""
    from outcrop.cli.opening import opened
    from outcrop.domain.jobs import ENDED

    with opened() as outcrop:
        if as_json:
            print_json({"log": [vars(line) for line in outcrop.jobs.logs(name)]})
            return
        seen = 0
        while True:
            ended = outcrop.jobs.show(name).status in ENDED
            for line in outcrop.jobs.logs(name, after=seen):
                typer.echo(f"{moment(line.time)} {line.level:<7} {line.text}")
                seen = line.number
            if ended or not follow:
                return
            time.sleep(1)


@app.command()
def stop(name: Name, as_json: JsonOption = False) -> None:
    """Ask a job to stop; it ends at the next step and keeps what is done."""
    from outcrop.cli.opening import opened

    with opened() as outcrop:
        _one(outcrop.jobs.stop(name), as_json)


@app.command()
def resume(
    name: Name,
    detach: Annotated[bool, typer.Option("--detach", help="Come back at once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with a stopped or failed job from where it was."""
    from outcrop.cli.following import follow as follow_job
    from outcrop.cli.opening import opened

    with opened() as outcrop:
        job = outcrop.jobs.resume(name)
        _one(job if detach else follow_job(outcrop, job.id), as_json)


@app.command()
def delete(name: Name, as_json: JsonOption = False) -> None:
    """Forget a job that has ended, with its report and responses; a model that it made stays."""
    from outcrop.cli.opening import opened

    with opened() as outcrop:
        freed = outcrop.jobs.delete(name)
    if as_json:
        print_json({"deleted": name, "freed_bytes": freed})
    else:
        typer.echo(f"job {name} is gone; {size(freed)} are free again")


def _one(job: Job, as_json: bool) -> None:
    if as_json:
        print_json({"job": _document(job)})
    else:
        typer.echo(f"job {job.name} is {job.status.value}")


def _document(job: Job) -> dict[str, Any]:
    from outcrop.domain.codec import to_json

    return to_json(job)


def _took(job: Job) -> str:
    if not job.started:
        return ""
    return duration((job.ended or time.time()) - job.started)


def _about(job: Job, line: str) -> str:
    request = job.request
    if job.kind.value == "customization":
        what = f"{request['model']} from {request['base']}"
    elif job.kind.value == "import":
        what = f"{request['model']} from {request['source']}"
    elif job.kind.value == "invocation":
        names = ", ".join(file["data"]["path"].rpartition("/")[2] for file in request["files"][:3])
        what = f"{request['asked_model']} on {names}{' …' if len(request['files']) > 3 else ''}"
    else:
        data = ", ".join(part["data"]["path"].rpartition("/")[2] for part in request["parts"])
        what = f"{', '.join(request['models'])} on {data}"
    return what if job.ended else f"{what}: {line.partition(': ')[2]}"
