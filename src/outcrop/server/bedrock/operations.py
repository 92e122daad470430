"""The operations that are implemented: every public function of the modules below that is named as one."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

from botocore import xform_name

from outcrop.server.bedrock import (
    converse,
    count_tokens,
    custom_model_deployments,
    custom_models,
    customization_jobs,
    evaluation_jobs,
    foundation_models,
    import_jobs,
    invocation_jobs,
    invoke_model,
    logging_configuration,
    provisioned_throughputs,
    tags,
)
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.replies import Reply
from outcrop.server.bedrock.service import operations
from outcrop.server.model_requests import ModelRequest

#: A result by the names of the operation's members, an answer in a model's own words, or what a model is to be asked.
Handler = Callable[[Context, dict[str, Any]], dict[str, Any] | Reply | ModelRequest]

_MODULES: tuple[ModuleType, ...] = (
    invoke_model,
    count_tokens,
    converse,
    customization_jobs,
    custom_models,
    custom_model_deployments,
    evaluation_jobs,
    foundation_models,
    import_jobs,
    invocation_jobs,
    logging_configuration,
    provisioned_throughputs,
    tags,
)


@lru_cache(maxsize=1)
def handlers() -> dict[str, Handler]:
    """The function of each implemented operation, by the operation's name."""
    functions = {name: function for module in _MODULES for name, function in vars(module).items() if callable(function)}
    named = {xform_name(name): name for name in operations()}
    return {named[name]: function for name, function in functions.items() if name in named}
