"""What doctor finds, also where nothing works."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import tomllib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
import torch

from outcrop import Outcrop
from outcrop.app.doctor import EXTRAS, TESTED, Diagnosis, Finding, State, diagnose
from outcrop.catalog.schema import open_database
from outcrop.domain.jobs import Status, Worker
from outcrop.stores.local import LocalStore
from tests.conftest import REPOSITORY
from tests.doubles import IdleRunner, add_scripted, claimed, idle_services, keep_roof, patch_runner, submitted

PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(autouse=True)
def _offline(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's client reads its settings when it is loaded, which may have been before this test."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("PATH", os.defpath)


@pytest.fixture
def kept(home: Path) -> Path:
    """A home whose roof was measured."""
    keep_roof(home)
    return home


def found(diagnosis: Diagnosis, name: str) -> Finding:
    (one,) = [finding for finding in diagnosis.findings if finding.name == name]
    return one


def problems(diagnosis: Diagnosis) -> set[str]:
    return {finding.name for finding in diagnosis.findings if finding.state is State.PROBLEM}


def no_room(diagnosis: Diagnosis) -> set[str]:
    """What a test machine with a full disk would show."""
    return {finding.name for finding in diagnosis.findings if finding.values.get("free", 1e9) < 1e9}


# the home folder


def test_a_home_in_order(kept: Path, tmp_path: Path) -> None:
    with Outcrop(kept) as outcrop:
        add_scripted(outcrop, tmp_path, "one")
        before = list(outcrop.services.store.entries())
        diagnosis = outcrop.doctor()
        assert list(outcrop.services.store.entries()) == before
        assert [model.name for model in outcrop.models.list()] == ["one"]
    assert problems(diagnosis) == no_room(diagnosis)
    assert diagnosis.healthy == (not problems(diagnosis))
    for name in ("catalog", "jobs", "hub", "settings", "python"):
        assert found(diagnosis, name).state is State.OK, found(diagnosis, name)
    assert found(diagnosis, "catalog").values == {"models": 1, "jobs": 0}
    assert found(diagnosis, "store").values["free"] == pytest.approx(shutil.disk_usage(kept).free, rel=0.1)
    assert str(kept / "store") in found(diagnosis, "store").found
    assert found(diagnosis, "roof").found == "matrix product 100 GFLOP/s, memory copy 10.0 GB/s"
    assert found(diagnosis, "processor").values["threads"] == torch.get_num_threads() == 1


def test_every_finding_that_is_not_in_order_says_what_to_do(home: Path) -> None:
    home.write_text("a file where the folder should be", encoding="utf-8")
    for finding in diagnose().findings:
        assert finding.found
        assert bool(finding.advice) == (finding.state is not State.OK), finding


def test_a_home_that_is_a_file(home: Path) -> None:
    home.write_text("", encoding="utf-8")
    diagnosis = diagnose()
    assert not diagnosis.healthy
    assert problems(diagnosis) - no_room(diagnosis) == {"catalog", "store"}
    assert str(home) in found(diagnosis, "catalog").found
    assert "Not a directory" in found(diagnosis, "store").found
    assert found(diagnosis, "jobs").state is State.WARNING
    # The rest was looked at all the same.
    assert found(diagnosis, "roof").values["flops"] > 0


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system in which nobody can make a folder")
def test_a_home_that_nobody_can_make_and_that_has_no_room() -> None:
    diagnosis = diagnose("/proc/outcrop")
    assert {"disk", "catalog", "store"} <= problems(diagnosis)
    assert found(diagnosis, "disk").values == {"free": 0}
    assert "outcrop disk" in found(diagnosis, "disk").advice


def test_little_room(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4_999_999_999))
    for name in ("disk", "store"):
        assert found(diagnose(), name).state is State.WARNING
        assert "5.0 GB free" in found(diagnose(), name).found
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=999_999_999))
    assert problems(diagnose()) == {"disk", "store"}
    # A full disk does not hide what becomes of jobs.
    assert found(diagnose(), "jobs").state is State.OK


def test_a_home_from_a_newer_version(kept: Path) -> None:
    engine = open_database(f"sqlite:///{kept / 'catalog.sqlite'}")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    diagnosis = diagnose()
    assert problems(diagnosis) - no_room(diagnosis) == {"catalog"}
    assert "newer version" in found(diagnosis, "catalog").found


def test_what_nobody_foresaw_hides_nothing(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(_: object) -> None:
        raise LookupError("of all things")

    monkeypatch.setattr("outcrop.app.doctor.open_catalog", wrong)
    diagnosis = diagnose()
    assert found(diagnosis, "catalog").found == "LookupError: of all things"
    assert found(diagnosis, "store").state is not State.PROBLEM or "store" in no_room(diagnosis)


class Forgetful(LocalStore):
    def read(self, key: str) -> bytes:
        return super().read(key)[1:]


class Clinging(LocalStore):
    def delete(self, prefix: str) -> int:
        return 0


class Endless(LocalStore):
    def free(self) -> int | None:  # type: ignore[override]
        return None


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        (Forgetful, State.PROBLEM, "what was written comes back otherwise"),
        (Clinging, State.PROBLEM, "what was deleted is still there"),
        (Endless, State.OK, "writable"),
    ],
)
def test_stores(kept: Path, kind: type[LocalStore], state: State, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outcrop.app.doctor.open_store", lambda settings: kind(Path(settings.store)))
    finding = found(diagnose(), "store")
    assert finding.state is state
    assert finding.found.endswith(words)


def test_an_orphan_is_seen_to(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = idle_services(kept)
    claimed(services, submitted(services), worker=Worker(os.uname().nodename, 4242, 1.0))
    runner = patch_runner(monkeypatch, IdleRunner(says_alive=False))
    finding = found(diagnose(), "jobs")
    assert finding.state is State.WARNING
    assert "1 queued or running; orphans seen to: job job: its worker, process 4242, is gone" in finding.found
    assert services.catalog.job("job").status is Status.QUEUED
    assert len(runner.started) == 1
    services.close()


# the settings


def test_settings_in_force_without_passwords(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTCROP_DEVICE", "cuda://me:se/c@ret@host/x?password=secret2&a=1")
    monkeypatch.setenv("OUTCROP_LEASE_SECONDS", "45")
    diagnosis = diagnose()
    values = found(diagnosis, "settings").values
    assert values["OUTCROP_LEASE_SECONDS"] == "45.0"
    assert values["OUTCROP_RUNNING_JOBS"] == "1"
    assert values["OUTCROP_DEVICE"] == "cuda://me:***@host/x?password=***&a=1"
    assert found(diagnosis, "device").state is State.PROBLEM
    assert not re.search("ret@|secret2", str(diagnosis))


def test_settings_that_can_not_be_used(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTCROP_RUNNING_JOBS", "many")
    monkeypatch.setenv("OUTCROP_LEASE_SECONDS", "0")
    diagnosis = diagnose()
    assert problems(diagnosis) - no_room(diagnosis) == {"settings"}
    for words in ("OUTCROP_RUNNING_JOBS: found many", "OUTCROP_LEASE_SECONDS: found 0"):
        assert words in found(diagnosis, "settings").found
    # The others still hold.
    assert str(kept) in found(diagnosis, "catalog").found


def test_a_setting_that_does_not_exist(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTCROP_HOEM", "elsewhere")
    finding = found(diagnose(), "settings")
    assert finding.state is State.WARNING
    assert "unknown: OUTCROP_HOEM" in finding.found
    assert "OUTCROP_HOME" in finding.advice


# the machine


def test_the_better_roof_is_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    file = home / "cache" / f"roof-cpu-{torch.get_num_threads()}.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"flops": 1e18, "bytes": 1.0, "threads": 1}), encoding="utf-8")
    assert found(diagnose(), "roof").values["bytes"] == 1
    finding = found(diagnose(measure=True), "roof")
    assert finding.state is State.OK
    assert finding.values["flops"] == 1e18
    assert finding.values["bytes"] > 1e6
    assert json.loads(file.read_text(encoding="utf-8"))["bytes"] == finding.values["bytes"]


def test_a_roof_measured_on_a_busy_machine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (99.0, 0.0, 0.0))
    finding = found(diagnose(), "roof")
    assert finding.state is State.WARNING
    assert finding.found.endswith("measured now under a load of 99.0")
    assert "--measure" in finding.advice
    assert found(diagnose(), "roof").state is State.OK


def test_too_many_threads(kept: Path) -> None:
    torch.set_num_threads(1000)
    finding = found(diagnose(), "processor")
    assert finding.state is State.WARNING
    assert "OMP_NUM_THREADS" in finding.advice


def test_little_memory(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=16 * 10**9, available=10**9))
    finding = found(diagnose(), "memory")
    assert finding.state is State.WARNING
    assert finding.found == "16.0 GB, 1.0 GB of it available"


@pytest.mark.skipif(torch.cuda.is_available(), reason="PyTorch sees the GPU")
def test_a_gpu_that_pytorch_does_not_see(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found(diagnose(), "device").state is State.WARNING
    monkeypatch.setenv("OUTCROP_DEVICE", "cpu")
    assert found(diagnose(), "device").state is State.OK


def test_gpus_are_named(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    card = SimpleNamespace(name="Card", total_memory=80_000_000_000)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card)
    keep_roof_of_gpu = kept / "cache" / f"roof-cuda-{torch.get_num_threads()}.json"
    keep_roof_of_gpu.write_text(json.dumps({"flops": 1e13, "bytes": 1e12, "threads": 1}), encoding="utf-8")
    diagnosis = diagnose()
    assert found(diagnosis, "device").found == "cuda; Card, 80.0 GB; Card, 80.0 GB"
    assert found(diagnosis, "device").values["gpus"] == [{"name": "Card", "memory": 80_000_000_000}] * 2
    assert found(diagnosis, "roof").values["device"] == "cuda"


# the hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], list[dict[str, str]]]]:
    """Starts a hub that answers everything with one status; the headers it was asked with."""
    servers = []

    def start(status: int) -> list[dict[str, str]]:
        asked: list[dict[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                asked.append({"path": self.path, **self.headers})
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.01,)).start()
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        return asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("status", "state"), [(200, State.OK), (404, State.OK), (503, State.WARNING)])
def test_a_hub_that_answers(kept: Path, hub: Callable[[int], list[dict[str, str]]], status: int, state: State) -> None:
    asked = hub(status)
    finding = found(diagnose(), "hub")
    assert finding.state is state
    assert finding.values == {"reachable": state is State.OK}
    (request,) = asked
    assert request["path"] == "/"
    assert not {"authorization", "cookie"} & {name.lower() for name in request}


def test_a_hub_that_does_not_answer(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        diagnosis = diagnose()
    assert found(diagnosis, "hub").state is State.WARNING
    assert f"{address} gives no answer" in found(diagnosis, "hub").found
    assert "hub" not in problems(diagnosis)


# the installation


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets Outcrop be installed with the given requirements and extras."""

    def install(*lines: str) -> None:
        folder = tmp_path / "site" / "outcrop-0.1.0.dist-info"
        folder.mkdir(parents=True)
        text = "\n".join(("Metadata-Version: 2.4", "Name: outcrop", "Version: 0.1.0", *lines, "", ""))
        (folder / "METADATA").write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(str(folder.parent))

    return install


