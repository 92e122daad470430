"""What tests of the server share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest

from outcrop import Outcrop
from outcrop.serving.serving import Serving
from outcrop.stores.address import parse
from tests.doubles import HereRunner, IdleRunner, keep_roof, patch_runner
from tests.server.serving_double import ServingDouble
from tests.server.wire import Wire

#: The id that the tiny model answers to.
TINY = "meta.llama3-1-8b-instruct-v1:0"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> IdleRunner:
    """Jobs wait, and nobody does their work."""
    return patch_runner(monkeypatch, IdleRunner())


@pytest.fixture
def working(monkeypatch: pytest.MonkeyPatch) -> IdleRunner:
    """Jobs are done when a request that starts one is answered."""
    return patch_runner(monkeypatch, HereRunner())


@pytest.fixture
def wire(home: Path) -> Iterator[Wire]:
    """A server over an empty home; ask for ``runner`` or ``working`` before it."""
    keep_roof(home)
    with Outcrop(home) as opened:
        yield Wire(opened)


@pytest.fixture
def tiny(wire: Wire, tiny_folder: Path) -> Wire:
    """The same with a tiny model, which has one of Bedrock's ids."""
    wire.outcrop.models.add(str(tiny_folder), "tiny")
    wire.outcrop.models.alias(TINY, "tiny")
    return wire


@pytest.fixture
def serving() -> ServingDouble:
    """What answers in place of models in ``answering``."""
    return ServingDouble()


@pytest.fixture
def answering(tiny: Wire, serving: ServingDouble) -> Wire:
    """The home with the tiny model behind a server whose models always say the same."""
    return Wire(tiny.outcrop, serving=cast("Serving", serving))


@pytest.fixture
def put(wire: Wire, tmp_path: Path) -> Callable[[str, Sequence[object]], str]:
    """Puts records at an ``s3://`` address, and returns it."""

    def put(place: str, records: Sequence[object]) -> str:
        file = tmp_path / "put.jsonl"
        file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        wire.outcrop.services.buckets.put(file, parse(place))
        return place

    return put
