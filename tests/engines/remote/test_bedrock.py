"""Bedrock's own protocol, through boto3, against a server that speaks it."""

from __future__ import annotations

import json
import sys

import pytest

from outcrop.domain.errors import MissingExtra, NotSupported, RemoteFailure, RemoteRefusal
from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.domain.records import Message, Role
from outcrop.engines.remote.engine import RemoteEngine
from outcrop.engines.remote.ledger import Budget
from outcrop.engines.remote.retries import Patience
from outcrop.engines.scripted import Script
from outcrop.testing.engines import as_prompts
from tests.engines.remote.conftest import Serve, engine_at
from tests.model_server import Faults, ModelServer

PROMPT = Prompt(3, (Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "What is gneiss?")))
PLAIN = GenerationParameters(max_tokens=9)
# Long enough for a second attempt on a busy machine.
SOON = Patience(timeout=5.0, total=0.4, base=0.01)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")


def bedrock(server: ModelServer, patience: Patience | None = None) -> RemoteEngine:
    return engine_at(server, protocol="bedrock", patience=patience or Patience(timeout=5.0, total=20.0, base=0.01))


def test_what_is_asked(serve: Serve) -> None:
    server = serve()
    (response,) = bedrock(server).generate([PROMPT], GenerationParameters(9, 0.5, 0.9, 40, ("END",)))
    assert (response.text, response.stop_reason, response.tokens) == ("What is gneiss?", "end_turn", (-1,) * 4)
    assert server.bodies == [
        {
            "messages": [{"role": "user", "content": [{"text": "What is gneiss?"}]}],
            "system": [{"text": "Be brief."}],
            "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
            "additionalModelRequestFields": {"top_k": 40},
        }
    ]


def test_reasoning_is_no_part_of_the_answer(serve: Serve) -> None:
    found = {
        "output": {
            "message": {
                "role": "assistant",
                "content": [{"reasoningContent": {"reasoningText": {"text": "Hm"}}}, {"text": "A "}, {"text": "rock"}],
            }
        },
        "stopReason": "content_filtered",
        "usage": {"inputTokens": 5, "outputTokens": 7, "totalTokens": 12},
    }
    server = serve(replace=lambda _: (200, {}, json.dumps(found).encode()))
    (response,) = bedrock(server).generate([PROMPT], PLAIN)
    assert (response.text, response.stop_reason, len(response.tokens)) == ("A rock", "end_turn", 7)


def test_failures_that_pass_are_asked_again(serve: Serve) -> None:
    server = serve(Script(), Faults({"throttle": 0.1, "fail": 0.1, "reset": 0.05, "half": 0.05}, seed=3))
    engine = bedrock(server)
    prompts = as_prompts([f"prompt {place}" for place in range(100)])
    assert [response.number for response in engine.generate(prompts, PLAIN)] == list(range(100))
    assert set(server.answered.values()) == {1}
    assert engine.figures()["throttled"] == server.happened["throttle"] > 0


@pytest.mark.parametrize(
    ("status", "code", "passes"),
    [
        (400, "ValidationException", False),
        (403, "AccessDeniedException", False),
        (404, "ResourceNotFoundException", False),
        (400, "ServiceQuotaExceededException", False),
        (400, "ThrottlingException", True),
        (408, "ModelTimeoutException", True),
        (424, "ModelErrorException", True),
        (429, "ModelNotReadyException", True),
        (500, "InternalServerException", True),
        (503, "ServiceUnavailableException", True),
    ],
)
def test_which_failures_pass(serve: Serve, status: int, code: str, passes: bool) -> None:
    server = serve(replace=lambda _: (status, {"x-amzn-ErrorType": code}, b'{"message": "no"}'))
    with pytest.raises(RemoteFailure if passes else RemoteRefusal, match=f"{status} {code}: no"):
        bedrock(server, SOON).generate([PROMPT], PLAIN)
    assert (server.asked.total() > 1) == passes


def test_a_stream(serve: Serve) -> None:
    server = serve(Script(echo_words=20))
    engine = engine_at(server, protocol="bedrock", input_price=1.0, output_price=10.0, budget=Budget(cost=1.0))
    assert "".join(engine.stream(PROMPT, PLAIN)) == "What is gneiss?"
    # Five words are read; three and the end are written.
    assert engine.spending.cost == pytest.approx(5e-6 + 4e-5)


def test_a_stream_that_breaks_off(serve: Serve) -> None:
    stream = bedrock(serve(Script(), Faults({"half": 1.0}))).stream(PROMPT, PLAIN)
    with pytest.raises(RemoteFailure, match="broke off"):
        list(stream)


def test_nothing_without_a_chat_template(serve: Serve) -> None:
    with pytest.raises(NotSupported, match="it always uses the model's chat template"):
        bedrock(serve()).generate([Prompt(0, PROMPT.messages, chat=False)], PLAIN)


def test_without_credentials(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(RemoteRefusal, match="Bedrock can't be used as boto3 is set up: Unable to locate credentials"):
        bedrock(serve()).generate([PROMPT], PLAIN)


def test_without_a_region(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(RemoteRefusal, match="You must specify a region"):
        bedrock(serve()).generate([PROMPT], PLAIN)


def test_without_boto3(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingExtra, match=r"pip install 'outcrop\[s3\]'"):
        bedrock(serve()).generate([PROMPT], PLAIN)
