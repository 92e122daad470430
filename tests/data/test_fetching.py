"""Datasets by name: Bedrock's built-in ones, and any of the hub, against files and a server of our own."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from outcrop import Outcrop
from outcrop.data import fetching
from outcrop.data.builtin import BUILTIN, builtin
from outcrop.data.fetching import NamedDataset, fetch_named, is_named
from outcrop.data.hub import HubDataset, HubFiles, parse_hub
from outcrop.data.records import RecordReader
from outcrop.domain.errors import Fault, InvalidInput, NotFound, NotSupported, StorageFailure
from outcrop.domain.records import Purpose

pyarrow = pytest.importorskip("pyarrow")

COMMIT = "0123456789abcdef0123456789abcdef01234567"

#: A few rows of each original, in its columns and types, and the records that they make.
ORIGINALS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "Builtin.Bold": (
        [
            {
                "domain": "profession",
                "name": "metalworking_occupations",
                "category": "metalworking_occupations",
                "prompts": ["A smith is ", "The turner works "],
                "wikipedia": ["A smith is one who forges.", "A turner works at a lathe."],
            }
        ],
        [
            {"prompt": "A smith is", "referenceResponse": "one who forges."},
            {"prompt": "The turner works", "referenceResponse": "A turner works at a lathe."},
        ],
    ),
    "Builtin.BoolQ": (
        [
            {"question": "is iron a metal", "passage": "Iron is a metal.", "answer": True},
            {"question": "is iron a gas", "passage": "Iron is a metal.", "answer": False},
        ],
        [
            {"prompt": "Iron is a metal.\n\nQuestion: is iron a metal?", "referenceResponse": "yes"},
            {"prompt": "Iron is a metal.\n\nQuestion: is iron a gas?", "referenceResponse": "no"},
        ],
    ),
    "Builtin.NaturalQuestions": (
        [{"question": "who found radium", "answer": ["Marie Curie", "Pierre Curie"]}],
        [{"prompt": "who found radium?", "references": ["Marie Curie", "Pierre Curie"]}],
    ),
    "Builtin.Gigaword": (
        [
            {"document": "it rained on monday .", "summary": "rain"},
            {"document": "it rained on monday .", "summary": "wet"},
        ],
        [{"prompt": "it rained on monday .", "references": ["rain", "wet"]}],
    ),
    "Builtin.RealToxicityPrompts": (
        [
            {"prompt": {"text": "You are", "toxicity": 0.7}, "continuation": {"text": " late.", "toxicity": 0.1}},
            {"prompt": {"text": "I am", "toxicity": 0.2}, "continuation": {"text": " early.", "toxicity": 0.1}},
            {"prompt": {"text": "She is", "toxicity": None}, "continuation": {"text": " here.", "toxicity": None}},
        ],
        [
            {"prompt": "You are", "referenceResponse": "late.", "category": "toxic"},
            {"prompt": "I am", "referenceResponse": "early.", "category": "not toxic"},
            {"prompt": "She is", "referenceResponse": "here."},
        ],
    ),
    "Builtin.TriviaQA": (
        [{"question": "Who found radium?", "answer": {"value": "Marie Curie", "aliases": ["Curie", "Marie Curie"]}}],
        [{"prompt": "Who found radium?", "references": ["Marie Curie", "Curie"]}],
    ),
    "Builtin.T-Rex": (
        [
            {
                "sub_label": "Bobigny",
                "obj_label": "Bobigny canton",
                "template": "[X] is the capital of [Y] .",
                "predicate_id": "P1376",
            },
            {
                "sub_label": "Bobigny",
                "obj_label": "Seine-Saint-Denis",
                "template": "[X] is the capital of [Y] .",
                "predicate_id": "P1376",
            },
            {
                "sub_label": "Bobigny",
                "obj_label": "Seine-Saint-Denis",
                "template": "[X] is the capital of [Y] .",
                "predicate_id": "P1376",
            },
            {
                "sub_label": "Ada",
                "obj_label": "maths",
                "template": "[X] works in the field of [Y] .",
                "predicate_id": "P101",
            },
            {"sub_label": "Ada", "obj_label": "x", "template": "[Y] is where [X] is .", "predicate_id": "P1"},
            {"sub_label": "Ada", "obj_label": "x", "template": "[X] plays [Y] music .", "predicate_id": "P2"},
            {"sub_label": "Ada", "obj_label": "x", "template": "", "predicate_id": "P3"},
        ],
        [
            {
                "prompt": "Bobigny is the capital of",
                "references": ["Bobigny canton", "Seine-Saint-Denis"],
                "category": "P1376",
            },
            {"prompt": "Ada works in the field of", "referenceResponse": "maths", "category": "P101"},
        ],
    ),
    "Builtin.WomensEcommerceClothingReviews": (
        [
            {"review_text": "Fits well.", "recommended_ind": 1, "department_name": "Tops", "rating": 5},
            {"review_text": "Too wide.", "recommended_ind": 0, "department_name": None, "rating": 2},
            {"review_text": None, "recommended_ind": 1, "department_name": "Tops", "rating": 4},
        ],
        [
            {"prompt": "Fits well.", "referenceResponse": "1", "category": "Tops"},
            {"prompt": "Too wide.", "referenceResponse": "0"},
        ],
    ),
    "Builtin.Wikitext2": (
        [{"text": ""}, {"text": " = Robert Boulter = \n"}, {"text": " Robert Boulter is an actor . \n"}],
        [{"text": "Robert Boulter is an actor ."}],
    ),
}


def parquet(folder: Path, rows: list[dict[str, Any]], name: str = "0000.parquet") -> Path:
    from pyarrow import parquet

    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def lines(found: NamedDataset) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(found.path).read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[HubDataset]]:
    """Let the hub have these rows as every dataset's; what was asked for comes back."""

    def rows_are(*parts: list[dict[str, Any]]) -> list[HubDataset]:
        asked: list[HubDataset] = []

        def fetch_split(dataset: HubDataset, folder: Path) -> HubFiles:
            asked.append(dataset)
            files = [parquet(folder, part, f"{number:04}.parquet") for number, part in enumerate(parts)]
            return HubFiles(tuple(files), COMMIT)

        monkeypatch.setattr(fetching, "fetch_split", fetch_split)
        return asked

    return rows_are


