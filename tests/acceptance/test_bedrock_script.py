"""Scripts written for Bedrock run unchanged: by boto3, by the AWS CLI, and while servers and workers die."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from outcrop import Outcrop
from outcrop.domain.jobs import ENDED
from outcrop.stores.address import parse
from tests.acceptance.commands import is_running, kill, wait_for
from tests.acceptance.serving import Served, served
from tests.conftest import EXAMPLE, REAL_MODEL
from tests.doubles import add_scripted, keep_roof, pairs, write_lines

SCRIPT = Path(__file__).parent / "assets" / "bedrock_script.py"
LLAMA = "meta.llama3-1-8b-instruct-v1:0"
NOVA = "amazon.nova-pro-v1:0"
ROLE = "arn:aws:iam::123456789012:role/Anybody"


@pytest.mark.real
def test_a_script_runs_unchanged(real_homes: Callable[[str], Path], tmp_path: Path) -> None:
    home = real_homes("home")
    with Outcrop(home) as outcrop:
        outcrop.models.alias(LLAMA, REAL_MODEL)
        add_scripted(outcrop, tmp_path, "judge", patterns=[["", '{"explanation": "It answers.", "rating": "6"}']])
        outcrop.models.alias(NOVA, "judge")
    train = tmp_path / "train.jsonl"
    train.write_text("".join((EXAMPLE / "train.jsonl").open().readlines()[:16]))
    test = write_lines(
        tmp_path / "test.jsonl",
        [{"prompt": f"What is {n} + {n}?", "referenceResponse": str(2 * n), "category": "sums"} for n in range(6)],
    )
    with served(home, "--local-aws") as server:
        command = [sys.executable, str(SCRIPT), LLAMA, NOVA, str(train), str(test)]
        done = subprocess.run(command, env=server.environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["foundation_model"]["providerName"] == "Meta"
    assert told["statuses"] == ["InProgress", "Completed"]
    assert [step for step, _ in told["curve"]] == list(range(len(told["curve"])))
    assert len(told["curve"]) == 4
    assert all(loss > 0 for _, loss in told["curve"])
    assert told["model"]["trainingMetrics"]["trainingLoss"] == pytest.approx(told["curve"][-1][1], rel=1e-3)
    assert told["model"]["hyperParameters"]["learningRate"] == "0.0005"
    assert told["tags"] == [{"key": "stage", "value": "test"}]
    for kind, metric in (("automated", "Builtin.Accuracy"), ("judged", "Builtin.Helpfulness")):
        assert len(told[kind]) == 6
        for record in told[kind]:
            score = record["automatedEvaluationResult"]["scores"][0]
            assert score["metricName"] == metric
            assert score["result"] is None or 0 <= score["result"] <= 1
            assert record["inputRecord"]["category"] == "sums"
            assert record["modelResponses"][0].keys() >= {"modelIdentifier", "response", "stopReason"}
    assert all(record["automatedEvaluationResult"]["scores"][0]["result"] is not None for record in told["judged"])
    assert_answered(told)
    assert told["gone"]


def assert_answered(told: dict[str, Any]) -> None:
    """What the custom model said is the same by every way, and counted."""
    said = told["converse"]["output"]["message"]["content"][0]["text"]
    assert said
    assert said == told["streamed"] == told["llama"]["generation"] == told["llama_streamed"] == told["deployed"]
    usage = told["converse"]["usage"]
    assert usage["inputTokens"] == told["counted"] == told["llama"]["prompt_token_count"]
    assert usage["outputTokens"] == told["llama"]["generation_token_count"] <= 12
    assert told["llama_metrics"]["outputTokenCount"] == usage["outputTokens"]
    assert told["events"][0] == "messageStart"
    assert told["events"][-2:] == ["messageStop", "metadata"]
    assert told["events"].count("contentBlockDelta") > 3
    assert [record["recordId"] for record in told["batch"]] == [f"R{place}" for place in range(5)]
    assert all(record["modelOutput"]["generation_token_count"] for record in told["batch"])
    assert told["manifest"]["successRecordCount"] == told["manifest"]["totalRecordCount"] == 5


@pytest.fixture
def tiny_home(home: Path, tiny_folder: Path) -> Path:
    keep_roof(home)
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(tiny_folder), "tiny")
        outcrop.models.alias(LLAMA, "tiny")
    return home


def put(server: Served, file: Path) -> str:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.upload_file(str(file), "bucket", "train.jsonl")
    return "s3://bucket/train.jsonl"


def create(client: Any, data: str, **hyperparameters: str) -> str:
    arn: str = client.create_model_customization_job(
        jobName="job",
        customModelName="tuned",
        roleArn=ROLE,
        baseModelIdentifier=LLAMA,
        trainingDataConfig={"s3Uri": data},
        outputDataConfig={"s3Uri": "s3://bucket/out"},
        hyperParameters={"maxLength": "64", "batchSize": "4", **hyperparameters},
    )["jobArn"]
    return arn


@pytest.mark.process
def test_the_aws_cli_speaks_to_it(tiny_home: Path, tmp_path: Path) -> None:
    with served(tiny_home, "--local-aws") as server:
        data = put(server, pairs(tmp_path / "train.jsonl"))

        def aws(*arguments: str) -> Any:
            command = [sys.executable, "-m", "awscli", "bedrock", *arguments, "--output", "json"]
            done = subprocess.run(command, env=server.environment, capture_output=True, text=True, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout or "{}")

        arn = aws(
            "create-model-customization-job",
            *("--job-name", "job", "--custom-model-name", "tuned", "--role-arn", ROLE),
            *("--base-model-identifier", LLAMA, "--hyper-parameters", "epochCount=1,maxLength=64"),
            *("--training-data-config", f"s3Uri={data}", "--output-data-config", "s3Uri=s3://bucket/out"),
        )["jobArn"]
        with Outcrop(tiny_home) as outcrop:
            wait_for(outcrop, "job", lambda job: job.status in ENDED)
        found = aws("get-model-customization-job", "--job-identifier", arn)
        assert (found["status"], found["outputModelName"]) == ("Completed", "tuned")
        models = aws("list-custom-models", "--name-contains", "tun")["modelSummaries"]
        assert [model["modelName"] for model in models] == ["tuned"]
        aws("delete-custom-model", "--model-identifier", "tuned")
        assert aws("list-custom-models")["modelSummaries"] == []


@pytest.mark.process
def test_a_job_outlives_its_server(tiny_home: Path, tmp_path: Path) -> None:
    """The server is killed while a job trains, then the worker too: a new server sees to it, and nothing is lost."""
    local = {"OUTCROP_S3": "folder", "OUTCROP_CHECKPOINT_SECONDS": "0"}
    with Outcrop(tiny_home) as outcrop:
        data = "s3://bucket/train.jsonl"
        outcrop.services.buckets.put(pairs(tmp_path / "train.jsonl", 64), parse(data))
        with served(tiny_home, **local) as first:
            key = {name: first.exports[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
            arn = create(first.client(), data, epochCount="40")
            wait_for(outcrop, "job", lambda job: is_running(job) and job.checkpoint is not None)
            first.kill()
        with served(tiny_home, **local) as second:
            second.exports.update(key)
            client = second.client()
            assert client.get_model_customization_job(jobIdentifier=arn)["status"] == "InProgress"
            kill(outcrop, "job")
            wait_for(outcrop, "job", lambda job: job.status in ENDED)
            found = client.get_model_customization_job(jobIdentifier=arn)
            assert found["status"] == "Completed", found
            assert client.get_custom_model(modelIdentifier=found["outputModelArn"])["jobArn"] == arn
        assert len(outcrop.jobs.show("job").restarts) == 1


@pytest.mark.process
def test_a_bearer_key_over_tls(tiny_home: Path, certificate: tuple[Path, Path]) -> None:
    """botocore sends a bearer key over HTTPS only."""
    with Outcrop(tiny_home) as outcrop:
        word = outcrop.keys.create(bearer=True).secret
    files = ["--certificate", str(certificate[0]), "--private-key", str(certificate[1])]
    with served(tiny_home, *files) as server:
        told = {"AWS_BEARER_TOKEN_BEDROCK": word, "AWS_CA_BUNDLE": str(certificate[0])}
        command = [sys.executable, "-m", "awscli", "bedrock", "list-foundation-models", "--output", "json"]
        assert server.exports["AWS_ENDPOINT_URL_BEDROCK"].startswith("https://127.0.0.1:")
        done = subprocess.run(command, env={**server.environment, **told}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [model["modelId"] for model in json.loads(done.stdout)["modelSummaries"]] == [LLAMA]


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for the loopback that nobody signed but itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    files[0].write_bytes(signed.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files