def test_extras(kept: Path, installed: Callable[..., None]) -> None:
    installed(
        "Requires-Dist: torch>=2.6",
        "Provides-Extra: s3",
        "Requires-Dist: no-such-package[crt]>=1.0; extra == 's3'",
        'Requires-Dist: pytest>=8 ; (python_version > "3") and extra == "s3"',
        "Provides-Extra: dev",
        "Requires-Dist: pytest>=8; extra == 'dev'",
    )
    diagnosis = diagnose()
    s3, dev = found(diagnosis, "extra s3"), found(diagnosis, "extra dev")
    assert (s3.state, dev.state) == (State.OK, State.OK)
    assert (
        "for a store in an S3 bucket, and models of Amazon Bedrock: pip install 'outcrop[s3]' (brings no-such-package)"
        in s3.found
    )
    assert s3.values == {"installed": False, "packages": {"no-such-package": None, "pytest": pytest.__version__}}
    assert dev.values["installed"]
    assert found(diagnosis, "libraries").state is State.OK
    assert f"torch {version('torch')}" in found(diagnosis, "libraries").found


def test_a_missing_library(kept: Path, installed: Callable[..., None]) -> None:
    installed("Requires-Dist: torch>=2.6", "Requires-Dist: no-such-package<2")
    finding = found(diagnose(), "libraries")
    assert finding.state is State.PROBLEM
    assert finding.found.endswith("missing: no-such-package")
    assert finding.advice == "pip install no-such-package"


def test_an_untested_python(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outcrop.app.doctor.TESTED", ((3, 99),))
    finding = found(diagnose(), "python")
    assert finding.state is State.WARNING
    assert finding.advice == "use one of 3.99"


def test_what_doctor_knows_of_the_package_is_what_the_package_says() -> None:
    told = {match[1] for line in PROJECT["classifiers"] if (match := re.search(r"Python :: (3\.\d+)$", line))}
    assert {f"{major}.{minor}" for major, minor in TESTED} == told
    assert set(PROJECT["optional-dependencies"]) <= set(EXTRAS)
