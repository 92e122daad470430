"""A client of Amazon Bedrock itself, or of what speaks as it does: Converse through boto3."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, NoReturn

from outcrop.domain.errors import MissingExtra, NotSupported, RemoteRefusal
from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.domain.records import Role
from outcrop.engines.remote.description import RemoteModel
from outcrop.engines.remote.failures import PassingFailure, retry_after
from outcrop.engines.remote.protocol import Answer, Client, Echo, Usage

_THROTTLED = {"ThrottlingException", "TooManyRequestsException"}

#: 4xx statuses of which Bedrock says that the request may be made again: ModelTimeout, ModelError, ModelNotReady.
_PASSING = {408, 424, 429}

_STOP_REASONS = {"max_tokens": "max_tokens", "stop_sequence": "stop_sequence"}


class BedrockClient:
    """Asks ``Converse`` and ``ConverseStream``; implements ``Client``.

    Credentials and region are those that boto3 finds. Its own repetitions are off: one place knows when a request is
    made again.
    """

    def __init__(self, remote: RemoteModel, timeout: float) -> None:
        """Ask nothing yet.

        Args:
            remote: The model.
            timeout: Seconds to wait for a connection's next byte.

        Raises:
            MissingExtra: boto3 is not installed.
            RemoteRefusal: boto3's settings can't be used.
        """
        self._remote = remote
        self._client = _client(remote, timeout)
        weakref.finalize(self, self._client.close)

    def answer(self, prompt: Prompt, parameters: GenerationParameters) -> Answer:
        """See ``Client.answer``."""
        with _telling():
            found = self._client.converse(**self._asked(prompt, parameters))
        try:
            content = found["output"]["message"]["content"]
            reason, usage = found["stopReason"], _usage(found["usage"])
        except KeyError:
            # boto3 reads half an answer without complaint.
            raise PassingFailure("the answer is not whole", charged=True) from None
        text = "".join(block["text"] for block in content if "text" in block)
        return Answer(text, _STOP_REASONS.get(reason, "end_turn"), usage)

    def stream(self, prompt: Prompt, parameters: GenerationParameters) -> Iterator[str | Usage]:
        """See ``Client.stream``."""
        ended = False
        with _telling(), closing(self._client.converse_stream(**self._asked(prompt, parameters))["stream"]) as events:
            for event in events:
                piece = event.get("contentBlockDelta", {}).get("delta", {}).get("text")
                if piece:
                    yield piece
                ended = ended or "messageStop" in event
                if "metadata" in event:
                    yield _usage(event["metadata"]["usage"])
        if not ended:
            raise PassingFailure("the stream broke off", charged=True)

    def echo(self, text: str) -> Echo:
        """Not offered by Bedrock."""
        self._refuse("log-likelihoods; use a task type that generates")

    def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], Usage]:
        """Not offered by Converse."""
        self._refuse("embeddings; add an encoder")

    def _refuse(self, what: str) -> NoReturn:
        raise NotSupported(f"{self._remote.model}: Bedrock's Converse gives no {what}")

    def _asked(self, prompt: Prompt, parameters: GenerationParameters) -> dict[str, Any]:
        if not prompt.chat:
            self._refuse("plain completions: it always uses the model's chat template")
        inference: dict[str, Any] = {"maxTokens": parameters.max_tokens, "temperature": float(parameters.temperature)}
        inference |= {"topP": parameters.top_p} if parameters.top_p < 1 else {}
        inference |= {"stopSequences": list(parameters.stop)} if parameters.stop else {}
        asked: dict[str, Any] = {
            "modelId": self._remote.model,
            "messages": [
                {"role": message.role.value, "content": [{"text": message.text}]}
                for message in prompt.messages
                if message.role is not Role.SYSTEM
            ],
            "inferenceConfig": inference,
        }
        system = [{"text": message.text} for message in prompt.messages if message.role is Role.SYSTEM]
        asked |= {"system": system} if system else {}
        return asked | ({"additionalModelRequestFields": {"top_k": parameters.top_k}} if parameters.top_k else {})


def _client(remote: RemoteModel, timeout: float) -> Any:
    """boto3's client, which may be used by many threads."""
    try:
        import boto3
    except ImportError as error:
        raise MissingExtra("Bedrock needs boto3, which is not installed: pip install 'outcrop[s3]'") from error
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        connect_timeout=min(10.0, timeout),
        read_timeout=timeout,
        retries={"total_max_attempts": 1},
        max_pool_connections=remote.max_concurrency,
    )
    try:
        return boto3.Session().client("bedrock-runtime", config=config, endpoint_url=remote.address or None)
    except (BotoCoreError, ValueError) as error:
        raise RemoteRefusal(f"Bedrock can't be used as boto3 is set up: {error}") from error


@contextmanager
def _telling() -> Iterator[None]:
    """boto3's errors in our words."""
    from botocore.eventstream import ParserError
    from botocore.exceptions import BotoCoreError, ClientError, EventStreamError, HTTPClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        raise _said(error.response, streamed=isinstance(error, EventStreamError)) from error
    except (HTTPClientError, HTTPError, ParserError, ResponseParserError) as error:
        unreachable = type(error).__name__ in {"EndpointConnectionError", "ConnectTimeoutError"}
        words = f"it broke off ({type(error).__name__})"
        raise PassingFailure(words, charged=not unreachable, unreachable=unreachable) from error
    except BotoCoreError as error:
        raise RemoteRefusal(f"Bedrock can't be used as boto3 is set up: {error}") from error


def _said(answer: dict[str, Any], *, streamed: bool) -> PassingFailure | RemoteRefusal:
    found, metadata = answer.get("Error", {}), answer.get("ResponseMetadata", {})
    code, status = str(found.get("Code", "?")), int(metadata.get("HTTPStatusCode", 0))
    words = f"{status or ''} {code}: {found.get('Message', '')}".strip()[:300]
    headers = {name.lower(): value for name, value in metadata.get("HTTPHeaders", {}).items()}
    if code in _THROTTLED or status == 429:
        return PassingFailure(words, throttled=True, retry_after=retry_after(headers))
    if status >= 500 or status in _PASSING or (streamed and "validation" not in code.lower()):
        return PassingFailure(words, retry_after=retry_after(headers), charged=streamed)
    return RemoteRefusal(words, status)


def _usage(found: dict[str, Any]) -> Usage:
    return Usage(int(found["inputTokens"]), int(found["outputTokens"]))


_: type[Client] = BedrockClient
