"""The AWS CLI speaks to every operation; its requests go into the application as boto3's do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awscli
import pytest
from awscli.clidriver import create_clidriver

from outcrop.domain.jobs import Job
from outcrop.server.bedrock.operations import handlers
from outcrop.stores.address import parse
from tests.doubles import IdleRunner, write_lines
from tests.server.bedrock.test_customization_jobs import RECORDS, Put, create
from tests.server.conftest import TINY
from tests.server.serving_double import RESPONSE
from tests.server.wire import ADDRESS, ROLE, Wire

Aws = Callable[..., Any]

#: Operations that the running test has called.
TRIED: set[str] = set()


@pytest.fixture
def aws(answering: Wire, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Aws:
    """Runs a command of ``aws bedrock``, or another service, and returns the document it prints."""
    TRIED.clear()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", answering.key.key.id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", answering.key.secret)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", ADDRESS)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", ADDRESS)
    monkeypatch.setenv("AWS_DATA_PATH", str(Path(awscli.__file__).parent / "data"))

    def run(operation: str, *arguments: str, service: str = "bedrock") -> Any:
        TRIED.add(operation.replace("-", ""))
        driver = create_clidriver()
        driver.session.register(f"before-send.{service}", answering.answer)
        capsys.readouterr()
        code = driver.main([service, operation, *arguments, "--output", "json"])
        spoken = capsys.readouterr()
        assert code == 0, spoken.err
        return json.loads(spoken.out or "{}")

    return run


def test_a_whole_session(working: IdleRunner, tiny: Wire, aws: Aws, put: Put, tmp_path: Path) -> None:
    """Operation by operation; what is left over at its end has not been tried."""
    output = json.dumps({"s3Uri": "s3://bucket/out"})
    data = put("s3://bucket/train.jsonl", RECORDS)
    questions = put("s3://bucket/test.jsonl", [{"prompt": "Say 1", "referenceResponse": "It is 1."}] * 4)
    folder = tiny.outcrop.services.store.get_folder(tiny.outcrop.models.show("tiny").uri)
    for file in folder.iterdir():
        tiny.outcrop.services.buckets.put(file, parse(f"s3://bucket/model/{file.name}"))

    models = aws("list-foundation-models")["modelSummaries"]
    assert [model["modelId"] for model in models] == [TINY]
    assert aws("get-foundation-model", "--model-identifier", TINY)["modelDetails"]["providerName"] == "Meta"
    assert aws("get-foundation-model-availability", "--model-id", TINY)["authorizationStatus"] == "AUTHORIZED"

    job = aws(
        "create-model-customization-job",
        *("--job-name", "tune", "--custom-model-name", "tuned", "--role-arn", ROLE, "--base-model-identifier", TINY),
        *("--training-data-config", json.dumps({"s3Uri": data}), "--output-data-config", output),
        *("--hyper-parameters", "epochCount=1,maxLength=64"),
    )["jobArn"]
    found = aws("get-model-customization-job", "--job-identifier", job)
    assert found["status"] == "Completed"
    assert (
        len(aws("list-model-customization-jobs", "--status-equals", "Completed")["modelCustomizationJobSummaries"]) == 1
    )
    model = aws("get-custom-model", "--model-identifier", "tuned")["modelArn"]
    aws("tag-resource", "--resource-arn", model, "--tags", "key=team,value=a")
    assert aws("list-tags-for-resource", "--resource-arn", model)["tags"] == [{"key": "team", "value": "a"}]
    aws("untag-resource", "--resource-arn", model, "--tag-keys", "team")

    metrics = [{"taskType": "QuestionAndAnswer", "dataset": _dataset(questions), "metricNames": ["Builtin.Accuracy"]}]
    evaluation = aws(
        "create-evaluation-job",
        *("--job-name", "score", "--role-arn", ROLE, "--output-data-config", output),
        *("--evaluation-config", json.dumps({"automated": {"datasetMetricConfigs": metrics}})),
        *("--inference-config", json.dumps({"models": [{"bedrockModel": _asked(model)}]})),
    )["jobArn"]
    assert aws("get-evaluation-job", "--job-identifier", evaluation)["status"] == "Completed"
    assert [each["jobName"] for each in aws("list-evaluation-jobs")["jobSummaries"]] == ["score"]
    assert aws("batch-delete-evaluation-job", "--job-identifiers", evaluation)["errors"] == []

    _answer(aws, put, model)
    _deploy(tiny, aws, model)
    aws(
        "put-model-invocation-logging-configuration",
        "--logging-config",
        json.dumps({"s3Config": {"bucketName": "logs"}}),
    )
    logging = aws("get-model-invocation-logging-configuration")["loggingConfig"]
    assert logging == {"s3Config": {"bucketName": "logs"}}
    aws("delete-model-invocation-logging-configuration")

    source = json.dumps({"s3DataSource": {"s3Uri": "s3://bucket/model/"}})
    brought = aws(
        "create-model-import-job",
        *("--job-name", "bring", "--imported-model-name", "brought", "--role-arn", ROLE, "--model-data-source", source),
    )["jobArn"]
    assert aws("get-model-import-job", "--job-identifier", brought)["status"] == "Completed"
    assert len(aws("list-model-import-jobs")["modelImportJobSummaries"]) == 1
    assert len(aws("list-imported-models")["modelSummaries"]) == 1
    assert aws("get-imported-model", "--model-identifier", "brought")["modelArchitecture"]
    aws("delete-imported-model", "--model-identifier", "brought")
    aws("create-custom-model", "--model-name", "own", "--model-source-config", source)
    assert len(aws("list-custom-models")["modelSummaries"]) == 2
    for name in ("own", "tuned"):
        aws("delete-custom-model", "--model-identifier", name)
    _ask(aws, tmp_path)
    assert {name.lower() for name in handlers()} - TRIED == {
        "stopmodelcustomizationjob",
        "stopevaluationjob",
        "stopmodelinvocationjob",
        # The AWS CLI has no commands for these: it prints documents, and no streams of events.
        "conversestream",
        "invokemodelwithresponsestream",
    }


def test_jobs_that_wait_are_stopped(runner: IdleRunner, tiny: Wire, aws: Aws, put: Put, tmp_path: Path) -> None:
    job = create(tiny, put)["jobArn"]
    aws("stop-model-customization-job", "--job-identifier", job)
    assert aws("get-model-customization-job", "--job-identifier", job)["status"] == "Stopped"
    data = write_lines(tmp_path / "test.jsonl", [{"prompt": "Say 1", "referenceResponse": "It is 1."}])
    waiting = tiny.outcrop.evaluate("tiny", data=data, task="question-answering", wait=False, name="waiting")
    assert isinstance(waiting, Job)
    arn = f"arn:aws:bedrock:eu-central-1:123456789012:evaluation-job/{waiting.id}"
    aws("stop-evaluation-job", "--job-identifier", arn)
    assert aws("get-evaluation-job", "--job-identifier", arn)["status"] == "Stopped"
    records = write_lines(tmp_path / "records.jsonl", [{"modelInput": {"prompt": "Say 1"}}])
    batch = tiny.outcrop.invoke("tiny", data=records, output="s3://bucket/out", wait=False).id
    aws("stop-model-invocation-job", "--job-identifier", batch)
    assert aws("get-model-invocation-job", "--job-identifier", batch)["status"] == "Stopped"


def _deploy(wire: Wire, aws: Aws, model: str) -> None:
    """The life of a provisioned throughput, and of a deployment on demand."""
    throughput = aws(
        "create-provisioned-model-throughput",
        *("--model-units", "1", "--provisioned-model-name", "gneiss", "--model-id", model),
    )["provisionedModelArn"]
    wire.outcrop.deployments.settle(wire.outcrop.deployments.show("gneiss"))
    named = ("--provisioned-model-id", throughput)
    aws("update-provisioned-model-throughput", *named, "--desired-model-id", TINY)
    assert aws("get-provisioned-model-throughput", *named)["status"] == "Updating"
    assert len(aws("list-provisioned-model-throughputs")["provisionedModelSummaries"]) == 1
    aws("delete-provisioned-model-throughput", *named)

    deployment = aws("create-custom-model-deployment", "--model-deployment-name", "schist", "--model-arn", model)[
        "customModelDeploymentArn"
    ]
    wire.outcrop.deployments.settle(wire.outcrop.deployments.show("schist"))
    named = ("--custom-model-deployment-identifier", deployment)
    aws("update-custom-model-deployment", *named, "--model-arn", model)
    assert aws("get-custom-model-deployment", *named)["status"] == "Active"
    assert len(aws("list-custom-model-deployments")["modelDeploymentSummaries"]) == 1
    aws("delete-custom-model-deployment", *named)


def _answer(aws: Aws, put: Put, model: str) -> None:
    """A batch job's life."""
    asked = put("s3://bucket/asked.jsonl", [{"modelInput": {"prompt": "Say 1", "max_gen_len": 2}}])
    batch = aws(
        "create-model-invocation-job",
        *("--job-name", "batch", "--role-arn", ROLE, "--model-id", model),
        *("--input-data-config", json.dumps({"s3InputDataConfig": {"s3Uri": asked}})),
        *("--output-data-config", json.dumps({"s3OutputDataConfig": {"s3Uri": "s3://bucket/out/"}})),
    )["jobArn"]
    found = aws("get-model-invocation-job", "--job-identifier", batch)
    assert (found["status"], found["successRecordCount"]) == ("Completed", 1)
    assert [each["jobName"] for each in aws("list-model-invocation-jobs")["invocationJobSummaries"]] == ["batch"]


