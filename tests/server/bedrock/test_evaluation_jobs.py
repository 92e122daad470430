"""Evaluation jobs as boto3 sees them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from outcrop.app.evaluation import DatasetChoice, submit_evaluation
from outcrop.app.judging import JudgeChoice
from outcrop.data.fetching import NamedDataset
from outcrop.domain.codec import from_json, to_json
from outcrop.domain.jobs import Status
from outcrop.domain.requests import EvaluationRequest
from outcrop.evaluation.judges.custom import custom_criteria
from outcrop.stores.address import parse
from tests.doubles import IdleRunner, add_scripted, claimed, write_lines
from tests.server.conftest import TINY
from tests.server.wire import ROLE, Wire

Put = Callable[[str, Sequence[object]], str]

MODEL, JUDGE, OTHER = "amazon.nova-lite-v1:0", "anthropic.claude-3-haiku-20240307-v1:0", "meta.llama3-1-70b-instruct-v1"
DATA = "s3://bucket/data.jsonl"

RECORDS = [
    {"prompt": "What is gneiss?", "referenceResponse": "a banded rock", "category": "rocks"},
    {"prompt": "What is quartz?", "referenceResponse": "a hard mineral", "category": "minerals"},
]

CLARITY = {
    "name": "Clarity",
    "instructions": "How clear is {{prediction}} as an answer to {{prompt}}?",
    "ratingScale": [
        {"definition": "Murky", "value": {"floatValue": 0.0}},
        {"definition": "Clear", "value": {"floatValue": 1.0}},
    ],
}


@pytest.fixture
def scripted(wire: Wire, tmp_path: Path, put: Put) -> Wire:
    """A home with a model and two judges, which have ids of Bedrock's, and with data."""
    add_scripted(
        wire.outcrop,
        tmp_path,
        "model",
        responses={"What is gneiss?": "a banded rock", "What is quartz?": "a mineral, and hard"},
    )
    add_scripted(wire.outcrop, tmp_path, "judge", patterns=[["", '{"explanation": "It helps.", "rating": "4"}']])
    add_scripted(wire.outcrop, tmp_path, "other", patterns=[["", '{"explanation": "Not clear.", "rating": "0"}']])
    for name, identifier in (("model", MODEL), ("judge", JUDGE), ("other", OTHER)):
        wire.outcrop.models.alias(identifier, name)
    put(DATA, RECORDS)
    return wire


def part(*metrics: str, task: str = "QuestionAndAnswer", name: str = "Rocks.v1", place: str | None = DATA) -> Any:
    """An entry of ``datasetMetricConfigs``."""
    location = {} if place is None else {"datasetLocation": {"s3Uri": place}}
    return {"taskType": task, "dataset": {"name": name, **location}, "metricNames": list(metrics)}


def evaluator(identifier: str = JUDGE) -> Any:
    return {"bedrockEvaluatorModels": [{"modelIdentifier": identifier}]}


def custom(*definitions: Any, by: str = OTHER) -> Any:
    metrics = [{"customMetricDefinition": one} for one in definitions or (CLARITY,)]
    return {"customMetrics": metrics, "evaluatorModelConfig": evaluator(by)}


def create(wire: Wire, *parts: Any, automated: Any = None, model: Any = None, **changes: Any) -> Any:
    """What CreateEvaluationJob answers."""
    chosen = {"datasetMetricConfigs": list(parts or (part("exact_match"),)), **(automated or {})}
    request: dict[str, Any] = {
        "jobName": "job-1",
        "roleArn": ROLE,
        "evaluationConfig": {"automated": chosen},
        "inferenceConfig": {"models": [model or {"bedrockModel": {"modelIdentifier": MODEL}}]},
        "outputDataConfig": {"s3Uri": "s3://bucket/out/"},
        **changes,
    }
    return wire.client().create_evaluation_job(**request)


