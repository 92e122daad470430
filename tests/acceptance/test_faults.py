"""Disks, databases, services and files that fail: nothing is lost, and the message says what to do.

The docstring's first line and the message of each test are a row of ``docs/reference/faults.md``.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from outcrop import Outcrop
from outcrop.catalog.sql import SqlCatalog
from outcrop.domain.errors import StorageFailure
from outcrop.domain.jobs import ENDED, Job, Status, Worker
from outcrop.domain.models import Model
from outcrop.settings import read_settings
from outcrop.stores.address import Address
from outcrop.stores.buckets import S3Buckets
from outcrop.stores.opening import open_buckets
from outcrop.stores.s3_service import S3Service
from tests.acceptance.commands import is_running, kill, run, wait_for
from tests.conftest import REAL_MODEL
from tests.doubles import IdleRunner
from tests.servers import FaultyS3, Postgres, point_boto3_at, postgres, postgres_program

pytestmark = pytest.mark.process

Told = Callable[[str], None]

#: What every run here trains; long enough to break it in the middle.
TRAINING: dict[str, Any] = {"epochs": 30, "batch_size": 2, "rank": 4, "dropout": 0.1}


@pytest.fixture
def train(tmp_path: Path) -> Path:
    pairs = [{"prompt": f"Say {number}", "completion": f"It is {number}."} for number in range(40)]
    file = tmp_path / "train.jsonl"
    file.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Callable[[Path], Model]:
    """What training makes of a file where nothing fails; made once."""
    made: dict[str, Model] = {}

    def model(train: Path) -> Model:
        if not made:
            with Outcrop(tmp_path_factory.mktemp("undisturbed")) as outcrop:
                outcrop.models.add(str(tiny_folder), "tiny")
                outcrop.customize("tiny", train=train, name="tuned", **TRAINING)
                made["tuned"] = outcrop.models.show("tuned")
        return made["tuned"]

    return model


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes disks of so many megabytes."""
    mounted: list[Path] = []

    def make(megabytes: int) -> Path:
        folder = tmp_path / f"disk-{len(mounted) + 1}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a small disk needs the right to mount one: run the tests as root")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def fill(folder: Path) -> Path:
    """Take all the space that is left on a disk; the file that takes it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as stream:
        for size in (1 << 16, 1 << 12, 1):
            with suppress(OSError):
                while True:
                    stream.write(b"\0" * size)
    return filler


def fails(home: Path, *command: str, code: int = 1) -> str:
    """Run a command that must fail; what a person sees."""
    done = run(home, *command)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


def starts_training(outcrop: Outcrop, train: Path | str, name: str = "tuned") -> Job:
    job = outcrop.customize("tiny", train=train, name=name, wait=False, **TRAINING)
    assert isinstance(job, Job)
    return job


def has_checkpoint(step: int) -> Callable[[Job], bool]:
    return lambda job: is_running(job) and job.checkpoint is not None and job.checkpoint["step"] >= step


def ended(outcrop: Outcrop, job: Job) -> Job:
    until = time.monotonic() + 180
    while (found := outcrop.jobs.show(job.id)).status not in ENDED:
        assert time.monotonic() < until, found
        time.sleep(0.05)
    return found


def require_same(outcrop: Outcrop, wanted: Model) -> None:
    found = outcrop.models.show("tuned")
    assert found.identity == wanted.identity
    assert found.lineage is not None
    assert wanted.lineage is not None
    assert found.lineage.curve == wanted.lineage.curve


def require_nothing_half_made(outcrop: Outcrop, job: Job) -> None:
    """The store lists models, and what the catalog says is there."""
    keys = {key.rsplit("/", 1)[0] for key in (entry.key for entry in outcrop.services.store.entries())}
    known = {model.uri for model in outcrop.models.list()}
    checkpoint = outcrop.jobs.show(job.id).checkpoint or {"keys": []}
    assert keys <= known | set(checkpoint["keys"])
    assert [model.name for model in outcrop.models.list()] == ["tiny"]


# disks


def test_disk_full_at_a_checkpoint(
    home: Path,
    small_disk: Callable[[int], Path],
    train: Path,
    tiny_folder: Path,
    undisturbed: Callable[[Path], Model],
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The store's disk is full when a checkpoint is written; `outcrop jobs resume` goes on from the one before."""
    wanted = undisturbed(train)
    store = small_disk(8)
    monkeypatch.setenv("OUTCROP_STORE", str(store))
    monkeypatch.setenv("OUTCROP_CHECKPOINT_SECONDS", "0.1")
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(tiny_folder), "tiny")
        job = starts_training(outcrop, train)
        wait_for(outcrop, job.id, has_checkpoint(1))
        filler = fill(store)
        failed = ended(outcrop, job)
        filler.unlink()
        assert failed.status is Status.FAILED
        told(failed.error)
        require_nothing_half_made(outcrop, job)
        outcrop.jobs.resume(job.id)
        assert outcrop.jobs.wait(job.id).status is Status.DONE
        assert any("continuing after step" in line.text for line in outcrop.jobs.logs(job.id))
        require_same(outcrop, wanted)


