"""What an invocation job leaves: the answers to each file's records, and a manifest with their number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import NotFound, StorageFailure
from outcrop.domain.generation import Spending
from outcrop.domain.requests import InvocationRequest
from outcrop.jobs.lease import Lease
from outcrop.jobs.outputs import put_output
from outcrop.services import Services

MANIFEST = "manifest.json.out"


@dataclass(frozen=True)
class RecordCounts:
    """How many records were answered and how many failed, and what those that were answered took.

    ``seconds`` are those of generation; ``spending`` is what a remote model cost.
    """

    succeeded: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    spending: Spending = field(default_factory=Spending)

    def __add__(self, other: RecordCounts) -> RecordCounts:
        return RecordCounts(
            self.succeeded + other.succeeded,
            self.failed + other.failed,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.seconds + other.seconds,
            self.spending + other.spending,
        )

    @property
    def processed(self) -> int:
        """Records that were answered or failed."""
        return self.succeeded + self.failed


class InvocationOutput:
    """The answers of one job: kept portion by portion, then put together where the request wants them."""

    def __init__(self, services: Services, lease: Lease, request: InvocationRequest) -> None:
        self._services = services
        self._store = services.store
        self._lease = lease
        self._request = request
        self._folder = f"jobs/{lease.job.id}"

    def counts(self, key: str) -> RecordCounts | None:
        """Of a portion that is kept; None where it is not."""
        place = f"{self._folder}/answers/{key}.json"
        try:
            return from_json(RecordCounts, json.loads(self._store.read(place)), place)
        except NotFound:
            return None

    def keep(self, key: str, lines: str, counts: RecordCounts) -> None:
        """Keep a portion's lines; its responses are in them, and need no place of their own any more.

        Raises:
            LeaseLost: The job is no longer this worker's.
            StorageFailure: They can't be written.
        """
        self._lease.hold()
        self._store.write(f"{self._folder}/answers/{key}.jsonl", lines.encode())
        # Written last: a portion that has counts is whole.
        self._store.write(f"{self._folder}/answers/{key}.json", json.dumps(to_json(counts)).encode())
        self._store.delete(f"{self._folder}/responses/{key}")

    def put_file(self, place: int, more: str = "") -> None:
        """Put what came of a file, by its place in the request; ``more`` are lines after those that are kept.

        Raises:
            LeaseLost: The job is no longer this worker's.
            StorageFailure: It can't be written.
        """
        with self._services.scratch() as scratch:
            file = scratch / "answers"
            try:
                with file.open("wb") as writing:
                    for lines in self._kept(place):
                        writing.write(lines)
                    writing.write(more.encode())
                empty = file.stat().st_size == 0
            except OSError as error:
                raise StorageFailure(f"{file}: can't be written ({error.strerror or error})") from error
            if not empty:
                self._put(file, self._name(place))

    def put_manifest(self, counts: RecordCounts) -> None:
        """Put the file that says how many records there are, in Bedrock's words.

        Raises:
            LeaseLost: The job is no longer this worker's.
            StorageFailure: It can't be written.
        """
        manifest = {
            "totalRecordCount": self._request.records,
            "processedRecordCount": counts.processed,
            "successRecordCount": counts.succeeded,
            "errorRecordCount": counts.failed,
            "inputTokenCount": counts.input_tokens,
            "outputTokenCount": counts.output_tokens,
        }
        with self._services.scratch() as scratch:
            file = scratch / MANIFEST
            file.write_text(json.dumps(manifest) + "\n", encoding="utf-8")
            self._put(file, MANIFEST)

    def result(self, counts: RecordCounts) -> dict[str, Any]:
        """What the job's row says of a job that is done."""
        names = [*map(self._name, range(len(self._request.files))), MANIFEST]
        places = [f"{self._request.output.rstrip('/')}/{self._lease.job.id}/{name}" for name in names]
        figures = {name: value for name, value in to_json(counts).items() if name != "spending"}
        cost = {"cost": counts.spending.cost} if counts.spending.cost else {}
        return {"records": self._request.records, **figures, **cost, "files": places[:-1], "manifest": places[-1]}

    def discard(self) -> None:
        """Delete what is kept: all of it is in its place."""
        for what in ("answers", "responses"):
            self._store.delete(f"{self._folder}/{what}")

    def _name(self, place: int) -> str:
        return f"{self._request.files[place].name}.out"

    def _kept(self, place: int) -> Iterator[bytes]:
        keys = [entry.key for entry in self._store.entries(f"{self._folder}/answers/{place:05}/")]
        whole = {key for key in keys if key.endswith(".json")}
        return (self._store.read(f"{key}l") for key in sorted(whole))

    def _put(self, file: Path, name: str) -> None:
        self._lease.hold()
        put_output(self._services, file, self._request.output, f"{self._lease.job.id}/{name}")
