"""Who answers a runtime request: a model by any of its names, or the model of a deployment."""

from __future__ import annotations

from outcrop.domain.bedrock_ids import plain_id
from outcrop.domain.deployments import Deployment, DeploymentStatus
from outcrop.domain.errors import NotFound
from outcrop.domain.models import Model
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.deployments import KINDS_BY_ARN, find_deployment
from outcrop.server.bedrock.model_names import find_model, foundation_id
from outcrop.server.errors import WireError
from outcrop.server.model_requests import Target


def find_target(context: Context, identifier: str) -> Target:
    """Who an id, a name, an alias or an ARN means: a model, or a deployment.

    Raises:
        WireError: ResourceNotFoundException: there is none. ModelNotReadyException: the deployment is being created.
            ValidationException: it failed, or the ARN names something else.
    """
    if arns.is_arn(identifier) and (kind := KINDS_BY_ARN.get(arns.parse(identifier).kind)) is not None:
        return _deployed(context, find_deployment(context, kind, identifier))
    try:
        model = find_model(context, identifier)
    except WireError:
        # A model's name goes before a deployment's.
        deployment = _by_name(context, identifier)
        if deployment is None:
            raise
        return _deployed(context, deployment)
    return Target(model, None, family_of(context, model, identifier))


def family_of(context: Context, model: Model, identifier: str) -> str:
    """In whose words a model is asked: the id of a foundation model, as the identifier says, else as its base has one.

    "" where neither has.
    """
    arn = arns.parse(identifier) if arns.is_arn(identifier) else None
    said = identifier if arn is None else arn.base or arn.id
    return plain_id(said) or plain_id(foundation_id(context, model)) or ""


def _by_name(context: Context, name: str) -> Deployment | None:
    try:
        return context.outcrop.deployments.show(name)
    except NotFound:
        return None


def _deployed(context: Context, deployment: Deployment) -> Target:
    if deployment.status is DeploymentStatus.CREATING:
        raise WireError("ModelNotReadyException", f"{deployment.name} is being created; ask again in a few seconds")
    if deployment.status is DeploymentStatus.FAILED:
        raise WireError("ValidationException", f"{deployment.name} could not be created: {deployment.error}")
    model = context.outcrop.models.show(deployment.model)
    return Target(model, deployment, plain_id(foundation_id(context, model)) or "")
