"""Models as Bedrock names them: ids of foundation models, ARNs, and back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from outcrop.domain.bedrock_ids import is_bedrock_id
from outcrop.domain.errors import NotFound
from outcrop.domain.models import Model, ModelKind
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.imports import bringer, model_kind
from outcrop.server.errors import WireError

#: The provider in the id of a model that has no alias of Bedrock's shape.
OWN = "outcrop"

_NOT_IN_IDS = re.compile(r"[^a-z0-9-]+")


def find_model(context: Context, identifier: str) -> Model:
    """The model that an id, a name, an alias or an ARN means.

    Raises:
        WireError: ValidationException, for an ARN of something else; ResourceNotFoundException, where there is none.
    """
    try:
        if not arns.is_arn(identifier):
            return _by_id(context, identifier)
        arn = arns.parse(identifier)
        if arn.kind in (arns.FOUNDATION_MODEL, arns.INFERENCE_PROFILE):
            return _by_id(context, arn.id)
        if arn.kind in (arns.CUSTOM_MODEL, arns.IMPORTED_MODEL):
            return made_by(context, arn.id)
    except NotFound as error:
        raise WireError("ResourceNotFoundException", f"{error}; {_HOW}") from None
    raise WireError("ValidationException", f"{identifier[:200]!r} names no model")


_HOW = "give one of your models Bedrock's id with `outcrop models alias ID MODEL`"


def _by_id(context: Context, identifier: str) -> Model:
    if identifier.startswith(f"{OWN}."):
        for model in context.outcrop.models.list():
            if model.kind is ModelKind.BASE and own_id(model.name) == identifier:
                return model
    return context.outcrop.models.show(identifier)


def made_by(context: Context, job_id: str) -> Model:
    """The model that a job made or brought.

    Raises:
        NotFound: There is none.
    """
    for model in _candidates(context, job_id):
        if id_of(model) == job_id:
            return model
    raise NotFound(f"there is no custom model with the id {job_id!r}")


def _candidates(context: Context, job_id: str) -> Iterator[Model]:
    """The model that the job names, which is nearly always the one; then all, since jobs may be forgotten."""
    with suppress(NotFound):
        yield context.outcrop.models.show(context.outcrop.jobs.show(job_id).request.get("model", ""))
    yield from context.outcrop.models.list()


def id_of(model: Model) -> str | None:
    """The twelve letters and digits in a model's ARN: its job's; None for one that no job made."""
    return model.lineage.job if model.lineage else model.imported


def own_id(name: str) -> str:
    """An id of Bedrock's shape for a model that has none but its name."""
    return f"{OWN}.{_NOT_IN_IDS.sub('-', name.lower())[:63]}"


def foundation_ids(model: Model, aliases: Mapping[str, str]) -> Sequence[str]:
    """The ids of a base model: its aliases of Bedrock's shape, or else one of our own."""
    given = [alias for alias, target in aliases.items() if target == model.name and is_bedrock_id(alias)]
    return given or [own_id(model.name)]


def foundation_of(context: Context, model: Model) -> Model:
    """The base model that a model goes back to; itself where its base is gone."""
    while model.lineage is not None:
        try:
            model = context.outcrop.models.show(model.lineage.base)
        except NotFound:
            return model
    return model


def foundation_id(context: Context, model: Model, asked: str | None = None) -> str:
    """The id of the base model that a model goes back to: as it was asked for, where that still means this one."""
    base = foundation_of(context, model)
    if asked is not None:
        text = arns.parse(asked).id if arns.is_arn(asked) else asked
        if is_bedrock_id(text) and _means(context, text, base):
            return text
    return foundation_ids(base, context.outcrop.models.aliases())[0]


def _means(context: Context, identifier: str, model: Model) -> bool:
    try:
        return _by_id(context, identifier).name == model.name
    except NotFound:
        return False


def model_arn(context: Context, model: Model, asked: str | None = None) -> str:
    """A model's ARN; ``asked`` is how the request that made it named its base."""
    if model.lineage is not None:
        return context.names.of(arns.CUSTOM_MODEL, foundation_id(context, model, asked), model.lineage.job)
    if model.imported is not None:
        kind = model_kind(bringer(context, model))
        path = ("imported", model.imported) if kind == arns.CUSTOM_MODEL else (model.imported,)
        return context.names.of(kind, *path)
    return context.names.of(arns.FOUNDATION_MODEL, foundation_id(context, model, asked))
