"""Deployments of custom models on demand: create, get, list, update, delete."""

from __future__ import annotations

from typing import Any

from outcrop.domain.deployments import Deployment, DeploymentKind, DeploymentStatus
from outcrop.domain.errors import NotFound
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.deployments import (
    create_deployment,
    deployment_arn,
    failure_of,
    find_deployment,
    no_conflicts,
    served_arn,
    served_model,
)
from outcrop.server.bedrock.model_names import find_model
from outcrop.server.bedrock.paging import deployment_query, next_token

#: One that is being updated answers meanwhile.
_STATUSES = {
    DeploymentStatus.CREATING: "Creating",
    DeploymentStatus.READY: "Active",
    DeploymentStatus.UPDATING: "Active",
    DeploymentStatus.FAILED: "Failed",
}


def create_custom_model_deployment(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Ask for a custom model to be loaded."""
    arn = create_deployment(
        context,
        given,
        DeploymentKind.ON_DEMAND,
        model=given["modelArn"],
        name=given["modelDeploymentName"],
        description=given.get("description", ""),
    )
    return {"customModelDeploymentArn": arn}


def get_custom_model_deployment(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Everything about a deployment."""
    found = _find(context, given["customModelDeploymentIdentifier"])
    return {
        **_shown(context, found),
        "modelDeploymentName": found.name,
        "description": found.description or None,
        "updateDetails": _update_details(context, found),
    }


def list_custom_model_deployments(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """The deployments that the filters let through, a part at a time."""
    statuses = [ours for ours, theirs in _STATUSES.items() if theirs == given.get("statusEquals")]
    model = served_model(context, given)
    if model is None:
        return {"modelDeploymentSummaries": []}
    query = deployment_query(DeploymentKind.ON_DEMAND, given, statuses, model)
    page = context.outcrop.services.catalog.deployments(query)
    summaries = [{**_shown(context, found), "customModelDeploymentName": found.name} for found in page.deployments]
    return {"modelDeploymentSummaries": summaries, "nextToken": next_token(given, page)}


def update_custom_model_deployment(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Give it another custom model."""
    found = _find(context, given["customModelDeploymentIdentifier"])
    with no_conflicts():
        context.outcrop.deployments.update(found.id, model=find_model(context, given["modelArn"]).name)
    return {"customModelDeploymentArn": deployment_arn(context, found)}


def delete_custom_model_deployment(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Forget it, and its tags."""
    context.outcrop.deployments.remove(_find(context, given["customModelDeploymentIdentifier"]).id)
    return {}


def _find(context: Context, identifier: str) -> Deployment:
    return find_deployment(context, DeploymentKind.ON_DEMAND, identifier)


def _shown(context: Context, found: Deployment) -> dict[str, Any]:
    """What Get and List both tell; only the name is called differently."""
    return {
        "customModelDeploymentArn": deployment_arn(context, found),
        "modelArn": served_arn(context, context.outcrop.models.show(found.model)),
        "status": _STATUSES[found.status],
        "createdAt": found.created,
        "lastUpdatedAt": found.changed,
        "failureMessage": failure_of(found),
    }


def _update_details(context: Context, found: Deployment) -> dict[str, Any] | None:
    """The last update and what came of it; None before the first, or where the model that it asked for is gone."""
    if not found.updated_to:
        return None
    try:
        model = context.outcrop.models.show(found.updated_to)
    except NotFound:
        return None
    settled = "UpdateFailed" if found.error else "UpdateCompleted"
    status = "Updating" if found.status is DeploymentStatus.UPDATING else settled
    return {"modelArn": served_arn(context, model), "updateStatus": status}
