"""Import jobs: bring a model's files from elsewhere, and add it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from outcrop.domain.codec import from_json
from outcrop.domain.errors import NotSupported, StorageFailure, UserError
from outcrop.domain.jobs import Progress
from outcrop.domain.models import Model
from outcrop.domain.requests import ImportRequest
from outcrop.domain.units import size
from outcrop.jobs.kept_model import keep_model
from outcrop.jobs.lease import Lease
from outcrop.jobs.model_files import bring_model, require_same_files
from outcrop.services import Services
from outcrop.stores.address import is_address
from outcrop.stores.local import files_of
from outcrop.stores.s3_service import Tell


def run(services: Services, lease: Lease) -> None:
    """Bring the files, keep the model, and end the job.

    Raises:
        NotFound: The files are gone.
        NotSupported: They are no model that can be read.
        UserError: They changed since the job was submitted.
        StorageFailure: They can't be read, or the home can't be written.
        LeaseLost, StopAsked: See ``Lease.check``.
    """
    request = from_json(ImportRequest, lease.job.request)
    require_same_files(services, request.source, request.files)
    folder = _own_folder(services, lease.job.id, lease.fence)
    try:
        model = _brought(services, lease, request, folder)
    except UserError:
        # Another attempt would find the same; but what another worker brings is not ours to delete.
        lease.hold()
        discard(services, lease.job.id)
        raise
    lease.finish_with_model(model, {"model": model.name, "weights": model.identity.weights})
    discard(services, lease.job.id)
    lease.log(f"done: {model.name} has the weights {model.identity.weights[:12]}")


def discard(services: Services, job_id: str) -> int:
    """Delete what an import job brought that became no model; the bytes that freed."""
    freed = 0
    for folder in (services.settings.home / "scratch").glob(f"import-{job_id}-*"):
        freed += sum(found for _, found in files_of(folder))
        shutil.rmtree(folder, ignore_errors=True)
    return freed


def _brought(services: Services, lease: Lease, request: ImportRequest, folder: Path) -> Model:
    source, here = request.source, folder / "model"
    begun = sum(found for _, found in files_of(folder))
    lease.log(f"bringing {source}" + (f"; {size(begun)} are here already" if begun else ""))
    place = source if is_address(source) else f"the folder {source}"
    try:
        bring_model(services, source, request.files, here, _reporting(lease, begun))
        lease.progress(Progress(phase="reading the model"))
        lease.check()
        return keep_model(services, here, request.model, source=place, imported=lease.job.id)
    except NotSupported as error:
        # Who asked knows the source, and nothing of this folder.
        raise NotSupported(str(error).replace(str(here), source.rstrip("/"))) from error


def _own_folder(services: Services, job_id: str, fence: int) -> Path:
    """Where this worker brings the files, with those that one before it brought whole.

    An earlier worker may be asleep and wake up: what it brought is taken from under its hands, so that it finds nothing
    to write to.
    """
    scratch = services.settings.home / "scratch"
    own = scratch / f"import-{job_id}-{fence}"
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        for earlier in range(fence - 1, 0, -1):
            if (there := scratch / f"import-{job_id}-{earlier}").is_dir():
                there.rename(own)
                break
        own.mkdir(exist_ok=True)
        for unfinished in own.glob("model.partial*"):
            unfinished.unlink()
        own.touch()
    except OSError as error:
        raise StorageFailure(f"{own}: can't be made ({error.strerror})") from error
    return own


def _reporting(lease: Lease, begun: int) -> Tell:
    """Says how far the job is, and lets it end between two blocks; ``begun`` bytes were there before."""
    start = time.monotonic()

    def tell(done: int, total: int) -> None:
        lease.check()
        rate = max(0, done - begun) / max(time.monotonic() - start, 1e-3)
        left = (total - done) / rate if rate else None
        lease.progress(Progress("bringing the files", done, total, rate, "bytes", left))

    return tell