def refusal(code: str, call: Callable[..., Any], *arguments: Any, **given: Any) -> str:
    """The message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **given)
    assert caught.value.response["Error"]["Code"] == code
    return str(caught.value.response["Error"]["Message"])


def output(wire: Wire, arn: str, below: str) -> list[Any]:
    """The lines of the one file that a job left below a folder of its own."""
    job = wire.outcrop.jobs.show(arn.rpartition("/")[2])
    (place,) = (each for each in kept_below(wire, f"out/{job.name}/{job.id}/{below}") if each.endswith("_output.jsonl"))
    return [json.loads(line) for line in Path(place).read_text(encoding="utf-8").splitlines()]


def kept_below(wire: Wire, prefix: str) -> list[str]:
    """The files that lie below a prefix of the bucket."""
    folder = wire.outcrop.services.buckets.fetch(parse(DATA)).parent / prefix
    return sorted(str(path) for path in folder.rglob("*") if path.is_file())


def test_an_automated_job_leaves_what_bedrock_leaves(working: IdleRunner, scripted: Wire) -> None:
    client = scripted.client()
    tags = [{"key": "team", "value": "a"}]
    model = {"bedrockModel": {"modelIdentifier": f"us.{MODEL}", "inferenceParams": '{"maxTokens": "20"}'}}
    parts = [part("Builtin.Accuracy", "Builtin.Robustness", "exact_match")]
    arn = create(scripted, *parts, model=model, jobTags=tags, jobDescription="A first look")["jobArn"]
    assert arn.startswith("arn:aws:bedrock:eu-central-1:123456789012:evaluation-job/")
    job = client.get_evaluation_job(jobIdentifier=arn)
    assert (job["status"], job["jobName"], job["jobArn"], job["roleArn"]) == ("Completed", "job-1", arn, ROLE)
    assert (job["jobType"], job["applicationType"]) == ("Automated", "ModelEvaluation")
    assert (job["jobDescription"], job["outputDataConfig"]) == ("A first look", {"s3Uri": "s3://bucket/out/"})
    assert job["evaluationConfig"] == {"automated": {"datasetMetricConfigs": parts}}
    assert job["inferenceConfig"] == {"models": [model]}
    assert job["creationTime"] <= job["lastModifiedTime"]
    assert "failureMessages" not in job
    assert client.list_tags_for_resource(resourceARN=arn)["tags"] == tags

    folder = f"models/us.{MODEL}/taskTypes/QuestionAndAnswer/datasets/Rocks.v1"
    first, second = output(scripted, arn, folder)
    assert first["inputRecord"] == RECORDS[0]
    assert first["modelResponses"] == [
        {"modelIdentifier": f"us.{MODEL}", "response": "a banded rock", "stopReason": "end_turn"}
    ]
    scores = [
        {score["metricName"]: score["result"] for score in line["automatedEvaluationResult"]["scores"]}
        for line in (first, second)
    ]
    assert [list(each) for each in scores] == [["Builtin.Accuracy", "Builtin.Robustness", "exact_match"]] * 2
    # By sets of words without articles: all of them, and both of three with all found (precision 2/3, recall 1).
    assert [each["Builtin.Accuracy"] for each in scores] == [1.0, pytest.approx(0.8)]
    assert [each["exact_match"] for each in scores] == [1.0, 0.0]
    # The script knows the prompts as they are and echoes others: a perturbed prompt gets nothing right.
    assert scores[0]["Builtin.Robustness"] == pytest.approx(100)


def test_prompts_go_out_as_they_are_with_the_parameters_asked_for(runner: IdleRunner, scripted: Wire) -> None:
    params = '{"inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]}}'
    model = {"bedrockModel": {"modelIdentifier": MODEL, "inferenceParams": params}}
    create(scripted, part("token_f1"), model=model)
    request = from_json(EvaluationRequest, scripted.outcrop.jobs.show("job-1").request)
    assert (request.models, request.parts[0].task, request.parts[0].prompting.template) == (
        ("model",),
        "question-answering",
        "{{prompt}}",
    )
    generation = request.parts[0].generation
    assert (generation.max_tokens, generation.temperature, generation.top_p, generation.stop) == (9, 0.5, 0.9, ("END",))
    create(scripted, jobName="job-2")
    request = from_json(EvaluationRequest, scripted.outcrop.jobs.show("job-2").request)
    assert (request.parts[0].generation.max_tokens, request.parts[0].generation.temperature) == (512, 0)


def test_two_judges_judge_by_what_each_was_asked(working: IdleRunner, scripted: Wire) -> None:
    parts = [
        part("Builtin.Helpfulness", "builtin.harmfulness", "Clarity", task="General"),
        part("Builtin.Coherence", "rougeL", task="General", name="again"),
    ]
    automated = {"evaluatorModelConfig": evaluator(), "customMetricConfig": custom()}
    arn = create(scripted, *parts, automated=automated)["jobArn"]
    client = scripted.client()
    job = client.get_evaluation_job(jobIdentifier=arn)
    assert job["status"] == "Completed"
    assert job["evaluationConfig"]["automated"] == {"datasetMetricConfigs": parts, **automated}

    (summary,) = client.list_evaluation_jobs()["jobSummaries"]
    assert summary["evaluationTaskTypes"] == ["General"]
    assert summary["modelIdentifiers"] == [MODEL]
    assert summary["evaluatorModelIdentifiers"] == [JUDGE]
    assert summary["customMetricsEvaluatorModelIdentifiers"] == [OTHER]
    assert summary["inferenceConfigSummary"] == {"modelConfigSummary": {"bedrockModelIdentifiers": [MODEL]}}

    home, job_id = scripted.outcrop, arn.rpartition("/")[2]
    reports = home.jobs.show(job_id).result["reports"]  # type: ignore[index]
    found = [
        {judge["judge"]: [one["criterion"] for one in judge["criteria"]] for judge in report["judges"]}
        for report in reports
    ]
    assert found == [
        {"judge": ["Builtin.Helpfulness", "Builtin.Harmfulness"], "other": ["Clarity"]},
        {"judge": ["Builtin.Coherence"]},
    ]
    for name, metrics in (("Rocks.v1", []), ("again", ["rougeL"])):
        lines = output(scripted, arn, f"models/{MODEL}/taskTypes/General/datasets/{name}")
        scored = [one for one in lines[0]["automatedEvaluationResult"]["scores"] if "evaluatorDetails" not in one]
        assert [one["metricName"] for one in scored] == metrics
    lines = output(scripted, arn, f"models/{MODEL}/taskTypes/General/datasets/Rocks.v1")
    helps = [{"modelIdentifier": JUDGE, "explanation": "It helps."}]
    assert lines[1]["automatedEvaluationResult"]["scores"][0] == {
        "metricName": "Builtin.Helpfulness",
        "result": pytest.approx(4 / 6),
        "evaluatorDetails": helps,
    }
    harm, clarity = lines[1]["automatedEvaluationResult"]["scores"][1:]
    # No number answers a question of yes or no, however often it is asked.
    assert (harm["metricName"], harm["result"]) == ("Builtin.Harmfulness", None)
    unclear = [{"modelIdentifier": OTHER, "explanation": "Not clear."}]
    assert clarity == {"metricName": "Clarity", "result": 0.0, "evaluatorDetails": unclear}

    (place,) = kept_below(scripted, f"out/job-1/{job_id}/custom_metrics")
    text = Path(place).read_text(encoding="utf-8")
    described = {**CLARITY, "metricName": CLARITY["name"]}
    del described["name"]
    assert json.loads(text) == {"customMetricDefinition": described}
    assert custom_criteria(text, "the file") == custom_criteria(json.dumps(CLARITY), "the request")


ALL_JUDGED = (
    *("Correctness", "Completeness", "Faithfulness", "Helpfulness", "Coherence", "Relevance"),
    *("FollowingInstructions", "ProfessionalStyleAndTone", "Harmfulness", "Stereotyping", "Refusal"),
)


@pytest.mark.parametrize("brought", [False, True])
def test_a_model_judges_itself_by_everything(working: IdleRunner, scripted: Wire, put: Put, brought: bool) -> None:
    """As the public samples ask: one model writes and judges, or judges what was brought along."""
    responses = [{"modelIdentifier": "third-party-model", "response": "It depends."}]
    put(DATA, [{**record, **({"modelResponses": responses} if brought else {})} for record in RECORDS])
    names = [f"Builtin.{name}" for name in ALL_JUDGED]
    source = {"precomputedInferenceSource": {"inferenceSourceIdentifier": "third-party-model"}}
    model = source if brought else {"bedrockModel": {"modelIdentifier": JUDGE}}
    asked = {"evaluatorModelConfig": evaluator(JUDGE)}
    parts = part(*names, task="General", name="dummy-data")
    arn = create(scripted, parts, automated=asked, model=model, outputDataConfig={"s3Uri": "s3://bucket/out"})["jobArn"]
    job = scripted.client().get_evaluation_job(jobIdentifier=arn)
    assert job["status"] == "Completed", job.get("failureMessages")
    by = "third-party-model" if brought else JUDGE
    lines = output(scripted, arn, f"models/{by}/taskTypes/General/datasets/dummy-data")
    assert [[score["metricName"] for score in line["automatedEvaluationResult"]["scores"]] for line in lines] == [
        names,
        names,
    ]


def test_a_custom_metric_needs_no_other_judge(working: IdleRunner, scripted: Wire) -> None:
    """Samples name an evaluator although nothing built in is asked for."""
    automated = {"evaluatorModelConfig": evaluator(), "customMetricConfig": custom()}
    arn = create(scripted, part("Clarity", task="General"), automated=automated)["jobArn"]
    (report,) = scripted.outcrop.jobs.show(arn.rpartition("/")[2]).result["reports"]  # type: ignore[index]
    assert [judge["judge"] for judge in report["judges"]] == ["other"]
    assert report["judges"][0]["criteria"][0]["counts"]["read"] == 2


def test_a_custom_model_is_evaluated_by_its_arn(working: IdleRunner, tiny: Wire, put: Put) -> None:
    """Its ARN is none that the service model allows here: at Bedrock throughput has to be bought first."""
    put(DATA, RECORDS)
    client = tiny.client()
    records = [{"prompt": f"Say {place}", "completion": f"It is {place}."} for place in range(8)]
    client.create_model_customization_job(
        jobName="tune",
        customModelName="tuned",
        roleArn=ROLE,
        baseModelIdentifier=TINY,
        trainingDataConfig={"s3Uri": put("s3://bucket/train.jsonl", records)},
        outputDataConfig={"s3Uri": "s3://bucket/out/"},
        hyperParameters={"epochCount": "1", "batchSize": "4", "maxLength": "64"},
    )
    arn = client.get_custom_model(modelIdentifier="tuned")["modelArn"]
    for place, name in enumerate((arn, "tuned", f"{TINY}:128k")):
        model = {"bedrockModel": {"modelIdentifier": name, "inferenceParams": '{"max_gen_len": 4}'}}
        created = create(tiny, part("rougeL"), model=model, jobName=f"job-{place}")["jobArn"]
        job = client.get_evaluation_job(jobIdentifier=created)
        assert (job["status"], job["inferenceConfig"]) == ("Completed", {"models": [model]})
        folder = name.replace("/", "_")
        lines = output(tiny, created, f"models/{folder}/taskTypes/QuestionAndAnswer/datasets/Rocks.v1")
        assert [line["modelResponses"][0]["modelIdentifier"] for line in lines] == [name, name]
    model = {"bedrockModel": {"modelIdentifier": f"{arn[:-12]}{'0' * 12}"}}
    message = refusal("ResourceNotFoundException", create, tiny, model=model, jobName="job-3")
    assert "no custom model with the id '000000000000'" in message


def test_responses_that_were_made_elsewhere_are_scored(working: IdleRunner, scripted: Wire, put: Put) -> None:
    answered = [
        {**record, "modelResponses": [{"response": record["referenceResponse"], "modelIdentifier": "my-model"}]}
        for record in RECORDS
    ]
    place = put("s3://bucket/answered.jsonl", answered)
    source = {"precomputedInferenceSource": {"inferenceSourceIdentifier": "my-model"}}
    arn = create(scripted, part("exact_match", task="General", place=place), model=source)["jobArn"]
    lines = output(scripted, arn, "models/my-model/taskTypes/General/datasets/Rocks.v1")
    assert [line["automatedEvaluationResult"]["scores"][0]["result"] for line in lines] == [1.0, 1.0]
    assert lines[0]["modelResponses"][0]["modelIdentifier"] == "my-model"
    (summary,) = scripted.client().list_evaluation_jobs()["jobSummaries"]
    assert summary["modelIdentifiers"] == []
    assert summary["inferenceConfigSummary"] == {
        "modelConfigSummary": {"precomputedInferenceSourceIdentifiers": ["my-model"]}
    }
    absent = {"precomputedInferenceSource": {"inferenceSourceIdentifier": "another"}}
    message = refusal(
        "ValidationException", create, scripted, part("exact_match", place=place), model=absent, jobName="job-2"
    )
    assert 'none of "another"; expected one of "my-model"' in message


def test_classes_are_read_from_what_is_written(working: IdleRunner, scripted: Wire, put: Put) -> None:
    labelled = [{**RECORDS[0], "referenceResponse": "rock"}, {**RECORDS[1], "referenceResponse": "mineral"}]
    place = put("s3://bucket/labelled.jsonl", labelled)
    arn = create(scripted, part("Builtin.Accuracy", task="Classification", place=place))["jobArn"]
    lines = output(scripted, arn, f"models/{MODEL}/taskTypes/Classification/datasets/Rocks.v1")
    assert [line["automatedEvaluationResult"]["scores"][0]["result"] for line in lines] == [1.0, 1.0]
    assert lines[0]["modelResponses"][0]["response"] == "a banded rock"


def test_a_hundred_prompts_of_bedrocks_datasets_are_drawn(working: IdleRunner, scripted: Wire) -> None:
    folder = scripted.outcrop.services.settings.datasets_folder / "builtin.boolq"
    folder.mkdir(parents=True)
    write_lines(folder / "records.jsonl", [{"prompt": f"Is {n} odd?", "referenceResponse": "no"} for n in range(120)])
    named = NamedDataset("Builtin.BoolQ", "", "a hub", "c", "free", 120, 120, "", {})
    manifest = {name: value for name, value in to_json(named).items() if name != "path"}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    arn = create(scripted, part("Builtin.Accuracy", name="builtin.boolq", place=None))["jobArn"]
    lines = output(scripted, arn, f"models/{MODEL}/taskTypes/QuestionAndAnswer/datasets/builtin.boolq")
    assert len(lines) == 100
    # The script echoes eight words of what it is asked: here the prompt has the task type's template around it.
    assert lines[0]["modelResponses"][0]["response"] == "Answer in a few words, without a sentence"


@pytest.mark.parametrize(
    ("parts", "automated", "expected"),
    [
        ([part("Builtin.Accuracy", task="General")], None, "one of the task types Summarization, Classification"),
        ([part("Builtin.Robustness", task="Custom")], None, "Builtin.Robustness with taskType Custom"),
        ([part("Builtin.Toxicity", task="Classification")], None, "Builtin.Accuracy or Builtin.Robustness"),
        ([part("accuracy", task="Summarization")], None, "accuracy with taskType Summarization; expected one of Built"),
        ([part("Fluency")], None, "Fluency with taskType QuestionAndAnswer; expected one of Builtin.Accuracy"),
        ([part("Builtin.Helpfulness")], None, "evaluatorModelConfig.bedrockEvaluatorModels beside it"),
        ([part("rougeL")], {"evaluatorModelConfig": evaluator()}, "a judge without anything to judge by"),
        ([part("rougeL")], {"customMetricConfig": custom()}, "customMetrics: name: found Clarity; expected the same"),
        ([part("rougeL", "rougeL")], None, "rougeL more than once"),
        ([part("rougeL"), part("token_f1")], None, "Rocks.v1 with taskType QuestionAndAnswer more than once"),
        ([part("rougeL", place=None)], None, "Rocks.v1; expected dataset.datasetLocation.s3Uri beside it, or one of"),
        ([part("rougeL", name="Builtin.Boulders", place=None)], None, "Builtin.Boulders; expected one of Builtin.Bold"),
        ([part("rougeL", name="Builtin.BoolQ")], None, "Builtin.BoolQ; expected no datasetLocation"),
        (
            [part("Builtin.Accuracy", task="Summarization", name="builtin.t-rex", place=None)],
            None,
            "Summarization with Builtin.T-Rex; expected Generation",
        ),
        (
            [part("Clarity", task="General")],
            {"customMetricConfig": custom({**CLARITY, "instructions": "How clear?"})},
            "customMetrics: [0].customMetricDefinition.instructions: found no {{prediction}}",
        ),
        (
            [part("Clarity", task="General")],
            {"customMetricConfig": custom({name: CLARITY[name] for name in ("name", "instructions")})},
            "ratingScale: found null; expected 2 to 10 ratings",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_at_once(
    runner: IdleRunner, scripted: Wire, parts: list[Any], automated: Any, expected: str
) -> None:
    assert expected in refusal("ValidationException", create, scripted, *parts, automated=automated)
    assert runner.started == []


def test_a_wrong_request_is_refused_with_all_that_is_wrong(runner: IdleRunner, scripted: Wire, put: Put) -> None:
    model = {"bedrockModel": {"modelIdentifier": MODEL, "inferenceParams": '{"max_gen_len": 0, "nonsense": 1}'}}
    parts = [part("Builtin.Accuracy", task="General"), part("Fluency", name="b", place=None)]
    message = refusal("ValidationException", create, scripted, *parts, model=model)
    assert message.startswith("5 faults:")
    assert "datasetMetricConfigs[1]: metricNames: found Fluency with" in message
    assert "inferenceParams: max_gen_len: found 0; expected a whole number, 1 or more" in message
    place = put("s3://bucket/bad.jsonl", [{"prompt": "a"}, {"prompt": 1, "referenceResponse": "b"}, []])
    message = refusal("ValidationException", create, scripted, part("exact_match", place=place))
    assert "s3://bucket/bad.jsonl:2: prompt" in message
    assert "s3://bucket/bad.jsonl:3:" in message
    place = put("s3://bucket/bare.jsonl", [{"prompt": "a"}])
    message = refusal("ValidationException", create, scripted, part("exact_match", place=place))
    assert "references: the metrics need them" in message
    twice = [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]
    assert "a more than once" in refusal("ValidationException", create, scripted, jobTags=twice)
    assert "enum value set" in refusal("ValidationException", create, scripted, part("rougeL", task="Poetry"))
    assert "jobName" in refusal("ValidationException", create, scripted, jobName="Job_1")
    assert runner.started == []


def test_a_judge_needs_no_references(working: IdleRunner, scripted: Wire, put: Put) -> None:
    place = put("s3://bucket/bare.jsonl", [{"prompt": record["prompt"]} for record in RECORDS])
    automated = {"evaluatorModelConfig": evaluator()}
    arn = create(scripted, part("Builtin.Helpfulness", task="General", place=place), automated=automated)["jobArn"]
    assert scripted.client().get_evaluation_job(jobIdentifier=arn)["status"] == "Completed"
    both = part("Builtin.Helpfulness", "rougeL", task="General", place=place)
    message = refusal("ValidationException", create, scripted, both, automated=automated, jobName="job-2")
    assert "references: the metrics need them" in message


def test_what_is_not_built_is_said(runner: IdleRunner, scripted: Wire) -> None:
    two = {"models": [{"bedrockModel": {"modelIdentifier": MODEL}}, {"bedrockModel": {"modelIdentifier": JUDGE}}]}
    assert "takes exactly one" in refusal("ValidationException", create, scripted, inferenceConfig=two)
    rag = {"ragConfigs": [{"precomputedRagSourceConfig": {"retrieveSourceConfig": {"ragSourceIdentifier": "mine"}}}]}
    assert "RAG evaluation" in refusal("ValidationException", create, scripted, inferenceConfig=rag)
    assert "RAG evaluation" in refusal("ValidationException", create, scripted, applicationType="RagEvaluation")
    human = {"human": {"datasetMetricConfigs": [part("Quality")]}}
    message = refusal("ValidationException", create, scripted, evaluationConfig=human)
    assert "no page for a work team yet" in message
    stored = {"precomputedInferenceSource": {"inferenceSourceIdentifier": "my-model"}}
    message = refusal("ValidationException", create, scripted, part("Builtin.Robustness"), model=stored)
    assert "stored responses can't" in message


def test_what_is_not_there_is_said(runner: IdleRunner, scripted: Wire) -> None:
    client = scripted.client()
    absent = "arn:aws:bedrock:eu-central-1:123456789012:evaluation-job/000000000000"
    unknown = {"bedrockModel": {"modelIdentifier": "amazon.nova-pro-v1:0"}}
    assert "outcrop models alias" in refusal("ResourceNotFoundException", create, scripted, model=unknown)
    automated = {"evaluatorModelConfig": evaluator("amazon.nova-pro-v1:0")}
    judged = part("Builtin.Helpfulness", task="General")
    refusal("ResourceNotFoundException", create, scripted, judged, automated=automated)
    missing = part("rougeL", place="s3://bucket/none.jsonl")
    assert "none.jsonl" in refusal("ResourceNotFoundException", create, scripted, missing)
    for call in (client.get_evaluation_job, client.stop_evaluation_job):
        assert "there is no evaluation-job" in refusal("ResourceNotFoundException", call, jobIdentifier=absent)
        assert "pattern" in refusal("ValidationException", call, jobIdentifier="job-1")
    # The encoder behind BERTScore and the classifier behind toxicity are models that the home may lack.
    message = refusal("ResourceNotFoundException", create, scripted, part("Builtin.Accuracy", task="Summarization"))
    assert "outcrop models add" in message
    message = refusal("ResourceNotFoundException", create, scripted, part("Builtin.Toxicity", task="Generation"))
    assert "outcrop models add" in message


def test_a_request_that_comes_twice_makes_one_job(runner: IdleRunner, scripted: Wire) -> None:
    first = create(scripted, clientRequestToken="once")
    assert create(scripted, clientRequestToken="once")["jobArn"] == first["jobArn"]
    assert len(runner.started) == 1
    assert "'job-1' already" in refusal("ConflictException", create, scripted, clientRequestToken="again")


def test_a_job_is_stopped_once(runner: IdleRunner, scripted: Wire) -> None:
    client, arn = scripted.client(), create(scripted)["jobArn"]
    assert client.get_evaluation_job(jobIdentifier=arn)["status"] == "InProgress"
    client.stop_evaluation_job(jobIdentifier=arn)
    assert client.get_evaluation_job(jobIdentifier=arn)["status"] == "Stopped"
    refusal("ConflictException", client.stop_evaluation_job, jobIdentifier=arn)


def test_a_failed_job_says_why(runner: IdleRunner, scripted: Wire) -> None:
    client, arn = scripted.client(), create(scripted)["jobArn"]
    catalog = scripted.outcrop.services.catalog
    catalog.finish(claimed(scripted.outcrop.services, catalog.job("job-1")), Status.FAILED, error="x" * 5000)
    job = client.get_evaluation_job(jobIdentifier=arn)
    assert (job["status"], job["failureMessages"]) == ("Failed", ["x" * 2048])


def test_jobs_are_listed_page_by_page(runner: IdleRunner, scripted: Wire) -> None:
    client = scripted.client()
    made = [create(scripted, jobName=f"job-{number}")["jobArn"] for number in range(5)]
    client.stop_evaluation_job(jobIdentifier=made[3])
    pages = client.get_paginator("list_evaluation_jobs")

    def names(**given: Any) -> list[str]:
        walked = list(pages.paginate(**given, PaginationConfig={"PageSize": 2}))
        return [job["jobName"] for page in walked for job in page["jobSummaries"]]

    assert names() == [f"job-{number}" for number in (4, 3, 2, 1, 0)]
    assert names(sortOrder="Ascending", nameContains="job") == [f"job-{number}" for number in range(5)]
    assert names(statusEquals="Stopped") == ["job-3"]
    assert names(statusEquals="Deleting") == []
    assert names(applicationTypeEquals="ModelEvaluation", statusEquals="Stopped") == ["job-3"]
    assert names(applicationTypeEquals="RagEvaluation") == []
    moment = client.get_evaluation_job(jobIdentifier=made[2])["creationTime"]
    assert names(creationTimeBefore=moment, nameContains="job-0") == ["job-0"]
    token = client.list_evaluation_jobs(maxResults=2)["nextToken"]
    refusal("ValidationException", client.list_evaluation_jobs, maxResults=2, nextToken=token, nameContains="job")


def test_jobs_are_deleted_together_with_their_tags(working: IdleRunner, scripted: Wire) -> None:
    client = scripted.client()
    tags = [{"key": "team", "value": "a"}]
    done, other = (create(scripted, jobName=f"job-{number}", jobTags=tags)["jobArn"] for number in range(2))
    catalog = scripted.outcrop.services.catalog
    waiting = scripted.outcrop.jobs.show("job-1")
    catalog.delete_job(waiting.id)
    waits = catalog.add_job(type(waiting)(waiting.id, "job-1", waiting.kind, Status.QUEUED, waiting.request))
    absent = done[:-12] + "0" * 12
    answer = client.batch_delete_evaluation_job(jobIdentifiers=[done, other, absent])
    assert answer["evaluationJobs"] == [{"jobIdentifier": done, "jobStatus": "Deleting"}]
    assert [(error["jobIdentifier"], error["code"]) for error in answer["errors"]] == [(other, "400"), (absent, "404")]
    assert "stop it first" in answer["errors"][0]["message"]
    refusal("ResourceNotFoundException", client.get_evaluation_job, jobIdentifier=done)
    assert catalog.tags(f"evaluation-job/{done[-12:]}") == {}
    assert catalog.tags(f"evaluation-job/{waits.id}") == {"team": "a"}
    assert [job["jobArn"] for job in client.list_evaluation_jobs()["jobSummaries"]] == [other]
    too_many = [absent] * 26
    assert "25" in refusal("ValidationException", client.batch_delete_evaluation_job, jobIdentifiers=too_many)


def test_jobs_of_the_command_line_are_told_in_bedrocks_words(
    runner: IdleRunner, scripted: Wire, tmp_path: Path
) -> None:
    services = scripted.outcrop.services
    records = [{**record, "modelResponses": [{"response": "x", "modelIdentifier": "_mine"}]} for record in RECORDS]
    local = write_lines(tmp_path / "local.jsonl", records)
    (tmp_path / "own.json").write_text(json.dumps({**CLARITY, "direction": "lower"}), encoding="utf-8")
    judging = JudgeChoice(["judge", "other"], ["Helpfulness"], criteria_file=tmp_path / "own.json")
    other = write_lines(tmp_path / "other.jsonl", records)
    datasets = [DatasetChoice(local, "translation", ["chrf++"]), DatasetChoice(DATA, "question-answering")]
    both = [datasets[0], DatasetChoice(other, "generation", ["inclusion", "Builtin.Robustness"])]
    submit_evaluation(services, ["model"], both, name="Base_vs_Tuned", stored=["_mine"])
    ended = submit_evaluation(services, ["model", "other"], datasets[1:], judging=judging, given={"stop": ["x" * 2000]})
    submit_evaluation(services, ["model"], datasets[1:], output="s3://bucket/elsewhere", name="plain-name")
    scripted.outcrop.jobs.stop(ended.id)
    scripted.outcrop.models.remove("other")
    client = scripted.client()
    plain, judged, first = client.list_evaluation_jobs()["jobSummaries"]
    assert (plain["jobName"], first["jobName"]) == ("plain-name", "base-vs-tuned")
    job = client.get_evaluation_job(jobIdentifier=plain["jobArn"])
    assert job["outputDataConfig"] == {"s3Uri": "s3://bucket/elsewhere"}
    assert job["inferenceConfig"]["models"] == [
        {
            "bedrockModel": {
                "modelIdentifier": f"arn:aws:bedrock:eu-central-1::foundation-model/{MODEL}",
                "inferenceParams": '{"inferenceConfig": {"maxTokens": 48, "temperature": 0.0, "topP": 1.0}}',
            }
        }
    ]
    job = client.get_evaluation_job(jobIdentifier=first["jobArn"])
    assert job["jobDescription"] == "Base_vs_Tuned: model, _mine on local, other"
    assert job["evaluationConfig"]["automated"]["datasetMetricConfigs"][0] == {
        "taskType": "Custom",
        "dataset": {"name": "local"},
        "metricNames": ["chrf--"],
    }
    assert job["evaluationConfig"]["automated"]["datasetMetricConfigs"][1]["metricNames"][-1] == "Builtin.Robustness"
    assert job["outputDataConfig"] == {"s3Uri": "s3://no-s3-output"}
    assert job["inferenceConfig"]["models"][1] == {"precomputedInferenceSource": {"inferenceSourceIdentifier": "mine"}}
    job = client.get_evaluation_job(jobIdentifier=judged["jobArn"])
    automated = job["evaluationConfig"]["automated"]
    assert automated["customMetricConfig"]["customMetrics"] == [{"customMetricDefinition": CLARITY}]
    assert automated["evaluatorModelConfig"] == evaluator(f"arn:aws:bedrock:eu-central-1::foundation-model/{JUDGE}")
    assert automated["datasetMetricConfigs"][0]["metricNames"][-2:] == ["Builtin.Helpfulness", "Clarity"]
    assert job["inferenceConfig"]["models"][1]["bedrockModel"] == {"modelIdentifier": "other"}
