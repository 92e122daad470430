"""An evaluation job in the words of Bedrock: those it was asked for in, or those that would have asked for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from outcrop.app.evaluation import ROBUSTNESS
from outcrop.data.builtin import is_builtin
from outcrop.domain.codec import from_json
from outcrop.domain.errors import NotFound
from outcrop.domain.jobs import Job
from outcrop.domain.judging import JudgeRequest
from outcrop.domain.requests import EvaluationPart, EvaluationRequest
from outcrop.evaluation.bedrock_output import task_name
from outcrop.evaluation.judges.criteria import PREFIX
from outcrop.evaluation.judges.custom import definition
from outcrop.server.bedrock import inference_params
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.model_names import model_arn

#: Where the records of a job go that was not asked for them, or for a folder: the shape has to have an address.
NO_OUTPUT = "s3://no-s3-output"

_MEMBERS = ("jobDescription", "customerEncryptionKeyId", "evaluationConfig", "inferenceConfig", "outputDataConfig")

#: The most of each that the shapes hold: datasets, metrics of one, models.
_MOST_DATASETS, _MOST_METRICS, _MOST_MODELS = 5, 25, 2


def described(context: Context, job: Job) -> dict[str, Any]:
    """The name, the description and the configurations of a job.

    One that came by another door is told as far as the shapes go; its description names all models and datasets.
    """
    if job.asked is not None:
        return {"jobName": job.name, **{name: job.asked[name] for name in _MEMBERS if name in job.asked}}
    request = from_json(EvaluationRequest, job.request)
    output = request.output or ""
    return {
        "jobName": _job_name(job.name),
        "jobDescription": _description(job, request),
        "evaluationConfig": {"automated": _automated(context, request)},
        "inferenceConfig": {"models": _models(context, request)},
        "outputDataConfig": {"s3Uri": output if output.startswith("s3://") else NO_OUTPUT},
    }


def summarized(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a list says of a job, from what ``described`` does."""
    automated, models = told["evaluationConfig"]["automated"], told["inferenceConfig"]["models"]
    named = [model["bedrockModel"]["modelIdentifier"] for model in models if "bedrockModel" in model]
    stored = [
        model["precomputedInferenceSource"]["inferenceSourceIdentifier"]
        for model in models
        if "precomputedInferenceSource" in model
    ]
    summary = {"bedrockModelIdentifiers": named, "precomputedInferenceSourceIdentifiers": stored}
    return {
        "jobName": told["jobName"],
        "evaluationTaskTypes": list(dict.fromkeys(part["taskType"] for part in automated["datasetMetricConfigs"])),
        "modelIdentifiers": named,
        "evaluatorModelIdentifiers": _judges(automated),
        "customMetricsEvaluatorModelIdentifiers": _judges(automated.get("customMetricConfig", {})),
        "inferenceConfigSummary": {"modelConfigSummary": {name: each for name, each in summary.items() if each}},
    }


def _judges(config: Mapping[str, Any]) -> list[str] | None:
    models = config.get("evaluatorModelConfig", {}).get("bedrockEvaluatorModels", [])
    return [model["modelIdentifier"] for model in models] or None


def _job_name(name: str) -> str:
    """A job's name in small letters, digits and hyphens, as names are at Bedrock; one that is so already as it is."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower())[:63].strip("-") if not _is_plain(name) else name
    return plain or "job"


def _is_plain(name: str) -> bool:
    return len(name) <= 63 and re.fullmatch(r"[a-z0-9](-*[a-z0-9])*", name) is not None


def _description(job: Job, request: EvaluationRequest) -> str:
    told = f"{job.name}: {', '.join(request.models)} on {', '.join(part.name for part in request.parts)}"
    return told if len(told) <= 200 else f"{told[:199]}…"


def _automated(context: Context, request: EvaluationRequest) -> dict[str, Any]:
    judging = request.judging
    parts = [_part(part, judging) for part in request.parts[:_MOST_DATASETS]]
    if judging is None:
        return {"datasetMetricConfigs": parts}
    evaluator = {"bedrockEvaluatorModels": [{"modelIdentifier": _identifier(context, judging.judges[0])}]}
    own = [definition(criterion) for criterion in judging.criteria if not criterion.name.startswith(PREFIX)]
    found: dict[str, Any] = {"datasetMetricConfigs": parts}
    if len(own) < len(judging.criteria):
        found["evaluatorModelConfig"] = evaluator
    if own:
        metrics = [{"customMetricDefinition": _of_the_wire(one["customMetricDefinition"])} for one in own]
        found["customMetricConfig"] = {"customMetrics": metrics, "evaluatorModelConfig": evaluator}
    return found


def _of_the_wire(defined: Mapping[str, Any]) -> dict[str, Any]:
    """A definition with the members that the API has for it."""
    return {"name": defined["metricName"], **{name: defined[name] for name in ("instructions", "ratingScale")}}


def _part(part: EvaluationPart, judging: JudgeRequest | None) -> dict[str, Any]:
    robust = [ROBUSTNESS] if part.perturbing is not None and part.perturbing.builtin else []
    judged = [criterion.name for criterion in judging.criteria] if judging is not None else []
    place = part.data.path
    return {
        "taskType": task_name(part.task),
        "dataset": {"name": _plain(place if is_builtin(place) else part.name), **_location(place)},
        "metricNames": _distinct([*part.metrics, *robust, *judged])[:_MOST_METRICS],
    }


def _location(place: str) -> dict[str, Any]:
    return {"datasetLocation": {"s3Uri": place}} if place.startswith("s3://") else {}


def _plain(name: str) -> str:
    """A name in the letters that names of metrics and datasets have at Bedrock."""
    return re.sub(r"[^0-9a-zA-Z_.-]", "-", name)[:63]


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(map(_plain, names)))


def _models(context: Context, request: EvaluationRequest) -> list[dict[str, Any]]:
    parameters = inference_params.written(request.parts[0].generation)
    return [
        {"precomputedInferenceSource": {"inferenceSourceIdentifier": _source(name)}}
        if name in request.stored
        else {"bedrockModel": {"modelIdentifier": _identifier(context, name), **_inference(parameters)}}
        for name in request.models[:_MOST_MODELS]
    ]


def _source(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9._-]", "-", name).lstrip("._-")[:256] or "stored"


def _inference(parameters: str) -> dict[str, str]:
    return {"inferenceParams": parameters} if len(parameters) <= 1023 else {}


def _identifier(context: Context, name: str) -> str:
    """A model's ARN; its name where it is gone."""
    try:
        return model_arn(context, context.outcrop.models.show(name))
    except NotFound:
        return name