def test_disk_full_of_the_whole_home(
    small_disk: Callable[[int], Path],
    train: Path,
    tiny_folder: Path,
    undisturbed: Callable[[Path], Model],
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The home's disk, with the catalog on it, is full; the running job waits for room."""
    wanted = undisturbed(train)
    home = small_disk(12)
    monkeypatch.setenv("OUTCROP_HOME", str(home))
    monkeypatch.setenv("OUTCROP_CHECKPOINT_SECONDS", "0.1")
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(tiny_folder), "tiny")
        job = starts_training(outcrop, train)
        wait_for(outcrop, job.id, has_checkpoint(1))
        filler = fill(home)
        # Long enough for a checkpoint and a heartbeat to meet the full disk.
        time.sleep(3)
        told(fails(home, "customize", "tiny", "--train", str(train), "--name", "other", code=2))
        filler.unlink()
        found = ended(outcrop, job)
        if found.status is Status.FAILED:
            assert "No space left" in found.error
            outcrop.jobs.resume(job.id)
        assert outcrop.jobs.wait(job.id).status is Status.DONE
        require_same(outcrop, wanted)


def test_disk_full_at_a_report(
    home: Path, small_disk: Callable[[int], Path], tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's disk is full when a report is written; resumed, no response is generated again."""
    store = small_disk(4)
    monkeypatch.setenv("OUTCROP_STORE", str(store))
    calls = tmp_path / "calls"
    script = tmp_path / "script"
    script.mkdir()
    # One batch: the responses are stored, then comes the report.
    settings = {"echo_words": 3, "calls": str(calls), "batch_rows": 4000}
    (script / "scripted.json").write_text(json.dumps(settings), encoding="utf-8")
    data = tmp_path / "data.jsonl"
    records = [{"prompt": f"Question {number}", "referenceResponse": f"rock {number}"} for number in range(4000)]
    data.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    with Outcrop(home) as outcrop:
        outcrop.models.add_scripted("echo", script)
        job = outcrop.evaluate("echo", data=data, task="summarization", wait=False)
        assert isinstance(job, Job)
        wait_for(outcrop, job.id, lambda job: job.progress.phase.startswith("scoring"))
        filler = fill(store)
        failed = ended(outcrop, job)
        filler.unlink()
        assert failed.status is Status.FAILED
        told(failed.error)
        assert failed.result is None
        assert not outcrop.services.store.exists(f"jobs/{job.id}/report.html")
        generated = calls.read_text(encoding="utf-8")
        outcrop.jobs.resume(job.id)
        assert outcrop.jobs.wait(job.id).status is Status.DONE
        assert calls.read_text(encoding="utf-8") == generated


@pytest.mark.real
def test_disk_full_at_a_conversion(small_disk: Callable[[int], Path], told: Told) -> None:
    """The home's disk is full when a model is converted."""
    home = small_disk(260)
    told(fails(home, "models", "add", REAL_MODEL).strip().splitlines()[-1])
    with Outcrop(home) as outcrop:
        assert outcrop.models.list() == []
        assert list(outcrop.services.store.entries()) == []
        assert shutil.disk_usage(home).free > 250 << 20


def test_read_only_home(small_disk: Callable[[int], Path], told: Told) -> None:
    """The home folder is read-only."""
    home = small_disk(4)
    subprocess.run(["mount", "-o", "remount,ro", str(home)], check=True)
    told(fails(home, "jobs", "list"))


# the catalog


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL for one test, which it may kill."""
    if postgres_program("initdb") is None:
        pytest.skip("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    with postgres() as server:
        yield server


@pytest.mark.server
def test_catalog_gone_and_back(
    home: Path,
    own_postgres: Postgres,
    train: Path,
    tiny_folder: Path,
    undisturbed: Callable[[Path], Model],
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PostgreSQL is killed in the middle of a training run, for longer than a lease; the job waits and goes on."""
    wanted = undisturbed(train)
    monkeypatch.setenv("OUTCROP_CATALOG_URL", own_postgres.database())
    monkeypatch.setenv("OUTCROP_CHECKPOINT_SECONDS", "0.1")
    monkeypatch.setenv("OUTCROP_LEASE_SECONDS", "2")
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(tiny_folder), "tiny")
        job = starts_training(outcrop, train)
        wait_for(outcrop, job.id, has_checkpoint(1))
        own_postgres.stop()
        time.sleep(3)
        told(fails(home, "jobs", "list"))
        own_postgres.start()
        done = ended(outcrop, job)
        assert (done.status, done.fence, done.restarts) == (Status.DONE, 1, ())
        require_same(outcrop, wanted)