def _ask(aws: Aws, tmp_path: Path) -> None:
    """A model's answers, in two wordings, and the tokens of what it is asked."""
    messages, runtime = json.dumps([{"role": "user", "content": [{"text": "Say 1"}]}]), "bedrock-runtime"
    asked = ("--messages", messages, "--inference-config", "maxTokens=16,temperature=0")
    answer = aws("converse", "--model-id", TINY, *asked, service=runtime)
    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": RESPONSE.text}]}
    assert (answer["stopReason"], answer["usage"]["outputTokens"]) == ("end_turn", len(RESPONSE.tokens))
    body, file = json.dumps({"prompt": "Say 1", "max_gen_len": 16}), tmp_path / "answer.json"
    found = aws("invoke-model", "--model-id", TINY, "--body", body, str(file), service=runtime)
    assert found["contentType"] == "application/json"
    assert json.loads(file.read_text(encoding="utf-8"))["generation"] == RESPONSE.text
    counted = json.dumps({"converse": {"messages": json.loads(messages)}})
    assert aws("count-tokens", "--model-id", TINY, "--input", counted, service=runtime) == {"inputTokens": 2}


def _asked(model: str) -> dict[str, str]:
    return {"modelIdentifier": model, "inferenceParams": json.dumps({"inferenceConfig": {"maxTokens": 4}})}


def _dataset(place: str) -> dict[str, Any]:
    return {"name": "own", "datasetLocation": {"s3Uri": place}}
