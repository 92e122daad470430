"""Every engine keeps the promises of the protocol."""

from __future__ import annotations

import pytest

from outcrop.engines.protocol import Engine
from outcrop.engines.scripted import Script, ScriptedEngine
from outcrop.engines.transformers import LoadedBase
from outcrop.testing.engines import EngineContract
from tests.tiny_model import tiny_model


class TestScripted(EngineContract):
    def make_engine(self) -> Engine:
        return ScriptedEngine(Script(responses={"Hi": "Hello there, you who ask; what may it be today?"}))


class TestTransformers(EngineContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _load(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.base = LoadedBase(tiny_model(tmp_path_factory.mktemp("tiny") / "model"))

    base: LoadedBase

    def make_engine(self) -> Engine:
        return self.base.engine()


class TestTransformersWithoutTemplate(TestTransformers):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _load(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.base = LoadedBase(tiny_model(tmp_path_factory.mktemp("plain") / "model", seed=1, template=False))
