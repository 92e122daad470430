"""What CreateEvaluationJob asks for, as our verb takes it: every combination that would not do is refused here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outcrop.app.evaluation import ROBUSTNESS, DatasetChoice
from outcrop.app.judging import JudgeChoice
from outcrop.data.builtin import BUILTIN, DRAWN, is_builtin
from outcrop.domain.errors import Fault, InvalidInput, NotFound, NotSupported
from outcrop.domain.judging import Criterion
from outcrop.domain.requests import WrittenAs
from outcrop.evaluation.judges.criteria import BUILT_IN
from outcrop.evaluation.judges.custom import custom_criteria
from outcrop.evaluation.task_metrics import ACCURACY, TOXICITY, task_metrics
from outcrop.evaluation.tasks import Asked, task_type
from outcrop.server.bedrock import inference_params
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.model_names import find_model
from outcrop.server.errors import WireError

#: Our task type for each of Bedrock's. ``General`` is what samples of judge evaluations send; any prompt will do.
TASKS = {
    "Summarization": "summarization",
    "Classification": "classification",
    "QuestionAndAnswer": "question-answering",
    "Generation": "generation",
    "Custom": "custom",
    "General": "custom",
}

#: What a response may have where the request does not say, as with most of Bedrock's models.
MOST_TOKENS = 512

_SCORED = ("Summarization", "Classification", "QuestionAndAnswer", "Generation")
_PROGRAMMATIC = {name.lower(): name for name in (ACCURACY, ROBUSTNESS, TOXICITY)}
_JUDGED = {name.lower(): name for name in BUILT_IN}

#: Metrics for which nothing has to be known but the response.
_WITHOUT_REFERENCES = (TOXICITY, "profanity_proxy")

_PLAIN = "{{prompt}}"


@dataclass(frozen=True)
class Evaluation:
    """An evaluation as ``submit_evaluation`` takes it; ``identifiers`` are what the request calls models and judges."""

    models: tuple[str, ...]
    stored: tuple[str, ...]
    datasets: tuple[DatasetChoice, ...]
    judging: JudgeChoice | None
    generation: dict[str, Any]
    identifiers: dict[str, str]


def evaluation(context: Context, given: Mapping[str, Any]) -> Evaluation:
    """What a request asks for.

    Raises:
        InvalidInput: What it combines would not do: all faults.
        WireError: ValidationException for a kind of evaluation that is not built here; of models, see ``find_model``.
    """
    automated = _automated(given)
    source = _source(given)
    faults: list[Fault] = []
    criteria = _custom_criteria(automated, faults)
    parts = [
        _Part.read(place, config, criteria, "precomputedInferenceSource" in source, faults)
        for place, config in enumerate(automated["datasetMetricConfigs"])
    ]
    faults += [*_repeated(parts), *_evaluator_faults(automated, parts, criteria)]
    generation: dict[str, Any] = {"max_tokens": MOST_TOKENS}
    model = source.get("bedrockModel", {})
    try:
        generation |= inference_params.generation(model["inferenceParams"]) if "inferenceParams" in model else {}
    except InvalidInput as error:
        faults += error.faults
    if faults:
        raise InvalidInput(faults)
    identifiers: dict[str, str] = {}
    models = (_named(context, model, identifiers),) if model else ()
    stored = () if model else (source["precomputedInferenceSource"]["inferenceSourceIdentifier"],)
    judging = _judging(context, automated, parts, criteria, identifiers)
    datasets = tuple(part.choice(judging is not None) for part in parts)
    return Evaluation(models, stored, datasets, judging, generation, identifiers)


def _automated(given: Mapping[str, Any]) -> dict[str, Any]:
    if given.get("applicationType") == "RagEvaluation" or "ragConfigs" in given["inferenceConfig"]:
        raise _not_built("RAG evaluation (applicationType RagEvaluation, inferenceConfig.ragConfigs)", "a model's")
    if "human" in given["evaluationConfig"]:
        what = "evaluation by people (evaluationConfig.human): there is no page for a work team yet, and so no"
        raise _not_built(f"{what} flowDefinitionArn that leads to one", "evaluationConfig.automated, a judge's too,")
    automated: dict[str, Any] = given["evaluationConfig"]["automated"]
    return automated


def _not_built(what: str, instead: str) -> WireError:
    return WireError("ValidationException", f"{what} is not built here yet; {instead} evaluation is")


def _source(given: Mapping[str, Any]) -> dict[str, Any]:
    models: list[dict[str, Any]] = given["inferenceConfig"]["models"]
    if len(models) != 1:
        raise WireError(
            "ValidationException",
            f"inferenceConfig.models has {len(models)} models; an automated evaluation job takes exactly one: create a "
            "job for each, `outcrop compare` holds them side by side",
        )
    return models[0]


@dataclass(frozen=True)
class _Part:
    """An entry of ``datasetMetricConfigs``: its metrics, those of judges apart."""

    task: str
    name: str
    data: str
    metrics: tuple[str, ...]
    judged: tuple[str, ...]

    @classmethod
    def read(
        cls, place: int, config: Mapping[str, Any], own: Sequence[Criterion], stored: bool, faults: list[Fault]
    ) -> _Part:
        where, task, custom = f"datasetMetricConfigs[{place}]", config["taskType"], {one.name for one in own}
        data = _data(where, task, config["dataset"], faults)
        metrics, judged = [], []
        for given in config["metricNames"]:
            known = _JUDGED.get(given.lower())
            if given in custom or known:
                judged.append(given if given in custom else str(known))
                continue
            metrics.append(_PROGRAMMATIC.get(given.lower(), given))
            if expected := _unsuited(metrics[-1], task, stored):
                faults.append(Fault(where, None, "metricNames", f"{given} with taskType {task}", expected))
        named = [*metrics, *judged]
        twice = sorted({name for name in named if named.count(name) > 1})
        faults += [Fault(where, None, "metricNames", f"{name} more than once", "each once") for name in twice]
        return cls(task, config["dataset"]["name"], data, tuple(metrics), tuple(judged))

    def choice(self, judges: bool) -> DatasetChoice:
        """It as our verb takes it; prompts of one's own are sent as they are, as Bedrock sends them."""
        builtin = is_builtin(self.data)
        needing = [name for name in self.metrics if name not in _WITHOUT_REFERENCES]
        if self.task == "Generation":
            needing = [name for name in needing if name != ROBUSTNESS]
        return DatasetChoice(
            self.data,
            TASKS[self.task],
            self.metrics,
            asked=Asked.GENERATE.value,
            template=None if builtin else _PLAIN,
            limit=DRAWN if builtin else None,
            needs_references=bool(needing),
            judged_by=self.judged if judges else None,
            written_as=WrittenAs(self.name, self.task, self.metrics),
        )


