"""Importing a model by a job: what can be checked is checked before the job begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from outcrop.app.customization import require_free
from outcrop.app.data import absolute
from outcrop.domain.codec import to_json
from outcrop.domain.errors import InvalidInput, NotSupported
from outcrop.domain.jobs import Job, JobKind
from outcrop.domain.requests import ImportRequest, name_faults
from outcrop.domain.units import size
from outcrop.jobs.model_files import model_files
from outcrop.services import Services
from outcrop.stores.local import free_bytes


def submit_import(
    services: Services,
    model: str,
    source: str | Path,
    *,
    name: str | None = None,
    asked: dict[str, Any] | None = None,
    token: str = "",
) -> Job:
    """Look at a model's files, and start the job that brings them.

    Args:
        services: The home.
        model: The model's name here.
        source: A folder, or an ``s3://`` address, with safetensors and what belongs to them.
        name: The job's; made up where None.
        asked: The request in the words of the wire it came by.
        token: See ``Services.submit``.

    Raises:
        InvalidInput: The name or the address is none.
        AlreadyExists: A model or a job of that name is there, or a job is making such a model.
        NotFound: There are no files, or no ``config.json``.
        NotSupported: There are no safetensors, it is an adapter, or the disk has no room for it.
        StorageFailure: The files can't be listed.
    """
    if faults := name_faults("model", model):
        raise InvalidInput(faults)
    require_free(services, model)
    place = absolute(source)
    files = model_files(services, place)
    needed, free = sum(file.size for file in files), free_bytes(services.settings.home)
    if needed > free:
        raise NotSupported(
            f"{services.settings.home}: has {size(free)} free, the model needs {size(needed)}; "
            "`outcrop disk` shows what may go"
        )
    request = to_json(ImportRequest(model, place, files))
    return services.submit(JobKind.IMPORT, name, request, asked=asked, token=token)
