"""Foundation models: list, get, availability."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from outcrop.domain.models import Customization, Model, ModelKind
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.model_names import find_model, foundation_id, foundation_ids
from outcrop.server.errors import WireError

#: Providers as Bedrock writes them; others are written as their ids have them.
_PROVIDERS = {
    "ai21": "AI21 Labs",
    "amazon": "Amazon",
    "anthropic": "Anthropic",
    "cohere": "Cohere",
    "deepseek": "DeepSeek",
    "meta": "Meta",
    "mistral": "Mistral AI",
    "openai": "OpenAI",
    "outcrop": "Outcrop",
    "qwen": "Qwen",
}

#: The service model lets a name be no longer.
_LONGEST_NAME = 20


def list_foundation_models(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """The base models that the filters let through, each by every id that it has."""
    aliases = context.outcrop.models.aliases()
    described = [
        _described(context, model, identifier)
        for model in context.outcrop.models.list()
        if is_foundation(model)
        for identifier in foundation_ids(model, aliases)
    ]
    return {"modelSummaries": [each for each in described if all(_lets_through(given, each))]}


def get_foundation_model(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Everything about a base model, by the id that was asked for."""
    model, identifier = _find(context, given["modelIdentifier"])
    return {"modelDetails": _described(context, model, identifier)}


def get_foundation_model_availability(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """That a model which is here may be used: there is nobody to ask."""
    _, identifier = _find(context, given["modelId"])
    return {
        "modelId": identifier,
        "agreementAvailability": {"status": "AVAILABLE"},
        "authorizationStatus": "AUTHORIZED",
        "entitlementAvailability": "AVAILABLE",
        "regionAvailability": "AVAILABLE",
    }


def is_foundation(model: Model) -> bool:
    """Whether Bedrock would call it a foundation model: it came as it is, and writes text or gives vectors."""
    return model.kind is ModelKind.BASE and model.imported is None and model.engine != "classifier"


def _find(context: Context, identifier: str) -> tuple[Model, str]:
    model = find_model(context, identifier)
    if not is_foundation(model):
        raise WireError("ResourceNotFoundException", f"{identifier[:200]!r} is no foundation model")
    return model, foundation_id(context, model, identifier)


def _described(context: Context, model: Model, identifier: str) -> dict[str, Any]:
    writes = model.engine != "encoder"
    customizable = any(not model.customizations.get(method.value, "no") for method in Customization)
    provider = identifier.partition(".")[0]
    return {
        "modelArn": context.names.of(arns.FOUNDATION_MODEL, identifier),
        "modelId": identifier,
        "modelName": model.name[:_LONGEST_NAME],
        "providerName": _PROVIDERS.get(provider, provider)[:_LONGEST_NAME],
        "inputModalities": ["TEXT"],
        "outputModalities": ["TEXT" if writes else "EMBEDDING"],
        "responseStreamingSupported": writes,
        "customizationsSupported": ["FINE_TUNING", "CONTINUED_PRE_TRAINING"] if writes and customizable else [],
        "inferenceTypesSupported": ["ON_DEMAND", "PROVISIONED"],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def _lets_through(given: dict[str, Any], described: dict[str, Any]) -> Iterator[bool]:
    if "byProvider" in given:
        yield given["byProvider"].lower() in (
            described["providerName"].lower(),
            described["modelId"].partition(".")[0],
        )
    for member, field in (
        ("byCustomizationType", "customizationsSupported"),
        ("byOutputModality", "outputModalities"),
        ("byInferenceType", "inferenceTypesSupported"),
    ):
        if member in given:
            yield given[member] in described[field]
