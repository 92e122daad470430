"""``outcrop serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outcrop.cli.output import JsonOption, print_json, say


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on; others than the loopback need keys.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 for a free one.")] = 8090,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="Another name by which clients may call the server.")
    ] = None,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Ask for no keys; on the loopback only.")] = False,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="PEM file: answer over TLS, which bearer keys of boto3 need.")
    ] = None,
    private_key: Annotated[
        Path | None, typer.Option("--private-key", help="The certificate's key, a PEM file.")
    ] = None,
    local_aws: Annotated[
        bool,
        typer.Option("--local-aws", help="Also start stand-ins for S3, IAM and STS, which keep everything in memory."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Answer Bedrock's API over HTTP, for boto3 and the AWS CLI; prints what they need in their environment."""
    from contextlib import ExitStack

    from outcrop.cli.opening import opened
    from outcrop.server.exports import exports
    from outcrop.server.serving import Listening, bind, require_safe
    from outcrop.server.serving import serve as run

    listening = Listening(
        host, port, tuple(allow_host or ()), keys=not no_auth, certificate=certificate, private_key=private_key
    )
    require_safe(listening)
    with ExitStack() as stack:
        aws = None
        if local_aws:
            from outcrop.server.local_aws import local_aws as started

            aws = stack.enter_context(started())
        outcrop = stack.enter_context(opened())
        bound = stack.enter_context(bind(listening))
        told = exports(outcrop, listening, bound.getsockname()[1], aws)
        if as_json:
            print_json({"environment": told.environment, "notes": told.notes})
        else:
            for name, value in told.environment.items():
                typer.echo(f"export {name}={value}")
            for note in told.notes:
                typer.echo(f"# {note}")
        say("listening; Ctrl-C ends the server, and no job")
        run(outcrop, listening, bound)
