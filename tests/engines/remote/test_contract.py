"""A remote engine keeps the promises of the protocol, whatever its server speaks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from outcrop.domain.errors import NotSupported
from outcrop.domain.generation import GenerationParameters
from outcrop.engines.protocol import Engine, PaidEngine
from outcrop.engines.scripted import Script
from outcrop.testing.engines import EngineContract, GenerationContract
from tests.engines.remote.conftest import engine_at
from tests.model_server import ModelServer

SCRIPT = Script(responses={"Hi": "Hello there, you who ask; what may it be today?"})


@pytest.fixture(scope="class")
def server(request: pytest.FixtureRequest) -> Iterator[ModelServer]:
    with ModelServer(SCRIPT) as running:
        request.cls.server = running
        yield running


@pytest.mark.usefixtures("server")
class TestOpenAI(EngineContract):
    server: ModelServer

    def make_engine(self) -> Engine:
        return engine_at(self.server, logprobs=True, context=2048)

    def test_it_is_paid(self) -> None:
        assert isinstance(self.make_engine(), PaidEngine)


@pytest.mark.usefixtures("server")
class TestBedrock(GenerationContract):
    server: ModelServer
    tells_logprobs = False
    #: Converse takes no seed.
    sampled = GenerationParameters(max_tokens=12, top_k=40, top_p=0.95)

    @pytest.fixture(autouse=True)
    def _credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    def make_engine(self) -> Engine:
        return engine_at(self.server, protocol="bedrock", context=2048)

    def test_it_shows_neither_probabilities_nor_vectors(self) -> None:
        engine = self.make_engine()
        with pytest.raises(
            NotSupported, match="gneiss-1: Bedrock's Converse gives no log-likelihoods; use a task type"
        ):
            engine.loglikelihood([("Granite is", " hard")])
        with pytest.raises(NotSupported, match="gives no embeddings; add an encoder"):
            engine.embed(["rock"])
