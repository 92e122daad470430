"""Records of requests as boto3's and OpenAI's clients make them."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError, EventStreamError
from starlette.types import Message, Receive

from outcrop import Outcrop
from outcrop.domain.errors import ModelFailed, Throttled
from outcrop.serving.capture import Capture
from outcrop.serving.messages import Began, Finished
from outcrop.serving.serving import Serving
from outcrop.stores.address import Address, parse
from outcrop.testing.catalogs import a_model
from tests.doubles import IdleRunner
from tests.server.bedrock.test_customization_jobs import refusal
from tests.server.serving_double import PIECES, RESPONSE, ServingDouble
from tests.server.wire import Wire, scope_of

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "capture.md"
LLAMA = "meta.llama3-1-8b-instruct-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "What is Basalt?"}]}]
BODY = {"prompt": "What is 岩?", "max_gen_len": 9}


class Recorded:
    """A server that records, and what it recorded."""

    def __init__(self, outcrop: Outcrop) -> None:
        self.outcrop = outcrop
        self.serving = ServingDouble()
        self.capture = Capture(outcrop.services)
        self.wire = Wire(outcrop, serving=cast("Serving", self.serving), capture=self.capture)
        self.client = self.wire.client("bedrock-runtime")

    def configure(self, **config: Any) -> None:
        config = {"s3Config": {"bucketName": "logs"}, **config}
        self.wire.client().put_model_invocation_logging_configuration(loggingConfig=config)

    def records(self) -> list[dict[str, Any]]:
        """What is in the bucket once the server has ended."""
        self.capture.close()
        buckets = self.outcrop.services.buckets
        names = [file.name for file in buckets.files(parse("s3://logs/")) if file.name.endswith(".json.gz")]
        read = [gzip.decompress(buckets.fetch(Address("logs", name)).read_bytes()) for name in names]
        return [json.loads(line) for data in read for line in data.splitlines()]


@pytest.fixture
def recorded(runner: IdleRunner, home: Path) -> Iterator[Recorded]:
    with Outcrop(home) as outcrop:
        outcrop.services.catalog.add_model(a_model("tiny"))
        outcrop.services.catalog.set_alias(LLAMA, "tiny")
        yield Recorded(outcrop)


@pytest.fixture
def server(recorded: Recorded) -> Recorded:
    recorded.configure()
    return recorded


def test_converse(server: Recorded) -> None:
    asked = {"messages": MESSAGES, "inferenceConfig": {"maxTokens": 9}}
    answer = server.client.converse(modelId=LLAMA, requestMetadata={"team": "rocks"}, **asked)
    request_id = answer.pop("ResponseMetadata")["RequestId"]
    (record,) = server.records()
    moment = record.pop("timestamp")
    assert len(moment) == len("2026-11-18T14:06:40Z")
    assert record == {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "accountId": "123456789012",
        "identity": {"arn": f"arn:aws:iam::123456789012:user/{server.wire.key.key.id}"},
        "region": "eu-central-1",
        "requestId": request_id,
        "operation": "Converse",
        "modelId": LLAMA,
        "input": {"inputContentType": "application/json", "inputBodyJson": asked, "inputTokenCount": 7},
        "output": {"outputContentType": "application/json", "outputBodyJson": answer, "outputTokenCount": 4},
        "requestMetadata": {"team": "rocks"},
    }


def test_the_object_is_where_bedrock_puts_it(server: Recorded) -> None:
    server.client.converse(modelId=LLAMA, messages=MESSAGES)
    (record,) = server.records()
    hour = record["timestamp"][:13].replace("-", "/").replace("T", "/")
    names = [file.name for file in server.outcrop.services.buckets.files(parse("s3://logs/"))]
    begin = f"AWSLogs/123456789012/BedrockModelInvocationLogs/eu-central-1/{hour}/"
    assert [name for name in names if name.startswith(begin) and name.endswith(".json.gz")]


def test_a_stream_of_converse_is_its_events(server: Recorded) -> None:
    answer = server.client.converse_stream(modelId=LLAMA, messages=MESSAGES)
    events = list(answer["stream"])
    (record,) = server.records()
    assert record["operation"] == "ConverseStream"
    assert record["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert record["output"]["outputBodyJson"] == events
    assert (record["input"]["inputTokenCount"], record["output"]["outputTokenCount"]) == (7, 4)
    assert "errorCode" not in record


def test_invoke_model_is_in_the_models_words(server: Recorded) -> None:
    metadata = json.dumps({"team": "rocks", "step": "1"})
    answer = server.client.invoke_model(modelId=LLAMA, body=json.dumps(BODY), requestMetadata=metadata)
    document = json.loads(answer["body"].read())
    (record,) = server.records()
    assert record["operation"] == "InvokeModel"
    assert record["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert record["input"]["inputBodyJson"] == BODY
    assert record["output"]["outputBodyJson"] == document
    assert document["generation"] == RESPONSE.text
    assert record["requestMetadata"] == {"team": "rocks", "step": "1"}


def test_a_stream_of_invoke_model_is_its_chunks(server: Recorded) -> None:
    answer = server.client.invoke_model_with_response_stream(modelId=LLAMA, body=json.dumps(BODY))
    chunks = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    (record,) = server.records()
    assert record["operation"] == "InvokeModelWithResponseStream"
    assert record["output"]["outputBodyJson"] == chunks
    assert "".join(chunk["generation"] for chunk in chunks) == RESPONSE.text
    assert "requestMetadata" not in record


@pytest.mark.parametrize("metadata", ["no JSON", '["team"]', '{"team": 1}', "{}", '{"team": "<"}', "{" * 9])
def test_metadata_that_are_none_are_refused(server: Recorded, metadata: str) -> None:
    invoke = server.client.invoke_model
    refusal("ValidationException", invoke, modelId=LLAMA, body=json.dumps(BODY), requestMetadata=metadata)
    assert server.serving.asked == []
    assert server.records() == []


@pytest.mark.parametrize(
    ("path", "body", "operation"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Basalt?"}]}, "CreateChatCompletion"),
        ("/openai/v1/completions", {"prompt": "Basalt is"}, "CreateCompletion"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_openais_paths(server: Recorded, path: str, body: dict[str, Any], operation: str, stream: bool) -> None:
    asked = {"model": "tiny", "stream": stream, **body}
    bearer = server.outcrop.keys.create(bearer=True)
    headers = {"authorization": f"Bearer {bearer.secret}", "content-type": "application/json"}
    answer = server.wire.send("POST", path, headers, json.dumps(asked).encode())
    assert answer.status == 200
    (record,) = server.records()
    assert (record["operation"], record["modelId"], record["region"]) == (operation, "tiny", "us-east-1")
    assert record["identity"]["arn"].endswith(f":user/{bearer.key.id}")
    assert bearer.secret not in json.dumps(record)
    assert record["requestId"] == answer.headers["x-request-id"]
    assert record["input"]["inputBodyJson"] == asked
    if stream:
        events = [line.removeprefix("data: ") for line in answer.body.decode().split("\n\n") if line]
        assert record["output"]["outputBodyJson"] == [json.loads(event) for event in events[:-1]]
    else:
        assert record["output"]["outputBodyJson"] == answer.json()


def test_texts_are_left_out_where_the_configuration_says_so(recorded: Recorded) -> None:
    recorded.configure(textDataDeliveryEnabled=False)
    recorded.client.converse(modelId=LLAMA, messages=MESSAGES)
    list(recorded.client.converse_stream(modelId=LLAMA, messages=MESSAGES)["stream"])
    for record in recorded.records():
        assert record["input"] == {"inputContentType": "application/json", "inputTokenCount": 7}
        assert record["output"] == {"outputContentType": "application/json", "outputTokenCount": 4}


def test_what_was_refused_says_why(server: Recorded) -> None:
    server.serving.refuses = Throttled("too many")
    with pytest.raises(ClientError) as caught:
        server.client.converse(modelId=LLAMA, messages=MESSAGES)
    (record,) = server.records()
    assert record["errorCode"] == "ThrottlingException"
    assert record["requestId"] == caught.value.response["ResponseMetadata"]["RequestId"]
    assert record["input"] == {"inputContentType": "application/json", "inputBodyJson": {"messages": MESSAGES}}
    assert "output" not in record


def test_what_broke_in_the_middle_has_what_was_sent(server: Recorded) -> None:
    server.serving.fails = ModelFailed("it ended")
    received = []
    with pytest.raises(EventStreamError):
        received += server.client.converse_stream(modelId=LLAMA, messages=MESSAGES)["stream"]
    (record,) = server.records()
    assert record["errorCode"] == "ModelErrorException"
    texts = [
        event["contentBlockDelta"]["delta"]["text"]
        for event in record["output"]["outputBodyJson"]
        if "contentBlockDelta" in event
    ]
    assert texts == [PIECES[0]]
    assert "outputTokenCount" not in record["output"]


def test_what_broke_before_the_first_text_has_no_output(server: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    ask: Callable[..., Any] = server.serving.ask

    def begin_and_fail(model: Any, prompt: Any, parameters: Any, sink: Any, deployment: Any = None) -> Any:
        ask(model, prompt, parameters, lambda each: sink(each) if isinstance(each, Began) else None)
        sink(ModelFailed("it ended"))
        return lambda: None

    monkeypatch.setattr(server.serving, "ask", begin_and_fail)
    refusal("ModelErrorException", server.client.converse_stream, modelId=LLAMA, messages=MESSAGES)
    (record,) = server.records()
    assert record["errorCode"] == "ModelErrorException"
    assert "output" not in record


async def post(server: Recorded, receive: Receive, sent: list[Message]) -> None:
    """A request that is answered, message by message."""
    target = "/v1/completions"
    secret = server.outcrop.keys.create(bearer=True).secret

    async def send(message: Message) -> None:
        sent.append(message)

    await server.wire.app(scope_of("POST", target, {"authorization": f"Bearer {secret}"}), receive, send)


def receiving(body: dict[str, Any], then: Callable[[], Awaitable[Message]]) -> Receive:
    """What a client sends: a body; and what it does then."""
    messages: list[Message] = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await then()

    return receive


def test_who_leaves_has_a_record_of_what_was_written(server: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    ask: Callable[..., Any] = server.serving.ask

    def never_end(model: Any, prompt: Any, parameters: Any, sink: Any, deployment: Any = None) -> Any:
        return ask(model, prompt, parameters, lambda each: None if isinstance(each, Finished) else sink(each))

    monkeypatch.setattr(server.serving, "ask", never_end)
    sent: list[Message] = []

    async def leave() -> Message:
        while len(sent) < 1 + len(PIECES):
            await asyncio.sleep(0.001)
        return {"type": "http.disconnect"}

    body = {"model": "tiny", "prompt": "Basalt is", "stream": True}
    asyncio.run(post(server, receiving(body, leave), sent))
    (record,) = server.records()
    assert record["errorCode"] == "ClientDisconnected"
    assert "".join(event["choices"][0]["text"] for event in record["output"]["outputBodyJson"]) == RESPONSE.text


def test_a_slow_disk_holds_up_no_answer(server: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, add = threading.Event(), server.capture.add

    def wait(*given: Any) -> None:
        assert disk.wait(30)
        add(*given)

    monkeypatch.setattr(server.capture, "add", wait)

    async def stay() -> Message:
        await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    async def ask() -> None:
        answers: list[list[Message]] = [[] for _ in range(3)]
        body = {"model": "tiny", "prompt": "Basalt is"}
        asked = [asyncio.create_task(post(server, receiving(body, stay), sent)) for sent in answers]
        async with asyncio.timeout(20):
            while not all(len(sent) == 2 for sent in answers):
                await asyncio.sleep(0.001)
        disk.set()
        await asyncio.gather(*asked)

    asyncio.run(ask())
    assert len(server.records()) == 3


def test_the_page_does_what_it_says(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "".join(re.findall(r"^```py\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))
    real = boto3.client
    # Outcrop itself asks boto3 where S3 is, by more than a name.
    monkeypatch.setattr(
        boto3, "client", lambda name, **given: real(name, **given) if given else recorded.wire.client(name)
    )
    exec(compile(script.replace("my-bucket", "logs"), "script", "exec"), {"__name__": "script"})
    (record,) = recorded.records()
    assert record["requestMetadata"] == {"team": "rocks"}
    told = {
        name.strip("`")
        for row in re.findall(r"^\| (`.*?) \|", PAGE.read_text(), re.MULTILINE)
        for name in row.split(", ")
    }
    assert {name.partition(".")[0] for name in told} == {*record, "errorCode"}


def test_without_a_configuration_nothing_is_kept(recorded: Recorded, home: Path) -> None:
    recorded.client.converse(modelId=LLAMA, messages=MESSAGES)
    recorded.capture.close()
    assert not (home / "capture").exists()
