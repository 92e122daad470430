"""Weights on their way out over the wire."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from safetensors.torch import load

from outcrop.domain.models import ModelKind
from outcrop.models.weights import weights_hash
from outcrop.server.api import answers
from outcrop.testing.catalogs import a_model
from tests.app.test_exports import lineage
from tests.models.exports import adapter, llama
from tests.server.api.test_evaluation_jobs import refused
from tests.server.conftest import TINY
from tests.server.wire import Answer, Wire, scope_of

MODELS = "/outcrop/v1/models"

#: All signs that a name may have besides letters and digits.
NAME = "my-model_1.0:b"


@pytest.fixture
def models(wire: Wire, tmp_path: Path) -> Wire:
    """A server with a base and an adapter on it."""
    outcrop = wire.outcrop
    base = outcrop.models.add(str(llama(tmp_path / "base")), "base")
    outcrop.models.alias(TINY, "base")
    stored = adapter(tmp_path / "base", tmp_path / "adapter")
    own = a_model(
        NAME,
        kind=ModelKind.ADAPTER,
        base="base",
        uri="models/custom",
        lineage=lineage(base, job="abcdefghijkl"),
        identity=base.identity,
        created=1_700_000_000.5,
    )
    outcrop.services.store.put_folder(stored, own.uri)
    outcrop.services.catalog.add_model(own)
    return wire


def unpacked(answer: Answer, folder: Path) -> Path:
    """The archive's only folder, as tar unpacks it."""
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-tar")
    assert int(answer.headers["content-length"]) == len(answer.body)
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
        archive.extractall(folder, filter="data")
        assert {member.mode for member in archive} == {0o644}
    (made,) = folder.iterdir()
    return made


def scratch(wire: Wire) -> list[Path]:
    return list((wire.outcrop.services.settings.home / "scratch").glob("*"))


def test_an_adapter_is_exported_as_the_command_writes_it(models: Wire, tmp_path: Path) -> None:
    models.outcrop.models.export(NAME, tmp_path / "command")
    answer = models.ask(f"{MODELS}/{quote(NAME, safe='')}/export?form=adapter")
    got = unpacked(answer, tmp_path / "wire")
    assert got.name == NAME
    files = {file.name: file.read_bytes() for file in got.iterdir()}
    assert files == {file.name: file.read_bytes() for file in (tmp_path / "command").iterdir()}
    assert got.joinpath("adapter_model.safetensors").stat().st_mtime == 1_700_000_000
    kind, _, name = answer.headers["content-disposition"].partition("; filename*=UTF-8''")
    assert (kind, unquote(name)) == ("attachment", f"{NAME}-adapter.tar")
    assert scratch(models) == []


def test_whole_weights_are_merged(models: Wire, tmp_path: Path) -> None:
    got = unpacked(models.ask(f"{MODELS}/{NAME}/export?form=safetensors&type=bf16"), tmp_path / "wire")
    assert {str(tensor.dtype) for tensor in load((got / "model.safetensors").read_bytes()).values()} == {
        "torch.bfloat16"
    }
    gguf = unpacked(models.ask(f"{MODELS}/{NAME}/export?form=gguf"), tmp_path / "gguf")
    assert [file.name for file in gguf.glob("*.gguf")] == [f"{NAME}-q8_0.gguf"]
    assert scratch(models) == []


def test_every_name_of_a_model_finds_it(models: Wire, tmp_path: Path) -> None:
    base = models.outcrop.models.show("base")
    foundation = f"arn:aws:bedrock:eu-central-1::foundation-model/{TINY}"
    custom = f"arn:aws:bedrock:eu-central-1:123456789012:custom-model/{TINY}/abcdefghijkl"
    for number, name in enumerate(["base", TINY, foundation]):
        got = unpacked(models.ask(f"{MODELS}/{quote(name, safe='')}/export"), tmp_path / str(number))
        assert weights_hash(got) == base.identity.weights
    assert unpacked(models.ask(f"{MODELS}/{quote(custom, safe='')}/export"), tmp_path / "custom").name == NAME
    absent = custom.replace("abcdefghijkl", "000000000000")
    refused(models.ask(f"{MODELS}/{quote(absent, safe='')}/export"), 404, "ResourceNotFoundException")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{NAME}/export?form=onnx", 400, "ValidationException"),
        (f"{NAME}/export?form=gguf&type=q2", 400, "ValidationException"),
        ("base/export?form=adapter", 400, "ValidationException"),
        ("none/export", 404, "ResourceNotFoundException"),
        ("..%2F..%2Fetc%2Fpasswd/export", 404, "ResourceNotFoundException"),
        ("a%0D%0ASet-Cookie:%20x/export", 400, "ValidationException"),
    ],
)
def test_a_wrong_export_is_refused_and_leaves_nothing(models: Wire, path: str, status: int, code: str) -> None:
    for _ in range(3):
        refused(models.ask(f"{MODELS}/{path}"), status, code)
    assert scratch(models) == []
    assert models.ask(f"{MODELS}/base/export").status == 200


def test_only_so_many_exports_at_once(models: Wire) -> None:
    places = models.server.own.shared.exporting
    while places.acquire(blocking=False):
        pass
    refused(models.ask(f"{MODELS}/base/export"), 429, "ThrottlingException")
    assert scratch(models) == []


@pytest.mark.parametrize("leaves", [True, False])
def test_a_client_that_does_not_take_it_is_let_go(models: Wire, monkeypatch: pytest.MonkeyPatch, leaves: bool) -> None:
    monkeypatch.setattr(answers, "PATIENCE", 0.2)
    target = f"{MODELS}/base/export"
    sent: list[MutableMapping[str, Any]] = []

    async def run() -> None:
        left = asyncio.Event()
        first = True

        async def receive() -> dict[str, Any]:
            nonlocal first
            if first:
                first = False
                return {"type": "http.request", "body": b"", "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)
            if message["type"] == "http.response.body":
                if leaves:
                    left.set()
                await asyncio.sleep(3600)

        await asyncio.wait_for(models.app(scope_of("GET", target, models.signed(target)), receive, send), 20)

    asyncio.run(run())
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert scratch(models) == []
    assert models.server.own.shared.exporting.acquire(blocking=False)
    assert models.server.own.shared.exporting.acquire(blocking=False)
