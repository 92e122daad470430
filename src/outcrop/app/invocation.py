"""Answering records by a job: what can be checked is checked before the job begins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from outcrop.app.data import absolute, output_faults
from outcrop.data.invocation_records import check_invocations
from outcrop.domain.bedrock_ids import plain_id
from outcrop.domain.codec import to_json
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import FaultCollection
from outcrop.domain.jobs import Job, JobKind
from outcrop.domain.requests import Dataset, InvocationFile, InvocationRequest, Wording, name_faults
from outcrop.services import Services, require_writer
from outcrop.stores.address import is_address, parse
from outcrop.stores.folders import list_folder

#: How names of files of records end.
ENDING = ".jsonl"


def submit_invocation(
    services: Services,
    model: str,
    *,
    data: str | Path,
    output: str | Path,
    wording: str = "invoke",
    name: str | None = None,
    hours: float | None = None,
    asked_as: str | None = None,
    family: str | None = None,
    asked: dict[str, Any] | None = None,
    token: str = "",
) -> Job:
    """Look at every record's line, and start the job that lets a model answer them.

    Args:
        services: The home.
        model: The model's name or alias.
        data: A JSON Lines file, or a folder of such files, on this machine or at an ``s3://`` address.
        output: A folder, or an ``s3://`` address; what the job leaves lies in a folder with its id.
        wording: ``invoke`` for bodies as InvokeModel takes them, ``converse`` for those of Converse.
        name: The job's; made up where None.
        hours: After so many from now the job ends with what it has; None for never.
        asked_as: What answers call the model; ``model`` where None.
        family: The id of a foundation model in whose family's words the bodies are; ``model`` where that is such an
            id, else each body shows it, where None.
        asked: The request in the words of the wire it came by.
        token: See ``Services.submit``.

    Raises:
        InvalidInput: A name, the wording, the output or hours are none, or lines of the data are: all faults.
        NotFound: There is no such model, or no file behind an ``s3://`` address.
        NotSupported: The model writes no text.
        AlreadyExists: A job of that name is there.
        StorageFailure: The files can't be listed or read.
    """
    found = services.catalog.model(model)
    require_writer(found)
    faults = FaultCollection()
    named = [] if name is None else name_faults("job", name)
    for fault in [*named, *output_faults(output), *_values(wording, hours)]:
        faults.add(fault)
    files = _files(services, absolute(data), faults)
    if faults.total:
        raise InvalidInput(faults.kept, faults.total)
    request = InvocationRequest(
        asked_model=found.name,
        identity=found.identity,
        asked_as=asked_as or model,
        family=family if family is not None else plain_id(model) or "",
        source=absolute(data),
        files=files,
        output=absolute(output),
        wording=Wording(wording),
        hours=hours,
    )
    return services.submit(JobKind.INVOCATION, name, to_json(request), asked=asked, token=token)


def _values(wording: str, hours: float | None) -> list[Fault]:
    known = [one.value for one in Wording]
    faults = [] if wording in known else [Fault("request", None, "wording", repr(wording), " or ".join(known))]
    if hours is not None and not 0 < hours < float("inf"):
        faults.append(Fault("request", None, "hours", str(hours), "a number more than 0"))
    return faults


def _files(services: Services, data: str, faults: FaultCollection) -> tuple[InvocationFile, ...]:
    """The files of records, each read from end to end."""
    files = []
    for name, place in _places(services, data, faults):
        records, content = check_invocations(services.fetch(place), place if is_address(place) else "", faults)
        files.append(InvocationFile(name, Dataset(place, content), records))
    return tuple(files)


def _places(services: Services, data: str, faults: FaultCollection) -> Sequence[tuple[str, str]]:
    """Names and places of the files of records: of the one file, or of those of a folder and below it.

    Raises:
        NotFound: There is nothing below an ``s3://`` address.
    """
    try:
        names = _in_folder(services, data)
    except InvalidInput as error:
        faults.add(error.faults[0])
        return []
    if names is None:
        return [(data.rpartition("/")[2], data)]
    found = [(name, f"{data.rstrip('/')}/{name}") for name in names if name.endswith(ENDING)]
    if not found:
        faults.add(Fault(data, None, "", "no file of records", f"files whose names end in {ENDING}"))
    return found


def _in_folder(services: Services, data: str) -> list[str] | None:
    """The names of the files of a folder; None where the data is a file of records, or should be one."""
    if data.endswith(ENDING) and not Path(data).is_dir():
        return None
    if is_address(data):
        return [file.name for file in services.buckets.files(parse(data))]
    if Path(data).is_dir():
        return [file.name for file in list_folder(Path(data))]
    expected = f"a file of records whose name ends in {ENDING}, or a folder of such files"
    raise InvalidInput([Fault(data, None, "", "another name, or nothing", expected)])
