"""Following a job: it can be left running, and Ctrl-C asks which is meant."""

from __future__ import annotations

import sys

import typer

from outcrop.app import Outcrop
from outcrop.cli.output import print_json, say
from outcrop.cli.progress import JobProgress
from outcrop.domain.errors import JobFailed
from outcrop.domain.jobs import Job, Status


def follow(outcrop: Outcrop, name: str) -> Job:
    """Show a job until it is done.

    Raises:
        JobFailed: It failed, or was stopped.
        typer.Exit: The user left it running.
    """
    while True:
        try:
            with JobProgress() as progress:
                job = outcrop.jobs.follow(name, progress.tell)
            break
        except KeyboardInterrupt:
            _ask(outcrop, name)
    if job.status is not Status.DONE:
        hint = f"\n  outcrop jobs logs {job.name}\n  outcrop jobs resume {job.name}"
        raise JobFailed(f"job {job.name} {job.status.value}{': ' + job.error if job.error else ''}{hint}")
    return job


def started(job: Job, *, as_json: bool) -> None:
    """Say that a job goes on by itself."""
    if as_json:
        print_json({"job": job.id, "name": job.name})
    else:
        typer.echo(f"job {job.name} goes on by itself; see it with: outcrop jobs follow {job.name}")


def _ask(outcrop: Outcrop, name: str) -> None:
    wish = "l"
    if sys.stdin.isatty():
        wish = typer.prompt("stop the job, leave it running, or go on following? [s/l/g]", default="g", err=True)
    if wish.lower().startswith("s"):
        outcrop.jobs.stop(name)
        say("it stops at the next step and keeps what is done")
    elif wish.lower().startswith("l"):
        say(f"it goes on; see it again with: outcrop jobs follow {name}")
        # A script that was interrupted has no result; a person who chose to leave has what they wanted.
        raise typer.Exit(0 if sys.stdin.isatty() else 130)
