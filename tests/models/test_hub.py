"""The hub's client against a server of our own that answers as the hub does."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from safetensors.torch import load_file, save_file

from outcrop import Outcrop
from outcrop.domain.models import Model
from outcrop.models.weights import weights_hash

pytestmark = pytest.mark.process

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the server says: repositories by name, the error code of those that are refused, and what was asked."""

    repositories: dict[str, Path]
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    downloaded: list[str] = field(default_factory=list)
    address: str = ""

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body; see https://huggingface.co/docs/hub/api."""
        parts = unquote(urlsplit(path).path).strip("/").split("/")
        repository = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        if repository in self.refused:
            status, code = self.refused[repository]
            return status, {"X-Error-Code": code, "X-Error-Message": f"refused: {code}"}, b"{}"
        if repository not in self.repositories:
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        folder, rest = self.repositories[repository], parts[4:] if parts[0] == "api" else parts[2:]
        if len(rest) > 1 and rest[1] not in {"main", "v1", COMMIT}:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        if parts[0] == "api":
            return 200, {"Content-Type": "application/json"}, json.dumps(self._about(repository, folder, rest)).encode()
        return self._file(folder, "/".join(rest[2:]))

    def _about(self, repository: str, folder: Path, rest: list[str]) -> Any:
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        if rest[:1] == ["tree"]:
            return [
                {
                    "type": "file",
                    "oid": digest(file),
                    "size": file.stat().st_size,
                    "path": str(file.relative_to(folder)),
                }
                for file in files
            ]
        siblings = [{"rfilename": str(file.relative_to(folder))} for file in files]
        return {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings, "private": False}

    def _file(self, folder: Path, name: str) -> tuple[int, dict[str, str], bytes]:
        if not (folder / name).is_file():
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        self.downloaded.append(name)
        etag = f'"{digest(folder / name)}"'
        return 200, {"ETag": etag, "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}, (folder / name).read_bytes()


def digest(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()


def handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = hub.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            return None

    return Handler


@pytest.fixture
def repository(tiny_folder: Path, tmp_path: Path) -> Path:
    """The tiny model as a repository that also holds what must not be fetched."""
    folder = tmp_path / "repository"
    shutil.copytree(tiny_folder, folder)
    for name in (
        "modeling_own.py",
        "tokenizer_own.py",
        "pytorch_model.bin",
        "vocab.pkl",
        "README.md",
        "onnx/model.onnx",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"print('no')")
    for name in ("original/config.json", "original/consolidated.safetensors", "consolidated.safetensors"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(tiny_folder / name.replace("consolidated", "model").rpartition("/")[2], folder / name)
    (folder / "LICENSE").write_text("Apache-2.0")
    return folder


@pytest.fixture
def hub(repository: Path) -> Iterator[Hub]:
    found = Hub({"owner/Tiny.Llama": repository})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(found)) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        found.address = f"http://127.0.0.1:{server.server_address[1]}"
        yield found
        server.shutdown()
        thread.join()


Add = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def add(home: Path, tmp_path: Path) -> Add:
    """``outcrop models add`` in a process of its own: the hub's address is read once a process."""

    def run(address: str, *words: str, **environment: str) -> tuple[int, dict[str, Any], str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        own = {"NO_PROXY": "127.0.0.1", "HF_ENDPOINT": address}
        own |= {"HF_HOME": str(tmp_path / "hub-home"), "OUTCROP_HOME": str(home)}
        done = subprocess.run(
            [sys.executable, "-m", "outcrop", "models", "add", *words, "--json"],
            env=kept | own | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout), done.stderr

    return run


def added(home: Path) -> list[Model]:
    with Outcrop(home) as outcrop:
        return outcrop.models.list()


def nothing_is_left(home: Path) -> bool:
    scratch = home / "scratch"
    stored = home / "store" / "models"
    return not added(home) and not any(folder.exists() and any(folder.iterdir()) for folder in (scratch, stored))


def message(answer: dict[str, Any]) -> str:
    assert answer["error"]["code"] == "ResourceNotFoundException"
    return str(answer["error"]["message"])


def test_a_repository_is_added_by_its_name(hub: Hub, add: Add, home: Path, tiny_folder: Path) -> None:
    code, answer, words = add(hub.address, "owner/Tiny.Llama")
    assert code == 0, answer
    [model] = added(home)
    assert model.name == answer["model"]["name"] == "tiny.llama"
    assert model.source == f"owner/Tiny.Llama at {COMMIT} on the Hugging Face hub"
    assert "fetching owner/Tiny.Llama at main" in words
    assert model.identity.weights == weights_hash(tiny_folder)
    wanted = {file.name for file in tiny_folder.iterdir()} | {"LICENSE"}
    assert set(hub.downloaded) == wanted
    with Outcrop(home) as outcrop:
        stored = outcrop.services.store.get_folder(model.uri, verify=True)
    assert {file.name for file in stored.iterdir()} == wanted | {"manifest.json"}


def test_shards_are_fetched_by_their_index(hub: Hub, add: Add, repository: Path, home: Path) -> None:
    tensors = load_file(repository / "model.safetensors")
    want = weights_hash(repository)
    (repository / "model.safetensors").unlink()
    names = {name: f"model-0000{number % 2 + 1}-of-00002.safetensors" for number, name in enumerate(sorted(tensors))}
    for file in set(names.values()):
        save_file({name: tensors[name] for name in names if names[name] == file}, repository / file, {"format": "pt"})
    (repository / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))
    code, answer, _ = add(hub.address, "owner/Tiny.Llama@v1", "--name", "shards")
    assert code == 0, answer
    assert answer["model"]["identity"]["weights"] == want
    assert "consolidated.safetensors" not in hub.downloaded
    assert added(home)[0].source == f"owner/Tiny.Llama at {COMMIT} on the Hugging Face hub"


def test_a_repository_that_is_not_there(hub: Hub, add: Add, home: Path) -> None:
    code, answer, _ = add(hub.address, "owner/nothing")
    assert code == 2
    assert "the hub gave no 'owner/nothing' at 'main'" in message(answer)
    assert "check the name, the network, and `hf auth login`" in message(answer)
    assert nothing_is_left(home)


def test_a_revision_that_is_not_there(hub: Hub, add: Add, home: Path) -> None:
    code, answer, _ = add(hub.address, "owner/Tiny.Llama@v9")
    assert code == 2
    assert "the hub gave no 'owner/Tiny.Llama' at 'v9'" in message(answer)
    assert nothing_is_left(home)


@pytest.mark.parametrize(("status", "error"), [(403, "GatedRepo"), (401, "RepoNotFound")])
def test_a_repository_that_wants_a_login(hub: Hub, add: Add, home: Path, status: int, error: str) -> None:
    hub.refused["owner/Tiny.Llama"] = (status, error)
    code, answer, _ = add(hub.address, "owner/Tiny.Llama")
    assert code == 2
    assert f"({status} Client Error" in message(answer)
    assert "`hf auth login` for a gated model" in message(answer)
    assert nothing_is_left(home)


def test_a_repository_of_pickles(hub: Hub, add: Add, repository: Path, home: Path) -> None:
    for file in repository.rglob("*.safetensors"):
        file.unlink()
    code, answer, _ = add(hub.address, "owner/Tiny.Llama")
    assert code == 2
    assert answer["error"]["message"] == ("owner/Tiny.Llama: has no .safetensors files, and other kinds can run code")
    assert hub.downloaded == []
    assert nothing_is_left(home)


def test_a_name_that_the_hub_does_not_allow(hub: Hub, add: Add, home: Path) -> None:
    code, answer, _ = add(hub.address, "owner/a--b")
    assert code == 2
    assert "the hub gave no 'owner/a--b'" in message(answer)
    assert nothing_is_left(home)


def test_a_server_that_is_dead(add: Add, home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        code, answer, _ = add(f"http://127.0.0.1:{taken.getsockname()[1]}", "owner/Tiny.Llama")
    assert code == 2
    assert "the hub gave no 'owner/Tiny.Llama' at 'main' (" in message(answer)
    assert nothing_is_left(home)


def test_a_machine_without_network(hub: Hub, add: Add, home: Path) -> None:
    code, answer, _ = add(hub.address, "owner/Tiny.Llama", HF_HUB_OFFLINE="1")
    assert code == 2
    assert "HF_HUB_OFFLINE" in message(answer)
    assert hub.downloaded == []
    assert nothing_is_left(home)


def test_a_file_that_ends_early_leaves_nothing(hub: Hub, add: Add, repository: Path, home: Path) -> None:
    path = repository / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    code, answer, _ = add(hub.address, "owner/Tiny.Llama")
    assert code == 2
    assert "cut off" in answer["error"]["message"]
    assert nothing_is_left(home)
