"""The sets that lie in the repository are what their pages say."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from outcrop.data.leakage import between_files

FOLDER = Path(__file__).parents[2] / "evaluation-sets"
SETS = sorted(file.parent for file in FOLDER.glob("*/provenance.json"))
PARTS = ("test.jsonl", "train.jsonl")

#: What a whole checkout gets of them.
MOST_BYTES = 1_500_000

FIELDS = {"prompt", "referenceResponse", "references", "choices", "category", "cluster", "text"}


def provenance(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    return found


def records(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def asked(record: dict[str, Any]) -> str:
    return str(record.get("prompt", record.get("text")))


def test_there_is_a_set_for_each_task_type() -> None:
    """Summarization has the example."""
    tasks = {provenance(folder)["task"] for folder in SETS}
    assert tasks >= {
        "question-answering",
        "classification",
        "multiple-choice",
        "translation",
        "extraction",
        "generation",
        "perplexity",
    }


def test_they_are_small() -> None:
    files = [file for file in FOLDER.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert sum(file.stat().st_size for file in files) < MOST_BYTES


@pytest.mark.parametrize("folder", SETS, ids=lambda folder: folder.name)
def test_a_set_has_its_papers(folder: Path) -> None:
    for name in ("README.md", "LICENSE.md", "build.py", *PARTS):
        assert (folder / name).is_file(), name
    known = provenance(folder)
    assert known["name"] == folder.name
    assert known["licence"]
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for heading in ("How the records were chosen", "Known flaws", "Numbers"):
        assert f"## {heading}" in readme
    for package in known["packages"]:
        assert package["name"] in (folder / "LICENSE.md").read_text(encoding="utf-8")
        assert f"| {package['name']} | {package['version']} | `{package['sha256']}` | {package['licence']} |" in readme
        assert re.fullmatch("[0-9a-f]{64}", package["sha256"])


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("folder", SETS, ids=lambda folder: folder.name)
def test_a_file_is_what_is_written_of_it(folder: Path, name: str) -> None:
    told = provenance(folder)["files"][name]
    found = records(folder / name)
    assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == told["sha256"]
    assert len(found) == told["records"]
    assert dict(Counter(record["category"] for record in found)) == told["categories"]
    readme = (folder / "README.md").read_text(encoding="utf-8")
    column = [part.removesuffix(".jsonl") for part in re.findall(r"\| category \| (\w+) \| (\w+) \|", readme)[0]].index(
        name.removesuffix(".jsonl")
    )
    for category, count in [*told["categories"].items(), ("all", told["records"])]:
        [row] = re.findall(rf"^\| {re.escape(category)} \| (\d+) \| (\d+) \|$", readme, re.MULTILINE)
        assert int(row[column]) == count


def test_test_files_have_hundreds_of_records() -> None:
    for folder in SETS:
        files = provenance(folder)["files"]
        assert 200 <= files["test.jsonl"]["records"] <= 500, folder.name
        assert files["train.jsonl"]["records"] < files["test.jsonl"]["records"] / 2, folder.name


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("folder", SETS, ids=lambda folder: folder.name)
def test_every_record_is_whole(folder: Path, name: str) -> None:
    task = provenance(folder)["task"]
    for record in records(folder / name):
        assert record.keys() <= FIELDS
        assert ("text" in record) == (task == "perplexity")
        for key in record.keys() - {"references", "choices"}:
            assert isinstance(record[key], str)
            assert record[key].strip() == record[key] != "", (key, record)
        assert ("referenceResponse" in record) == (task != "perplexity")
        assert ("choices" in record) == (task == "multiple-choice")
        for key in ("references", "choices"):
            texts = record.get(key, [])
            assert len(set(texts)) == len(texts) != 1
            assert all(text.strip() == text != "" for text in texts)
        if "references" in record:
            assert record["references"][0] == record["referenceResponse"]
        if "choices" in record:
            assert record["referenceResponse"] in record["choices"]


@pytest.mark.parametrize("folder", SETS, ids=lambda folder: folder.name)
def test_nothing_is_there_twice(folder: Path) -> None:
    found = [asked(record).casefold() for name in PARTS for record in records(folder / name)]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("folder", SETS, ids=lambda folder: folder.name)
def test_train_and_test_share_nothing(folder: Path) -> None:
    found = between_files([(folder / name, name) for name in PARTS])
    assert found.n_exact_pairs == found.n_near_pairs == 0, found.examples
    clusters = [{record["cluster"] for record in records(folder / name) if "cluster" in record} for name in PARTS]
    assert clusters[0].isdisjoint(clusters[1])


def test_right_choices_are_in_every_place() -> None:
    """A set in which the right answer is often the first would reward a model that always says so."""
    for folder in SETS:
        if provenance(folder)["task"] == "multiple-choice":
            found = records(folder / "test.jsonl")
            places = Counter(record["choices"].index(record["referenceResponse"]) for record in found)
            expected = len(found) / 4
            # Chi-squared with three degrees of freedom: 16.3 is met once in a thousand by chance.
            assert sum((places[place] - expected) ** 2 / expected for place in range(4)) < 16.3


def test_extracted_texts_are_a_list_and_stand_in_the_prompt() -> None:
    for folder in SETS:
        if provenance(folder)["task"] == "extraction":
            for record in records(folder / "test.jsonl"):
                entities = json.loads(record["referenceResponse"])
                assert entities
                assert len(set(entities)) == len(entities)
                assert all(entity in record["prompt"] for entity in entities)


def test_labels_are_the_same_in_both_files() -> None:
    for folder in SETS:
        if provenance(folder)["task"] == "classification":
            labels = [{record["referenceResponse"] for record in records(folder / name)} for name in PARTS]
            assert labels[0] == labels[1]
            assert len(labels[0]) > 1
