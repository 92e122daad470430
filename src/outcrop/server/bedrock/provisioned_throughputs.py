"""Provisioned throughputs: create, get, update, list, delete."""

from __future__ import annotations

from typing import Any

from outcrop.domain.deployments import Deployment, DeploymentKind, DeploymentStatus
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.deployments import (
    create_deployment,
    deployment_arn,
    failure_of,
    find_deployment,
    no_conflicts,
    served_arn,
    served_foundation_arn,
    served_model,
)
from outcrop.server.bedrock.model_names import find_model
from outcrop.server.bedrock.paging import deployment_query, next_token

_STATUSES = {
    DeploymentStatus.CREATING: "Creating",
    DeploymentStatus.READY: "InService",
    DeploymentStatus.UPDATING: "Updating",
    DeploymentStatus.FAILED: "Failed",
}


def create_provisioned_model_throughput(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Ask for a model to be loaded."""
    arn = create_deployment(
        context,
        given,
        DeploymentKind.PROVISIONED,
        model=given["modelId"],
        name=given["provisionedModelName"],
        units=given["modelUnits"],
        commitment=given.get("commitmentDuration", ""),
    )
    return {"provisionedModelArn": arn}


def get_provisioned_model_throughput(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Everything about a provisioned throughput."""
    found = _find(context, given["provisionedModelId"])
    return {**_summary(context, found), "failureMessage": failure_of(found)}


def list_provisioned_model_throughputs(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """The provisioned throughputs that the filters let through, a part at a time."""
    statuses = [ours for ours, theirs in _STATUSES.items() if theirs == given.get("statusEquals")]
    model = served_model(context, given)
    if model is None:
        return {"provisionedModelSummaries": []}
    query = deployment_query(DeploymentKind.PROVISIONED, given, statuses, model)
    page = context.outcrop.services.catalog.deployments(query)
    summaries = [_summary(context, found) for found in page.deployments]
    return {"provisionedModelSummaries": summaries, "nextToken": next_token(given, page)}


def update_provisioned_model_throughput(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Give it another name, or a model of the same base."""
    found = _find(context, given["provisionedModelId"])
    wanted = given.get("desiredModelId")
    with no_conflicts():
        context.outcrop.deployments.update(
            found.id,
            new_name=given.get("desiredProvisionedModelName"),
            model=None if wanted is None else find_model(context, wanted).name,
        )
    return {}


def delete_provisioned_model_throughput(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Forget it, and its tags; a commitment binds nobody here."""
    context.outcrop.deployments.remove(_find(context, given["provisionedModelId"]).id)
    return {}


def _find(context: Context, identifier: str) -> Deployment:
    return find_deployment(context, DeploymentKind.PROVISIONED, identifier)


def _summary(context: Context, found: Deployment) -> dict[str, Any]:
    asked = (found.asked or {}).get("modelId")
    model, wanted = (context.outcrop.models.show(name) for name in (found.model, found.wanted))
    return {
        "provisionedModelName": found.name,
        "provisionedModelArn": deployment_arn(context, found),
        "modelArn": served_arn(context, model, asked),
        "desiredModelArn": served_arn(context, wanted, asked),
        "foundationModelArn": served_foundation_arn(context, model, asked),
        "modelUnits": found.units,
        "desiredModelUnits": found.units,
        "status": _STATUSES[found.status],
        "commitmentDuration": found.commitment or None,
        "creationTime": found.created,
        "lastModifiedTime": found.changed,
    }