def _data(where: str, task: str, dataset: Mapping[str, Any], faults: list[Fault]) -> str:
    """Where a dataset lies; "" with a fault where nobody can know."""
    name, place = dataset["name"], dataset.get("datasetLocation", {}).get("s3Uri")
    known = ", ".join(one.name for one in BUILTIN.values())
    if not is_builtin(name):
        if place is None:
            expected = f"dataset.datasetLocation.s3Uri beside it, or one of {known}"
            faults.append(Fault(where, None, "dataset.name", name, expected))
        return str(place or "")
    builtin = BUILTIN.get(name.lower())
    if builtin is None or place is not None:
        expected = f"one of {known}" if builtin is None else "no datasetLocation, or a name without Builtin."
        faults.append(Fault(where, None, "dataset.name", name, expected))
        return ""
    # What only has texts to read is Bedrock's for generation.
    fitting = next((wire for wire in _SCORED if TASKS[wire] == builtin.task), "Generation")
    if task in _SCORED and task != fitting:
        faults.append(Fault(where, None, "taskType", f"{task} with {builtin.name}", f"{fitting}, General or Custom"))
    return builtin.name


def _unsuited(metric: str, task: str, stored: bool) -> str | None:
    """What would be right in place of a metric that a task type does not have; None where it has it."""
    builtin = metric in _PROGRAMMATIC.values()
    if metric in (ACCURACY, ROBUSTNESS) and task not in _SCORED:
        return f"one of the task types {', '.join(_SCORED)} for it; {task} takes metrics of judges and of your own"
    if metric == TOXICITY and task == "Classification":
        return "Builtin.Accuracy or Builtin.Robustness: a label is not toxic"
    if metric == ROBUSTNESS and stored:
        return "a bedrockModel, which can be asked perturbed prompts: stored responses can't"
    if builtin or _is_ours(metric, task):
        return None
    fitting = [*_PROGRAMMATIC.values(), *BUILT_IN]
    return f"one of {', '.join(fitting)}, a name in customMetrics, or a metric of Outcrop's own: rougeL, exact_match, …"


