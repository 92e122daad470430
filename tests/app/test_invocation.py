"""Invocation jobs through the Python API: what is refused before they begin, and what they return."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.app.invocation import submit_invocation
from outcrop.domain.errors import (
    AlreadyExists,
    IllegalMove,
    InvalidInput,
    JobFailed,
    NotFound,
    NotSupported,
    StorageFailure,
    UserError,
)
from outcrop.domain.jobs import Status
from outcrop.stores.address import parse
from tests.doubles import add_scripted, write_lines
from tests.tiny_encoder import tiny_encoder

RECORDS = [{"modelInput": {"prompt": f"Say {number}"}} for number in range(3)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "in.jsonl", RECORDS)


def refused(outcrop: Outcrop, data: Path | str, **options: Any) -> list[str]:
    """All faults of a request."""
    given = {"output": "s3://bucket/out", **options}
    with pytest.raises(InvalidInput) as caught:
        submit_invocation(outcrop.services, "scripted", data=data, **given)
    assert outcrop.jobs.list() == []
    return [str(fault) for fault in caught.value.faults]


def test_a_job_that_is_waited_for_is_done(here: Outcrop, tmp_path: Path, data: Path) -> None:
    add_scripted(here, tmp_path)
    job = here.invoke("scripted", data=data, output=tmp_path / "out", name="nightly")
    assert (job.status, job.name) == (Status.DONE, "nightly")
    assert job.result is not None
    (place,) = job.result["files"]
    answers = [json.loads(line)["modelOutput"]["generation"] for line in Path(place).read_text().splitlines()]
    assert answers == ["Say 0", "Say 1", "Say 2"]
    assert json.loads(Path(job.result["manifest"]).read_text())["successRecordCount"] == 3
    with pytest.raises(AlreadyExists):
        here.invoke("scripted", data=data, output=tmp_path / "out", name="nightly")


def test_a_folder_of_a_bucket_is_read(here: Outcrop, tmp_path: Path, data: Path) -> None:
    add_scripted(here, tmp_path)
    for name in ("in/a.jsonl", "in/b.jsonl", "in/notes.md"):
        here.services.buckets.put(data, parse(f"s3://bucket/{name}"))
    for place in ("s3://bucket/in", "s3://bucket/in/", "s3://bucket"):
        job = here.invoke("scripted", data=place, output="s3://bucket/out/")
        assert job.result is not None
        names = ["a.jsonl.out", "b.jsonl.out"]
        below = "in/" if place == "s3://bucket" else ""
        assert job.result["files"] == [f"s3://bucket/out/{job.id}/{below}{name}" for name in names]
        assert here.services.buckets.fetch(parse(job.result["files"][1])).is_file()


def test_one_file_of_a_bucket_is_read(here: Outcrop, tmp_path: Path, data: Path) -> None:
    add_scripted(here, tmp_path)
    here.services.buckets.put(data, parse("s3://bucket/in/a.jsonl"))
    job = here.invoke("scripted", data="s3://bucket/in/a.jsonl", output="s3://bucket/out", converse=True)
    assert job.result is not None
    assert (job.result["failed"], job.result["files"]) == (3, [f"s3://bucket/out/{job.id}/a.jsonl.out"])


def test_all_faults_come_at_once_with_their_lines(idle: Outcrop, tmp_path: Path) -> None:
    add_scripted(idle, tmp_path)
    path = tmp_path / "in.jsonl"
    lines = ['{"modelInput": {}}', "", '{"modelInput": "text"}', '{"recordId": "a"}', "[1]", '{"modelInput": {']
    path.write_text("\n".join([*lines[:-1], '{"recordId": 7, "modelInput": {}}', lines[-1]]))
    found = refused(idle, path, name="a b", output="s3://B", wording="other", hours=0)
    text = "\n".join(found)
    for expected in (
        "job: name: found 'a b'",
        "request: output: found 's3://B'",
        "request: wording: found 'other'; expected invoke or converse",
        "request: hours: found 0; expected a number more than 0",
        f'{path}:3: modelInput: found "text"; expected an object',
        f"{path}:4: modelInput: found nothing; expected an object",
        f"{path}:5: found a JSON list",
        f"{path}:6: recordId: found the number 7; expected a text",
        f"{path}:7: found half a record",
    ):
        assert expected in text
    assert len(found) == 9


def test_faults_name_the_file_of_a_bucket(idle: Outcrop, tmp_path: Path) -> None:
    add_scripted(idle, tmp_path)
    for name in "ab":
        idle.services.buckets.put(write_lines(tmp_path / "x", [{"modelInput": 1}]), parse(f"s3://bucket/{name}.jsonl"))
    assert [fault.partition(" ")[0] for fault in refused(idle, "s3://bucket/")] == [
        "s3://bucket/a.jsonl:1:",
        "s3://bucket/b.jsonl:1:",
    ]


def test_only_files_of_records_are_read(idle: Outcrop, tmp_path: Path) -> None:
    add_scripted(idle, tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("no records")
    (tmp_path / "empty.jsonl").write_text("")
    for place, found in (
        (tmp_path / "in", "found no file of records"),
        (tmp_path / "in" / "notes.txt", "found another name, or nothing"),
        (tmp_path / "missing", "found another name, or nothing"),
        (tmp_path / "missing.jsonl", "found no file"),
        (tmp_path / "empty.jsonl", "found an empty file"),
        ("s3://B/in", "expected s3://BUCKET/KEY"),
    ):
        (fault,) = refused(idle, place)
        assert found in fault
    for address in ("s3://bucket/in", "s3://bucket/in/a.jsonl"):
        with pytest.raises(NotFound, match="s3://bucket/in"):
            submit_invocation(idle.services, "scripted", data=address, output="s3://bucket/out")


def test_only_a_model_that_writes_is_asked(idle: Outcrop, tmp_path: Path, data: Path) -> None:
    idle.models.add(str(tiny_encoder(tmp_path / "encoder")), "own")
    with pytest.raises(NotSupported, match="own is an encoder"):
        idle.invoke("own", data=data, output=tmp_path / "out")
    with pytest.raises(NotFound, match="no model named 'other'"):
        idle.invoke("other", data=data, output=tmp_path / "out")


def test_a_model_that_is_asked_stays_and_its_name_is_not_being_made(idle: Outcrop, tmp_path: Path, data: Path) -> None:
    add_scripted(idle, tmp_path)
    job = idle.invoke("scripted", data=data, output=tmp_path / "out", wait=False)
    assert job.status is Status.QUEUED
    with pytest.raises(IllegalMove, match="jobs work with 'scripted'"):
        idle.models.remove("scripted")
    idle.jobs.stop(job.id)
    idle.models.remove("scripted")


def test_a_job_goes_on_with_the_same_records_only(idle: Outcrop, tmp_path: Path, data: Path) -> None:
    add_scripted(idle, tmp_path)
    job = idle.invoke("scripted", data=data, output=tmp_path / "out", wait=False)
    idle.jobs.stop(job.id)
    before = data.read_bytes()
    data.write_bytes(before + b'{"modelInput": {}}\n')
    with pytest.raises(UserError, match="has changed since the job was submitted"):
        idle.jobs.resume(job.id)
    data.write_bytes(before)
    assert idle.jobs.resume(job.id).status is Status.QUEUED


def test_an_output_that_can_not_be_written_is_refused_before_hours_of_work(
    idle: Outcrop, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_scripted(idle, tmp_path)
    assert refused(idle, data, output=data / "below")[0].startswith(
        f"request: output: found {data}, which is no folder"
    )
    monkeypatch.setattr("os.access", lambda *_: False)
    (fault,) = refused(idle, data, output=tmp_path / "new" / "out")
    assert f"found {tmp_path}, which this user may not write" in fault


def test_a_job_that_fails_says_why(here: Outcrop, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_scripted(here, tmp_path)

    def full(*_: object) -> None:
        raise StorageFailure("the disk is full")

    monkeypatch.setattr("outcrop.jobs.invocation_output.put_output", full)
    with pytest.raises(JobFailed, match="the disk is full"):
        here.invoke("scripted", data=data, output=tmp_path / "out")