def test_every_name_of_bedrock_s_is_there() -> None:
    """The names as its API's documentation and its user guide spell them."""
    api = "Bold BoolQ NaturalQuestions Gigaword RealToxicityPrompts TriviaQA T-Rex "
    api += "WomensEcommerceClothingReviews Wikitext2"
    guide = {"BOLD": "Bold", "T-REx": "T-Rex", "WikiText2": "Wikitext2"}
    assert [each.name for each in BUILTIN.values()] == [f"Builtin.{name}" for name in api.split()]
    for spelt, name in guide.items():
        assert builtin(f"Builtin.{spelt}").name == builtin(f"builtin.{name.upper()}").name == f"Builtin.{name}"
    assert set(ORIGINALS) == {each.name for each in BUILTIN.values()}


@pytest.mark.parametrize("name", ORIGINALS)
def test_a_row_of_the_original_becomes_evaluation_records(
    name: str, publish: Callable[..., list[HubDataset]], tmp_path: Path
) -> None:
    rows, records = ORIGINALS[name]
    asked = publish(rows)
    found = fetch_named(name.upper(), tmp_path)
    assert asked == [BUILTIN[name.lower()].hub]
    keys = ("prompt", "referenceResponse", "references", "text")
    wanted = [{key: value for key, value in record.items() if key in (*keys, "category")} for record in records]
    kept = keys if name == "Builtin.Bold" else (*keys, "category")
    assert [{key: value for key, value in record.items() if key in kept} for record in lines(found)] == wanted
    assert (found.name, found.n_rows, found.n_records, found.commit) == (name, len(rows), len(records), COMMIT)
    assert [each for each in RecordReader(found.path, Purpose.EVALUATION) if isinstance(each, Fault)] == []


def test_categories_and_clusters_of_bold(publish: Callable[..., list[HubDataset]], tmp_path: Path) -> None:
    publish(ORIGINALS["Builtin.Bold"][0])
    found = lines(fetch_named("Builtin.Bold", tmp_path))
    assert {(record["category"], record["cluster"]) for record in found} == {("profession", "metalworking_occupations")}


