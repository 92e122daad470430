"""Where records of requests and responses go: put, get, delete."""

from __future__ import annotations

from typing import Any

from outcrop.domain.errors import StorageFailure
from outcrop.server.bedrock.context import Context
from outcrop.server.errors import WireError
from outcrop.serving.invocation_log import LOGGING, logs_folder
from outcrop.stores.address import Address

_CHECK = "amazon-bedrock-logs-permission-check"


def put_model_invocation_logging_configuration(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Make sure that the bucket can be written, and keep the configuration."""
    config = given["loggingConfig"]
    if "s3Config" not in config:
        raise WireError(
            "ValidationException",
            "loggingConfig needs an s3Config with a bucketName: records are written to buckets here, and to no "
            "CloudWatch; a cloudWatchConfig beside it is kept and changes nothing",
        )
    _require_writable(context, logs_folder(config, context.names.account))
    context.outcrop.services.catalog.set_configuration(LOGGING, config)
    return {}


def get_model_invocation_logging_configuration(context: Context, _: dict[str, Any]) -> dict[str, Any]:
    """The configuration as it was put."""
    return {"loggingConfig": context.outcrop.services.catalog.configuration(LOGGING)}


def delete_model_invocation_logging_configuration(context: Context, _: dict[str, Any]) -> dict[str, Any]:
    """Keep no records from now on."""
    context.outcrop.services.catalog.set_configuration(LOGGING, None)
    return {}


def _require_writable(context: Context, folder: Address) -> None:
    """Write what AWS writes to find out.

    Raises:
        WireError: ValidationException: it can't be written.
    """
    services = context.outcrop.services
    with services.scratch() as scratch:
        (scratch / _CHECK).touch()
        try:
            services.buckets.put(scratch / _CHECK, folder.below(_CHECK))
        except StorageFailure as error:
            raise WireError("ValidationException", f"loggingConfig.s3Config: {error}") from None
