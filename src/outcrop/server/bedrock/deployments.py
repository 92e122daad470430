"""Deployments, whichever operation asked: provisioned throughputs, and deployments of custom models on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from outcrop.domain.deployments import Deployment, DeploymentKind
from outcrop.domain.errors import AlreadyExists, IllegalMove, NotFound
from outcrop.domain.models import Model
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.asked import kept, tags_of
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.custom_models import custom_model_arn
from outcrop.server.bedrock.jobs import LONGEST_MESSAGE
from outcrop.server.bedrock.model_names import find_model, foundation_id, model_arn
from outcrop.server.bedrock.tags import set_tags
from outcrop.server.errors import WireError

_ARN_KINDS = {
    DeploymentKind.PROVISIONED: arns.PROVISIONED_MODEL,
    DeploymentKind.ON_DEMAND: arns.CUSTOM_MODEL_DEPLOYMENT,
}

#: The kind of deployment that an ARN names, by the ARN's own kind.
KINDS_BY_ARN = {arn_kind: kind for kind, arn_kind in _ARN_KINDS.items()}


def create_deployment(
    context: Context, given: Mapping[str, Any], kind: DeploymentKind, *, model: str, name: str, **chosen: Any
) -> str:
    """Make a deployment, and give it its tags; its ARN.

    Args:
        context: The home.
        given: The request.
        kind: What it asks for.
        model: What it calls the model.
        name: What it calls the deployment.
        **chosen: Further arguments of ``app.deployments.Deployments.create``.

    Raises:
        OutcropError: See ``app.deployments.Deployments.create``.
        WireError: ValidationException: the name is taken, or tags are there twice; as ``find_model``.
    """
    token = given.get("clientRequestToken", "")
    there = context.outcrop.services.catalog.deployment_asked_with(kind, token)
    if there is not None:
        return deployment_arn(context, there)
    tags = tags_of(given, "tags")
    served = find_model(context, model)
    with no_conflicts():
        made = context.outcrop.deployments.create(
            served.name, name, kind=kind, asked=kept(given), token=token, **chosen
        )
    set_tags(context, _ARN_KINDS[kind], made.id, tags)
    return deployment_arn(context, made)


def find_deployment(context: Context, kind: DeploymentKind, identifier: str) -> Deployment:
    """The deployment of a kind by its ARN, which has its id, or by its id or name.

    Raises:
        WireError: ResourceNotFoundException; ValidationException for an ARN of something else.
    """
    arn = arns.parse(identifier) if arns.is_arn(identifier) else None
    if arn is not None and arn.kind != _ARN_KINDS[kind]:
        raise WireError("ValidationException", f"{identifier[:200]!r} is no ARN of a {_ARN_KINDS[kind]}")
    try:
        found = context.outcrop.deployments.show(identifier if arn is None else arn.id)
    except NotFound:
        found = None
    if found is None or found.kind is not kind or (arn is not None and found.id != arn.id):
        raise WireError("ResourceNotFoundException", f"there is no {kind.value} deployment {identifier[:200]!r}")
    return found


def deployment_arn(context: Context, deployment: Deployment) -> str:
    """A deployment's ARN."""
    return context.names.of(_ARN_KINDS[deployment.kind], deployment.id)


def served_arn(context: Context, model: Model, asked: str | None = None) -> str:
    """The ARN of a model that a deployment serves: of a foundation model, or of a custom one.

    The service model has no other here, so an imported model gets that of a custom model, by which it is found too.

    Args:
        context: The home.
        model: The model.
        asked: How the request named it.
    """
    if model.lineage is not None or model.imported is not None:
        return custom_model_arn(context, model)
    return model_arn(context, model, asked)


def served_foundation_arn(context: Context, model: Model, asked: str | None = None) -> str:
    """The ARN of the foundation model that a model goes back to; an imported one is its own."""
    arn = arns.parse(served_arn(context, model, asked))
    if arn.kind == arns.FOUNDATION_MODEL:
        return context.names.of(arns.FOUNDATION_MODEL, arn.id)
    own = foundation_id(context, model) if model.lineage is None else arn.base
    return context.names.of(arns.FOUNDATION_MODEL, own)


def served_model(context: Context, given: Mapping[str, Any]) -> str | None:
    """The name of the model that the filter ``modelArnEquals`` means: "" for any; None where there is none."""
    if "modelArnEquals" not in given:
        return ""
    try:
        return find_model(context, given["modelArnEquals"]).name
    except WireError:
        return None


def failure_of(deployment: Deployment) -> str | None:
    """Why it, or its last update, failed; None where neither did."""
    return deployment.error[:LONGEST_MESSAGE] or None


@contextmanager
def no_conflicts() -> Iterator[None]:
    """Where the service model has no ConflictException: a taken name, or a status that is in the way.

    Raises:
        WireError: ValidationException, instead.
    """
    try:
        yield
    except (AlreadyExists, IllegalMove) as error:
        raise WireError("ValidationException", str(error)) from None