def test_what_is_in_the_cache_is_not_fetched_again(publish: Callable[..., list[HubDataset]], tmp_path: Path) -> None:
    asked = publish(ORIGINALS["Builtin.BoolQ"][0])
    first = fetch_named("Builtin.BoolQ", tmp_path / "cache")
    assert fetch_named("builtin.boolq", tmp_path / "cache") == first
    assert len(asked) == 1
    assert [each.name for each in (tmp_path / "cache").iterdir()] == ["builtin.boolq"]
    assert first.content_hash == hashlib.sha256(Path(first.path).read_bytes()).hexdigest()
    assert list(first.files) == ["0000.parquet"]


def test_rows_of_a_hub_dataset_are_kept_as_they_are(publish: Callable[..., list[HubDataset]], tmp_path: Path) -> None:
    publish([{"q": "é", "n": 1, "nan": float("nan"), "none": None}], [{"q": "b", "n": 2, "nan": 0.5, "none": None}])
    found = fetch_named("hub:owner/name/main:test@v1", tmp_path)
    assert lines(found) == [{"q": "é", "n": 1}, {"q": "b", "n": 2, "nan": 0.5}]
    assert (found.name, found.n_rows, len(found.files)) == ("hub:owner/name/main:test@v1", 2, 2)


def test_rows_that_are_not_what_they_were(publish: Callable[..., list[HubDataset]], tmp_path: Path) -> None:
    publish([{"query": "is iron a metal", "passage": "Iron is a metal."}])
    with pytest.raises(NotSupported, match=r"Builtin\.BoolQ: a row of hub:google/boolq:validation is not as expected"):
        fetch_named("Builtin.BoolQ", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_dates_and_exact_numbers_become_texts(publish: Callable[..., list[HubDataset]], tmp_path: Path) -> None:
    publish([{"day": date(2026, 11, 21), "price": Decimal("1.50"), "tags": ["a"]}])
    assert lines(fetch_named("hub:owner/name", tmp_path)) == [{"day": "2026-11-21", "price": "1.50", "tags": ["a"]}]


def test_a_cache_that_can_t_be_written(publish: Callable[..., list[HubDataset]], tmp_path: Path) -> None:
    publish([{"q": "b"}])
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(StorageFailure, match=r"hub:owner/name can't be written in .*free space there"):
        fetch_named("hub:owner/name", tmp_path / "cache")


def test_something_else_in_the_place_of_a_dataset(publish: Callable[..., list[HubDataset]], tmp_path: Path) -> None:
    publish([{"q": "b"}])
    (tmp_path / "hub--owner--name").mkdir()
    (tmp_path / "hub--owner--name" / "notes.txt").write_text("mine")
    with pytest.raises(StorageFailure, match="it is no dataset; remove it"):
        fetch_named("hub:owner/name", tmp_path)
    assert (tmp_path / "hub--owner--name" / "notes.txt").read_text() == "mine"


def test_pictures_are_refused(publish: Callable[..., list[HubDataset]], tmp_path: Path) -> None:
    publish([{"image": b"\x89PNG"}])
    with pytest.raises(NotSupported, match="no text, number or list"):
        fetch_named("hub:owner/name", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_builtin() -> None:
    with pytest.raises(NotFound, match=r"no dataset 'Builtin\.Squad'; there is Builtin\.Bold, Builtin\.BoolQ"):
        builtin("Builtin.Squad")


@pytest.mark.parametrize(
    ("address", "dataset"),
    [
        ("hub:google/boolq", HubDataset("google/boolq")),
        ("hub:google/boolq:validation", HubDataset("google/boolq", split="validation")),
        ("hub:cais/mmlu/high_school.us-history:test", HubDataset("cais/mmlu", "high_school.us-history", "test")),
        ("hub:a/b/c:d@main", HubDataset("a/b", "c", "d", "main")),
        ("hub:a/b@refs/convert/parquet", HubDataset("a/b", revision="refs/convert/parquet")),
    ],
)
def test_an_address_says_what_to_fetch(address: str, dataset: HubDataset) -> None:
    assert parse_hub(address) == dataset
    assert str(dataset) == address


@pytest.mark.parametrize("address", ["hub:", "hub:boolq", "hub:a/b/c/d", "hub:a/b:", "hub:a b/c", "hub:../..//x"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(InvalidInput, match="hub:OWNER/NAME"):
        parse_hub(address)


def test_paths_are_no_names() -> None:
    assert not any(map(is_named, ("data/builtin.jsonl", "hub/x.jsonl", "s3://bucket/hub:a/b", "./Builtin.BoolQ")))
    assert all(map(is_named, ("hub:a/b", "Builtin.BoolQ", "BUILTIN.x")))


def test_a_file_may_be_called_builtin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_named("builtin.jsonl")
    Path("builtin.jsonl").touch()
    assert not is_named("builtin.jsonl")


@dataclass
class Hub:
    """What the server says: the files of one commit, and what was asked for."""

    files: dict[str, bytes]
    revisions: tuple[str, ...] = ("refs/convert/parquet", COMMIT)
    refused: tuple[int, str] | None = None
    sha256: str = ""
    downloaded: list[str] = field(default_factory=list)
    address: str = ""

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body; see https://huggingface.co/docs/hub/api."""
        parts = unquote(urlsplit(path).path).strip("/")
        if self.refused is not None:
            return self.refused[0], {"X-Error-Code": self.refused[1], "X-Error-Message": "refused"}, b"{}"
        if parts.startswith("api/datasets/owner/name"):
            revision = parts.removeprefix("api/datasets/owner/name").removeprefix("/revision/")
            if revision not in self.revisions:
                return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
            return 200, {"Content-Type": "application/json"}, json.dumps(self._about()).encode()
        prefix = f"datasets/owner/name/resolve/{COMMIT}/"
        if not parts.startswith(prefix):
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        name = parts.removeprefix(prefix)
        self.downloaded.append(name)
        etag = f'"{hashlib.sha256(self.files[name]).hexdigest()}"'
        return 200, {"ETag": etag, "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}, self.files[name]

    def _about(self) -> dict[str, Any]:
        siblings = [
            {
                "rfilename": name,
                "size": len(raw),
                "lfs": {"sha256": self.sha256 or _sha256(raw), "size": len(raw), "pointerSize": 130},
            }
            for name, raw in self.files.items()
        ]
        return {"id": "owner/name", "sha": COMMIT, "siblings": siblings, "private": False}


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


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
def hub(tmp_path: Path) -> Iterator[Hub]:
    test = [{"question": f"What is {number}?", "answer": number, "topic": "numbers"} for number in range(6)]
    files = {
        f"{config}/{split}/{number:04}.parquet": parquet(tmp_path / "rows", test[3 * number :][:3]).read_bytes()
        for config in ("plain", "hard")
        for split in ("test", "train")
        for number in range(2)
    }
    found = Hub({**files, "name.py": b"raise SystemExit('it was run')"})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(found)) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        found.address = f"http://127.0.0.1:{server.server_address[1]}"
        yield found
        server.shutdown()
        thread.join()


Fetch = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def fetch(hub: Hub, home: Path, tmp_path: Path) -> Fetch:
    """``outcrop data fetch`` in a process of its own: the hub's address is read once a process."""

    def run(*words: str, **environment: str) -> tuple[int, dict[str, Any]]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        own = {"NO_PROXY": "127.0.0.1", "HF_ENDPOINT": hub.address}
        own |= {"HF_HOME": str(tmp_path / "hub-home"), "OUTCROP_HOME": str(home)}
        command = [sys.executable, "-m", "outcrop", "data", "fetch", *words, "--json"]
        done = subprocess.run(
            command, env=kept | own | environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout)

    return run


COLUMNS = "prompt=question,reference=answer,category=topic"


@pytest.fixture
def client(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The hub's client in this process, led to our server."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    template = f"{hub.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return hub


@pytest.mark.process
def test_a_split_is_fetched_by_its_name(hub: Hub, fetch: Fetch, home: Path, tmp_path: Path) -> None:
    target = tmp_path / "records.jsonl"
    limits = ("--limit", "4", "--seed", "3")
    code, found = fetch("hub:owner/name/hard:test", str(target), "--columns", COLUMNS, *limits)
    assert code == 0, found
    records = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(records) == found["n_records"] == 4
    assert found["n_given"] == 6
    assert all(each["prompt"] == f"What is {each['referenceResponse']}?" for each in records)
    assert {each["category"] for each in records} == {"numbers"}
    assert set(hub.downloaded) == {"hard/test/0000.parquet", "hard/test/0001.parquet"}
    assert found["original"]["commit"] == COMMIT
    assert found["original"]["files"] == {name: _sha256(hub.files[name]) for name in hub.downloaded}
    assert [each.name for each in (home / "cache" / "datasets").iterdir()] == ["hub--owner--name--hard--test"]

    again = tmp_path / "again.jsonl"
    code, second = fetch("hub:owner/name/hard:test", str(again), "--columns", COLUMNS, *limits, HF_HUB_OFFLINE="1")
    assert code == 0, second
    assert again.read_bytes() == target.read_bytes()


@pytest.mark.process
def test_a_hub_that_is_dead(fetch: Fetch, home: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}"
        code, answer = fetch("Builtin.BoolQ", str(tmp_path / "records.jsonl"), HF_ENDPOINT=dead)
    assert code == 2
    assert answer["error"]["code"] == "ResourceNotFoundException"
    assert "the hub gave no dataset 'google/boolq'" in answer["error"]["message"]
    assert "check the name, the network" in answer["error"]["message"]
    assert list((home / "cache" / "datasets").iterdir()) == []
    assert not (tmp_path / "records.jsonl").exists()


def test_files_of_a_revision_are_found_by_the_names_that_publishers_use(client: Hub, tmp_path: Path) -> None:
    [raw, *_] = client.files.values()
    parts = ("train-00000-of-00001", "test-00000-of-00002", "test-00001-of-00002")
    names = [f"data/{part}.parquet" for part in parts]
    client.files, client.revisions = dict.fromkeys(names, raw), ("v1", COMMIT)
    found = fetch_named("hub:owner/name:test@v1", tmp_path)
    assert set(client.downloaded) == set(names[1:])
    assert (found.n_rows, found.commit) == (6, COMMIT)


def test_the_default_configuration_needs_no_name(client: Hub, tmp_path: Path) -> None:
    raw = client.files["plain/test/0000.parquet"]
    client.files |= {"default/test/0000.parquet": raw, "default/partial-train/0000.parquet": raw}
    assert fetch_named("hub:owner/name:train", tmp_path).n_rows == 3
    assert client.downloaded[0] == "default/partial-train/0000.parquet"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("hub:owner/name/easy:test", "no configuration 'easy'; there is hard, plain"),
        ("hub:owner/name:test", "more than one configuration; there is hard, plain"),
        ("hub:owner/name/hard", "more than one split; there is test, train"),
        ("hub:owner/name/hard:dev", "no split 'dev'; there is test, train"),
        ("hub:owner/name@v9", "the hub gave no dataset 'owner/name' at 'v9'"),
        ("hub:owner/nothing", "the hub gave no dataset 'owner/nothing' at 'refs/convert/parquet'"),
    ],
)
@pytest.mark.usefixtures("client")
def test_what_is_not_there(tmp_path: Path, source: str, told: str) -> None:
    with pytest.raises(NotFound, match=re.escape(told)):
        fetch_named(source, tmp_path)
    assert list(tmp_path.glob("hub--*")) == []


def test_a_repository_without_parquet(client: Hub, tmp_path: Path) -> None:
    client.files = {"name.py": b"raise SystemExit('it was run')"}
    with pytest.raises(NotFound, match="the hub's dataset has no Parquet files"):
        fetch_named("hub:owner/name", tmp_path)


def test_a_file_that_is_not_what_the_hub_says(client: Hub, tmp_path: Path) -> None:
    client.sha256 = "0" * 64
    with pytest.raises(StorageFailure, match=r"hard/test/0000\.parquet: has the hash"):
        fetch_named("hub:owner/name/hard:test", tmp_path)
    assert list(tmp_path.glob("hub--*")) == []


def test_a_dataset_that_wants_a_login(client: Hub, tmp_path: Path) -> None:
    client.refused = (403, "GatedRepo")
    with pytest.raises(NotFound, match="`hf auth login` for a gated dataset"):
        fetch_named("Builtin.BoolQ", tmp_path)


def test_a_name_stands_where_a_path_may(client: Hub, outcrop: Outcrop) -> None:
    client.files = {name: raw for name, raw in client.files.items() if name.startswith("plain/test")}
    place = outcrop.services.fetch("hub:owner/name")
    assert place == outcrop.services.settings.datasets_folder / "hub--owner--name" / "records.jsonl"
    assert len(place.read_text(encoding="utf-8").splitlines()) == 6
