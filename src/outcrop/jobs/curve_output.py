"""A finished run's curve as the tables that Bedrock writes, where the request wants them."""

from __future__ import annotations

from collections.abc import Sequence

from outcrop.domain.errors import StorageFailure
from outcrop.domain.models import CurvePoint
from outcrop.jobs.outputs import put_output
from outcrop.services import Services
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
            files = write_curves(curve, scratch)
        except OSError as error:
            raise StorageFailure(f"{scratch}: the curve can't be written ({error.strerror or error})") from error
        for file in files:
            put_output(services, file, output, f"{below}/{file.relative_to(scratch)}")