def test_clock_that_goes_back(
    home: Path, train: Path, tiny_folder: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock goes back an hour while a job runs on another machine, which dies; the job is started again at once."""
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(tiny_folder), "tiny")
        with monkeypatch.context() as patched:
            patched.setattr(outcrop.services.runner, "start", IdleRunner().start)
            job = starts_training(outcrop, train)
        ahead = SqlCatalog(read_settings().catalog_url, clock=lambda: time.time() + 3600)
        assert ahead.claim(job.id, Worker("elsewhere", 1, 1.0), 30, 1) is not None
        ahead.close()
        (said,) = outcrop.services.recover()
        told(said)
        assert outcrop.jobs.wait(job.id).status is Status.DONE


def test_home_of_a_newer_version(home: Path, told: Told) -> None:
    """The home folder was written by a newer version."""
    Outcrop(home).close()
    engine = sa.create_engine(read_settings().catalog_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    told(fails(home, "jobs", "list", code=2))


# S3


@pytest.fixture
def faulty_s3(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FaultyS3, str]]:
    """An S3 service that can misbehave, and a bucket there."""
    with FaultyS3(s3_address) as server:
        point_boto3_at(server.address, monkeypatch)
        name = f"bucket-{secrets.token_hex(6)}"
        S3Service().client.create_bucket(Bucket=name)
        yield server, name


@pytest.mark.server
def test_s3_refuses(home: Path, faulty_s3: tuple[FaultyS3, str], train: Path, told: Told) -> None:
    """The S3 service refuses."""
    server, bucket = faulty_s3
    assert run(home, "data", "put", str(train), f"s3://{bucket}/a.jsonl").returncode == 0
    server.mode = "refuse"
    told(fails(home, "data", "check", f"s3://{bucket}/a.jsonl"))


@pytest.mark.server
def test_s3_times_out(home: Path, faulty_s3: tuple[FaultyS3, str], train: Path, told: Told) -> None:
    """The S3 service does not answer."""
    server, bucket = faulty_s3
    buckets = S3Buckets(S3Service(timeout=0.3, attempts=2), home / "cache")
    buckets.put(train, Address(bucket, "a.jsonl"))
    server.mode = "hang"
    with pytest.raises(StorageFailure) as caught:
        buckets.fetch(Address(bucket, "a.jsonl"))
    told(str(caught.value))
    server.mode = ""
    assert buckets.fetch(Address(bucket, "a.jsonl")).read_bytes() == train.read_bytes()


@pytest.mark.server
def test_s3_returns_half_a_file(home: Path, faulty_s3: tuple[FaultyS3, str], train: Path, told: Told) -> None:
    """The S3 service breaks off in the middle of a file, each time."""
    server, bucket = faulty_s3
    address = Address(bucket, "a.jsonl")
    buckets = open_buckets(read_settings())
    buckets.put(train, address)
    server.mode = "half"
    with pytest.raises(StorageFailure) as caught:
        buckets.fetch(address)
    told(str(caught.value))
    assert [path for path in (home / "cache").rglob("*") if path.is_file()] == []
    server.mode = ""
    assert buckets.fetch(address).read_bytes() == train.read_bytes()


# what a job continues from


@pytest.mark.parametrize("how", ["truncated", "altered"])
def test_checkpoint(
    home: Path,
    train: Path,
    tiny_folder: Path,
    undisturbed: Callable[[Path], Model],
    told: Told,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The newest checkpoint is damaged when a job goes on; the one before it is used."""
    wanted = undisturbed(train)
    monkeypatch.setenv("OUTCROP_CHECKPOINT_SECONDS", "0.1")
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(tiny_folder), "tiny")
        job = starts_training(outcrop, train)
        wait_for(outcrop, job.id, lambda job: is_running(job) and len((job.checkpoint or {"keys": []})["keys"]) == 2)
        os.kill(kill(outcrop, job.id), 0)
        checkpoint = outcrop.jobs.show(job.id).checkpoint
        assert checkpoint is not None
        damage(next(outcrop.services.store.get_folder(checkpoint["keys"][0]).glob("*.safetensors")), how)
        assert outcrop.jobs.wait(job.id).status is Status.DONE
        (line,) = [line for line in outcrop.jobs.logs(job.id) if "can't be used" in line.text]
        told(line.text)
        require_same(outcrop, wanted)


def damage(file: Path, how: str) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content[:-7] if how == "truncated" else content)


def test_data_that_changed(home: Path, train: Path, tiny_folder: Path, told: Told) -> None:
    """The data file was changed between the kill and the resumption."""
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(tiny_folder), "tiny")
        job = starts_training(outcrop, train)
        wait_for(outcrop, job.id, lambda job: is_running(job) and job.progress.done > 0)
        kill(outcrop, job.id)
        before = train.read_bytes()
        train.write_bytes(before.replace(b"It is", b"It was"))
        outcrop.services.recover()
        failed = ended(outcrop, job)
        assert failed.status is Status.FAILED
        told(failed.error)
        assert len(set(re.findall(r"[0-9a-f]{64}", failed.error))) == 2
        train.write_bytes(before)
        outcrop.jobs.resume(job.id)
        assert outcrop.jobs.wait(job.id).status is Status.DONE


def test_the_fault_is_the_real_one(small_disk: Callable[[int], Path]) -> None:
    """A full disk is one on which nothing more can be written."""
    disk = small_disk(1)
    fill(disk)
    with pytest.raises(OSError, match="No space left") as caught:
        (disk / "more").write_bytes(b"x")
    assert caught.value.errno == errno.ENOSPC
