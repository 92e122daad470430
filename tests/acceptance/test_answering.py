"""Models that answer: the same text for every client, and a stated outcome for whatever ends in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions
import openai
import psutil
import pytest
import urllib3

from outcrop import Outcrop
from outcrop.domain.generation import GenerationParameters
from outcrop.testing.engines import as_prompts
from tests.acceptance.serving import Served, served
from tests.conftest import REAL_MODEL
from tests.doubles import add_scripted, keep_roof

QUESTION = "What is gneiss, and what was it before?"
LONG = " ".join(f"word{number}" for number in range(400))


def converse(client: Any, model: str, text: str, most: int = 16) -> Any:
    """An answer of Converse, greedy."""
    messages = [{"role": "user", "content": [{"text": text}]}]
    return client.converse(modelId=model, messages=messages, inferenceConfig={"maxTokens": most, "temperature": 0})


def stream(client: Any, model: str, text: str, most: int = 500) -> Iterator[str]:
    """The parts of an answer of ConverseStream, greedy."""
    messages = [{"role": "user", "content": [{"text": text}]}]
    config = {"maxTokens": most, "temperature": 0}
    for event in client.converse_stream(modelId=model, messages=messages, inferenceConfig=config)["stream"]:
        if "contentBlockDelta" in event:
            yield event["contentBlockDelta"]["delta"]["text"]


def every_way(server: Served, bearer: str, model: str) -> dict[str, str]:
    """The same conversation by each client: what it was answered, greedy and of 16 tokens at most."""
    address = server.exports["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]
    runtime = server.client("bedrock-runtime")
    found = {
        "boto3": converse(runtime, model, QUESTION)["output"]["message"]["content"][0]["text"],
        "boto3, streamed": "".join(stream(runtime, model, QUESTION, 16)),
        "InvokeModel": json.loads(
            runtime.invoke_model(
                modelId=model, body=json.dumps({"prompt": QUESTION, "max_gen_len": 16, "temperature": 0})
            )["body"].read()
        )["generation"],
    }
    messages = json.dumps([{"role": "user", "content": [{"text": QUESTION}]}])
    command = [sys.executable, "-m", "awscli", "bedrock-runtime", "converse", "--model-id", model]
    command += ["--messages", messages, "--inference-config", "maxTokens=16,temperature=0", "--output", "json"]
    done = subprocess.run(command, env=server.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found["AWS CLI"] = json.loads(done.stdout)["output"]["message"]["content"][0]["text"]
    client = openai.OpenAI(base_url=f"{address}/v1", api_key=bearer)
    asked: Any = {
        "model": model,
        "messages": [{"role": "user", "content": QUESTION}],
        "temperature": 0,
        "max_tokens": 16,
    }
    found["openai"] = str(client.chat.completions.create(**asked).choices[0].message.content)
    chunks = client.chat.completions.create(**asked, stream=True)
    found["openai, streamed"] = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    command = ["curl", "-sS", f"{address}/v1/chat/completions", "-H", f"Authorization: Bearer {bearer}"]
    done = subprocess.run([*command, "-d", json.dumps(asked)], capture_output=True, text=True, check=True)
    found["curl"] = json.loads(done.stdout)["choices"][0]["message"]["content"]
    return found


def assert_the_same_everywhere(home: Path, model: str) -> None:
    """Every client gets the text that the engine of evaluation jobs writes."""
    with Outcrop(home) as outcrop:
        bearer = outcrop.keys.create(bearer=True).secret
        pair = outcrop.keys.create()
        engine = outcrop.services.engines().open(model)
        (alone,) = engine.generate(as_prompts([QUESTION]), GenerationParameters(max_tokens=16))
    with served(home) as server:
        server.exports |= {"AWS_ACCESS_KEY_ID": pair.key.id, "AWS_SECRET_ACCESS_KEY": pair.secret}
        found = every_way(server, bearer, model)
        usage = converse(server.client("bedrock-runtime"), model, QUESTION)["usage"]
    assert set(found.values()) == {alone.text}, found
    assert (usage["inputTokens"], usage["outputTokens"]) == (alone.prompt_tokens, len(alone.tokens))


@pytest.mark.process
def test_every_client_gets_the_same_text(home: Path, tiny_folder: Path) -> None:
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(tiny_folder), "tiny")
    assert_the_same_everywhere(home, "tiny")


@pytest.mark.real
def test_every_client_gets_the_same_text_of_a_real_model(real_homes: Callable[[str], Path]) -> None:
    assert_the_same_everywhere(real_homes("home"), REAL_MODEL)


@pytest.fixture
def talking(home: Path, tmp_path: Path) -> Iterator[Served]:
    """A server with a model that talks for twenty seconds, and answers a greeting at once."""
    keep_roof(home)
    with Outcrop(home) as outcrop:
        add_scripted(outcrop, tmp_path, "rock", responses={"Tell me": LONG, "Hi": "Hello there."}, pause=0.05)
    with served(home, "--no-auth") as server:
        yield server


def workers(server: Served) -> list[psutil.Process]:
    """The processes that hold models."""
    return [
        child for child in psutil.Process(server.process.pid).children() if "outcrop.serving.worker" in child.cmdline()
    ]


def greeted(server: Served) -> str:
    """Whether the model answers."""
    text: str = converse(server.client("bedrock-runtime"), "rock", "Hi")["output"]["message"]["content"][0]["text"]
    return text


@pytest.mark.process
def test_a_worker_that_is_killed_breaks_its_streams_and_is_started_again(talking: Served) -> None:
    """Who reads a stream is told at once; who asks next is answered."""
    parts = stream(talking.client("bedrock-runtime"), "rock", "Tell me")
    assert next(parts)
    (worker,) = workers(talking)
    worker.kill()
    with pytest.raises(botocore.exceptions.EventStreamError, match=r"modelStreamErrorException.*ended by signal 9"):
        list(parts)
    assert greeted(talking) == "Hello there."
    assert workers(talking)[0].pid != worker.pid


@pytest.mark.process
def test_a_server_that_is_killed_takes_its_workers_along(talking: Served, home: Path) -> None:
    """The connection breaks; the worker ends by itself; the next server answers."""
    parts = stream(talking.client("bedrock-runtime"), "rock", "Tell me")
    assert next(parts)
    (worker,) = workers(talking)
    talking.kill()
    with pytest.raises(urllib3.exceptions.ProtocolError, match="ended prematurely"):
        list(parts)
    worker.wait(30)
    with served(home, "--no-auth") as second:
        assert greeted(second) == "Hello there."


@pytest.mark.process
def test_a_client_that_leaves_frees_its_place(home: Path, tmp_path: Path) -> None:
    """With room for one request, the next is answered as soon as the first one's client is gone."""
    with Outcrop(home) as outcrop:
        add_scripted(outcrop, tmp_path, "rock", responses={"Tell me": LONG, "Hi": "Hello there."}, pause=0.05)
    code = (
        "import boto3, sys\n"
        "client = boto3.client('bedrock-runtime')\n"
        "messages = [{'role': 'user', 'content': [{'text': 'Tell me'}]}]\n"
        "answer = client.converse_stream(modelId='rock', messages=messages)\n"
        "for event in answer['stream']:\n"
        "    print('got', flush=True)\n"
    )
    with served(home, "--no-auth", OUTCROP_MODEL_REQUESTS="1") as server:
        with subprocess.Popen([sys.executable, "-c", code], env=server.environment, stdout=subprocess.PIPE) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == b"got\n"
            with pytest.raises(server.client("bedrock-runtime").exceptions.ThrottlingException):
                converse(_once(server), "rock", "Hi")
            os.kill(client.pid, signal.SIGKILL)
        until = time.monotonic() + 30
        while (said := _greeted_or_throttled(server)) == "ThrottlingException":
            assert time.monotonic() < until
            time.sleep(0.1)
        assert said == "Hello there."


