"""A finished run's curve as the tables that Bedrock writes, where the request wants them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from outcrop.domain.errors import StorageFailure
from outcrop.domain.models import CurvePoint
from outcrop.services import Services
from outcrop.stores.address import is_address, parse
from outcrop.trainers.curves import write_curves


def put_curves(services: Services, curve: Sequence[CurvePoint], output: str, job: str) -> None:
    """Write the tables below ``output/model-customization-job-JOB``; earlier ones are replaced.

    Args:
        services: The home.
        curve: The run's.
        output: A folder, or an ``s3://`` address.
        job: The job's id.

    Raises:
        StorageFailure: They can't be written.
    """
    below = f"model-customization-job-{job}"
    with services.scratch() as scratch:
        try:
            for file in write_curves(curve, scratch):
                name = f"{below}/{file.relative_to(scratch)}"
                if is_address(output):
                    services.buckets.put(file, parse(output).below(name))
                else:
                    _copy(file, Path(output) / name)
        except OSError as error:
            raise StorageFailure(
                f"{output}: the curve's tables can't be written ({error.strerror or error})"
            ) from error


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
