"""Files that a job leaves where its request wants them: in a folder, or in a bucket."""

from __future__ import annotations

import shutil
from pathlib import Path

from outcrop.domain.errors import StorageFailure
from outcrop.services import Services
from outcrop.stores.address import is_address, parse


def put_output(services: Services, file: Path, output: str, name: str) -> None:
    """Write a file below an output; one that is there is replaced.

    Args:
        services: The home.
        file: What to write.
        output: A folder, or an ``s3://`` address.
        name: Where below it, with slashes.

    Raises:
        StorageFailure: It can't be written.
    """
    if is_address(output):
        services.buckets.put(file, parse(output).below(name))
        return
    target = Path(output) / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    except OSError as error:
        raise StorageFailure(f"{target}: can't be written ({error.strerror or error})") from error