def _greeted_or_throttled(server: Served) -> str:
    try:
        return greeted(server)
    except botocore.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])


def _once(server: Served) -> Any:
    """A client that tries everything once."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=server.exports["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"],
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.mark.process
def test_deployments_become_ready_and_outlive_the_server(home: Path, tmp_path: Path) -> None:
    with Outcrop(home) as outcrop:
        add_scripted(outcrop, tmp_path, "rock", responses={"Hi": "Hello there."})
    with served(home, "--no-auth") as first:
        bedrock = first.client()
        arn = bedrock.create_provisioned_model_throughput(modelUnits=1, provisionedModelName="mine", modelId="rock")[
            "provisionedModelArn"
        ]
        _wait_for_service(bedrock, arn)
        (worker,) = workers(first)
        worker.kill()
        answer = converse(first.client("bedrock-runtime"), arn, "Hi")
        assert answer["output"]["message"]["content"][0]["text"] == "Hello there."
    with served(home, "--no-auth") as second:
        assert second.client().get_provisioned_model_throughput(provisionedModelId=arn)["status"] == "InService"
        until = time.monotonic() + 30
        while not workers(second):
            assert time.monotonic() < until, "what a deployment names is loaded before anybody asks"
            time.sleep(0.1)
        answer = converse(second.client("bedrock-runtime"), arn, "Hi")
        assert answer["output"]["message"]["content"][0]["text"] == "Hello there."


def _wait_for_service(bedrock: Any, arn: str) -> None:
    until = time.monotonic() + 30
    while (status := bedrock.get_provisioned_model_throughput(provisionedModelId=arn)["status"]) != "InService":
        assert status == "Creating"
        assert time.monotonic() < until
        time.sleep(0.1)
