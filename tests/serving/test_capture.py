"""Records of requests: kept in the home at once, delivered later, whoever was killed meanwhile."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.domain.errors import NotFound, StorageFailure
from outcrop.serving.capture import AGE, FRESH, REST, Capture
from outcrop.serving.invocation_log import LOGGING, Invocation
from outcrop.stores.address import Address, parse

MOMENT = datetime(2026, 11, 18, 14, 6, 40, 750_000, UTC).timestamp()
FOLDER = "s3://logs/mine/AWSLogs/123456789012/BedrockModelInvocationLogs"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def opened(home: Path) -> Iterator[Outcrop]:
    with Outcrop(home) as outcrop:
        yield outcrop


@pytest.fixture
def outcrop(opened: Outcrop) -> Outcrop:
    configure(opened)
    return opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def capture(outcrop: Outcrop, clock: Clock) -> Capture:
    return Capture(outcrop.services, clock)


def configure(outcrop: Outcrop, bucket: str = "logs", **more: Any) -> None:
    config = {"s3Config": {"bucketName": bucket, "keyPrefix": "mine/"}, **more}
    outcrop.services.catalog.set_configuration(LOGGING, config)


def invocation(request_id: str = "one", *, region: str = "us-east-1", body: Any = None, at: float = 0) -> Invocation:
    return Invocation(
        moment=MOMENT + at,
        key_id="AKIAEXAMPLE",
        region=region,
        request_id=request_id,
        operation="Converse",
        model="tiny",
        metadata={"team": "rocks"},
        input=body or {"messages": []},
        output={"stopReason": "end_turn"},
        input_tokens=3,
        output_tokens=4,
        error="",
    )


def add(capture: Capture, *names: str, **more: Any) -> None:
    for name in names:
        asked = invocation(name, **more)
        delivery = capture.delivery(asked.region)
        assert delivery is not None
        capture.add(delivery, asked)


def delivered(outcrop: Outcrop, bucket: str = "logs") -> dict[str, list[str]]:
    """The ids of the records that are in a bucket, by the folder they are in; an object's are in its order."""
    found: dict[str, list[str]] = {}
    try:
        files = outcrop.services.buckets.files(parse(f"s3://{bucket}/"))
    except NotFound:
        return {}
    for file in files:
        data = gzip.decompress(outcrop.services.buckets.fetch(Address(bucket, file.name)).read_bytes())
        folder = file.name.rpartition("/")[0]
        found.setdefault(folder, []).extend(json.loads(line)["requestId"] for line in data.splitlines())
    return found


def spooled(home: Path) -> list[Path]:
    return sorted((home / "capture").glob("*"))


HOUR = f"{FOLDER}/us-east-1/2026/11/18/14".removeprefix("s3://logs/")


def test_a_record_is_bedrocks(outcrop: Outcrop, capture: Capture) -> None:
    add(capture, "one")
    capture.close()
    (file,) = outcrop.services.buckets.files(parse("s3://logs/"))
    assert file.name.startswith(f"{HOUR}/")
    assert file.name.endswith(".json.gz")
    (line,) = gzip.decompress(outcrop.services.buckets.fetch(Address("logs", file.name)).read_bytes()).splitlines()
    assert json.loads(line) == {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": "2026-11-18T14:06:40Z",
        "accountId": "123456789012",
        "identity": {"arn": "arn:aws:iam::123456789012:user/AKIAEXAMPLE"},
        "region": "us-east-1",
        "requestId": "one",
        "operation": "Converse",
        "modelId": "tiny",
        "input": {"inputContentType": "application/json", "inputBodyJson": {"messages": []}, "inputTokenCount": 3},
        "output": {
            "outputContentType": "application/json",
            "outputBodyJson": {"stopReason": "end_turn"},
            "outputTokenCount": 4,
        },
        "requestMetadata": {"team": "rocks"},
    }


def test_without_a_configuration_nothing_is_wanted_and_nothing_is_asked_again(
    opened: Outcrop, clock: Clock, home: Path
) -> None:
    capture = Capture(opened.services, clock)
    assert capture.delivery("us-east-1") is None
    configure(opened)
    assert capture.delivery("us-east-1") is None, "the catalog was asked again at once"
    clock.now += FRESH
    delivery = capture.delivery("eu-central-1")
    assert delivery is not None
    assert (str(delivery.folder), delivery.text) == (f"{FOLDER}/eu-central-1", True)
    opened.services.catalog.set_configuration(LOGGING, None)
    clock.now += FRESH
    assert capture.delivery("us-east-1") is None
    assert capture.ship(everything=True) == []
    assert spooled(home) == []


def test_texts_may_be_left_out(outcrop: Outcrop, capture: Capture) -> None:
    configure(outcrop, textDataDeliveryEnabled=False)
    delivery = capture.delivery("us-east-1")
    assert delivery is not None
    assert not delivery.text