def _is_ours(metric: str, task: str) -> bool:
    try:
        task_metrics(task_type(TASKS[task]), [metric], labels=("a", "b"))
    except NotFound:
        return False
    except (NotSupported, InvalidInput):
        # It is there, and needs what the home may have: that is seen to when the data is read.
        pass
    return True


def _repeated(parts: Sequence[_Part]) -> Iterator[Fault]:
    """Entries whose results would go into one file."""
    keys = [(part.name, part.task) for part in parts]
    for name, task in sorted({key for key in keys if keys.count(key) > 1}):
        yield Fault("datasetMetricConfigs", None, "", f"{name} with taskType {task} more than once", "each once")


def _custom_criteria(automated: Mapping[str, Any], faults: list[Fault]) -> tuple[Criterion, ...]:
    config = automated.get("customMetricConfig")
    if config is None:
        return ()
    try:
        return custom_criteria(json.dumps(config["customMetrics"]), "customMetrics")
    except InvalidInput as error:
        faults += error.faults
        return ()


def _evaluator_faults(
    automated: Mapping[str, Any], parts: Sequence[_Part], custom: Sequence[Criterion]
) -> Iterator[Fault]:
    judged = {name for part in parts for name in part.judged}
    own = {criterion.name for criterion in custom}
    for name in sorted(own - judged):
        yield Fault("customMetrics", None, "name", name, "the same name among metricNames: it would not be used")
    built_in = sorted(judged - own)
    if built_in and "evaluatorModelConfig" not in automated:
        expected = "evaluatorModelConfig.bedrockEvaluatorModels beside it: a model judges by this metric"
        yield Fault("datasetMetricConfigs", None, "metricNames", ", ".join(built_in), expected)
    if "evaluatorModelConfig" in automated and not judged:
        expected = f"a metric that a model judges by among metricNames: {', '.join(BUILT_IN)}, or one in customMetrics"
        yield Fault("evaluatorModelConfig", None, "", "a judge without anything to judge by", expected)


def _judging(
    context: Context,
    automated: Mapping[str, Any],
    parts: Sequence[_Part],
    custom: Sequence[Criterion],
    identifiers: dict[str, str],
) -> JudgeChoice | None:
    """Who judges by what, each response once and greedily, so that results lie on the published scales."""
    judged = list(dict.fromkeys(name for part in parts for name in part.judged))
    if not judged:
        return None
    built_in = [name for name in judged if name in BUILT_IN]
    judges = {
        member: _named(context, automated_part["evaluatorModelConfig"]["bedrockEvaluatorModels"][0], identifiers)
        for member, automated_part, needed in (
            ("built in", automated, built_in),
            ("custom", automated.get("customMetricConfig", {}), custom),
        )
        if needed
    }
    first, *others = dict.fromkeys(judges.values())
    return JudgeChoice((first,), built_in, repeats=1, custom=tuple(custom), custom_judge=others[0] if others else None)


def _named(context: Context, config: Mapping[str, Any], identifiers: dict[str, str]) -> str:
    """Our name of a model; how the request calls it first is noted."""
    model = find_model(context, config["modelIdentifier"])
    identifiers.setdefault(model.name, config["modelIdentifier"])
    return model.name