def test_what_is_known_of_the_configuration_holds_while_the_catalog_fails(
    outcrop: Outcrop, capture: Capture, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = capture.delivery("us-east-1")
    clock.now += FRESH

    def fail(_: str) -> None:
        raise StorageFailure("the catalog is away")

    monkeypatch.setattr(outcrop.services.catalog, "configuration", fail)
    assert capture.delivery("us-east-1") == before


def test_records_are_in_the_home_at_once_and_in_the_bucket_after_a_while(
    outcrop: Outcrop, capture: Capture, clock: Clock, home: Path
) -> None:
    add(capture, "one", "two")
    (file,) = spooled(home)
    assert file.read_bytes().count(b"\n") == 2
    assert file.stat().st_mode & 0o077 == 0
    clock.now += AGE - 0.1
    assert capture.ship() == []
    assert delivered(outcrop) == {}
    clock.now += 0.1
    assert capture.ship() == []
    assert delivered(outcrop) == {HOUR: ["one", "two"]}
    assert spooled(home) == []
    add(capture, "three")
    capture.close()
    assert sorted(delivered(outcrop)[HOUR]) == ["one", "three", "two"]


def test_much_goes_before_its_time(outcrop: Outcrop, capture: Capture) -> None:
    add(capture, "one", body={"prompt": "x" * 9_000_000})
    assert capture.ship() == []
    assert delivered(outcrop) == {}
    add(capture, "two", body={"prompt": "x" * 9_000_000})
    capture.ship()
    assert delivered(outcrop) == {HOUR: ["one", "two"]}


def test_regions_hours_and_buckets_have_folders_of_their_own(outcrop: Outcrop, capture: Capture, clock: Clock) -> None:
    add(capture, "one")
    add(capture, "two", region="eu-central-1")
    add(capture, "three", at=3600)
    configure(outcrop, "other")
    clock.now += FRESH
    add(capture, "four")
    capture.ship(everything=True)
    assert delivered(outcrop) == {
        HOUR: ["one"],
        HOUR.replace("us-east-1", "eu-central-1"): ["two"],
        f"{HOUR[:-2]}15": ["three"],
    }
    assert delivered(outcrop, "other") == {HOUR: ["four"]}


def test_threads_add_whole_lines(outcrop: Outcrop, capture: Capture) -> None:
    names = [str(number) for number in range(40)]
    threads = [threading.Thread(target=add, args=(capture, *names[at::4])) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    capture.close()
    assert sorted(delivered(outcrop)[HOUR]) == sorted(names)


_KILLED = """
import os, signal, sys
sys.path.insert(0, ".")
from outcrop import Outcrop
from outcrop.serving.capture import Capture
from tests.serving.test_capture import add
with Outcrop(sys.argv[1]) as outcrop:
    add(Capture(outcrop.services), "one", "two")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.process
def test_the_next_server_delivers_what_a_killed_one_left(outcrop: Outcrop, capture: Capture, home: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(home)], check=False, cwd=Path(__file__).parents[2])
    assert killed.returncode == -9
    (left,) = spooled(home)
    with left.open("ab") as stream:
        stream.write(b'"s3://logs/x"\t{"half a')
    (told,) = capture.ship()
    assert told == f"{left.name}: 1 records could not be read and are lost"
    assert delivered(outcrop) == {HOUR: ["one", "two"]}
    assert spooled(home) == []


def test_a_servers_file_is_nobody_elses_while_it_runs(outcrop: Outcrop, capture: Capture, home: Path) -> None:
    add(capture, "one")
    other = Capture(outcrop.services)
    assert other.ship(everything=True) == []
    assert delivered(outcrop) == {}
    assert len(spooled(home)) == 1
    capture.close()
    assert delivered(outcrop) == {HOUR: ["one"]}


def test_a_bucket_that_fails_is_told_once_and_tried_again_and_holds_up_no_other(
    outcrop: Outcrop, capture: Capture, clock: Clock, home: Path
) -> None:
    add(capture, "zero")
    capture.ship(everything=True)
    root = home / "s3"
    assert (root / "logs").is_dir()
    (root / "bad").write_text("no folder", encoding="utf-8")
    configure(outcrop, "bad")
    clock.now += FRESH
    add(capture, "one")
    capture.ship()
    clock.now += AGE
    (told,) = capture.ship()
    assert "they can't be delivered" in told
    assert "can't be written" in told
    configure(outcrop)
    clock.now += FRESH
    add(capture, "two")
    clock.now += REST
    assert capture.ship() == []
    assert sorted(delivered(outcrop)[HOUR]) == ["two", "zero"]
    assert len(spooled(home)) == 1
    (root / "bad").unlink()
    assert capture.ship() == []
    assert delivered(outcrop, "bad") == {}, "it rests after a failure"
    clock.now += REST
    assert capture.ship() == []
    assert delivered(outcrop, "bad") == {HOUR: ["one"]}
    assert spooled(home) == []


def test_what_is_delivered_twice_is_there_once(
    outcrop: Outcrop, capture: Capture, clock: Clock, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(capture, "one")

    def fail(_: Path) -> None:
        raise OSError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", fail)
        (told,) = capture.ship(everything=True)
    assert "killed here" in told
    assert delivered(outcrop) == {HOUR: ["one"]}
    assert len(spooled(home)) == 1
    clock.now += REST
    capture.ship()
    assert delivered(outcrop) == {HOUR: ["one"]}
    assert spooled(home) == []


def test_a_record_that_can_not_be_written_is_told_and_harms_nobody(
    outcrop: Outcrop, capture: Capture, home: Path
) -> None:
    (home / "capture").write_text("no folder", encoding="utf-8")
    add(capture, "one", "two")
    (told,) = capture.ship()
    assert told.startswith("2 records of requests are lost: ")
    assert "can't be written" in told
    assert capture.ship() == []
    (home / "capture").unlink()
    add(capture, "three")
    capture.close()
    assert delivered(outcrop) == {HOUR: ["three"]}


def test_numbers_that_json_has_no_word_for_are_texts(outcrop: Outcrop, capture: Capture) -> None:
    add(capture, "one", body={"a": float("inf"), "b": "\ud800 岩"})
    capture.close()
    (file,) = outcrop.services.buckets.files(parse("s3://logs/"))
    (line,) = gzip.decompress(outcrop.services.buckets.fetch(Address("logs", file.name)).read_bytes()).splitlines()
    assert json.loads(line)["input"]["inputBodyJson"] == {"a": "Infinity", "b": "\ud800 岩"}
