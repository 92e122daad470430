from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from outcrop.domain.errors import InvalidInput, NotFound, StorageFailure
from outcrop.domain.generation import Spending
from outcrop.engines.remote.address import is_open, normalised
from outcrop.engines.remote.description import FILE, RemoteModel, read_description
from outcrop.engines.remote.protocol import Usage

FULL = RemoteModel("gneiss-1", "https://models.example/v1", "openai", "KEY", 1.0, 4.0, 8192, 16, logprobs=True)


def test_a_description_is_read_back(tmp_path: Path) -> None:
    assert FULL.faults() == []
    FULL.write(tmp_path)
    assert read_description(tmp_path) == FULL


def test_damaged_descriptions_are_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"holds no remote\.json"):
        read_description(tmp_path)
    (tmp_path / FILE).write_text("{")
    with pytest.raises(StorageFailure, match="is no JSON"):
        read_description(tmp_path)
    (tmp_path / FILE).write_text('{"url": 3}')
    with pytest.raises(InvalidInput, match="2 faults"):
        read_description(tmp_path)


def test_what_tokens_cost() -> None:
    assert FULL.price(Usage(500_000, 250_000)) == Spending(750_000, 1.5)
    assert replace(FULL, input_price=None, output_price=None).price(Usage(5, 2)) == Spending(7, 0.0)


def test_the_identity_is_that_of_protocol_address_and_id() -> None:
    same = replace(FULL, url="https://MODELS.example/v1/", api_key_env="", input_price=None, output_price=None)
    assert same.identity == FULL.identity
    others = [
        replace(FULL, model="gneiss-2"),
        replace(FULL, url="http://models.example/v1"),
        replace(FULL, protocol="bedrock"),
    ]
    assert len({other.identity for other in (FULL, *others)}) == 4


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"model": " "}, "model"),
        ({"url": ""}, "url"),
        ({"url": "models.example/v1"}, "url"),
        ({"url": "ftp://models.example"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://host:99999"}, "url"),
        ({"url": "https://host/a b"}, "url"),
        ({"url": "https://host/\r\nX: y"}, "url"),
        ({"url": "https://höst/"}, "url"),
        ({"url": "https://host/v1#x"}, "url"),
        ({"protocol": "grpc"}, "protocol"),
        ({"api_key_env": "sk-live-1234"}, "api_key_env"),
        ({"input_price": -1.0}, "input_price"),
        ({"output_price": float("nan")}, "output_price"),
        ({"output_price": None}, "input_price, output_price"),
        ({"context": 1}, "context"),
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"protocol": "bedrock", "logprobs": False}, "api_key_env"),
        ({"protocol": "bedrock", "api_key_env": ""}, "logprobs"),
    ],
)
def test_what_can_not_be_used(given: dict[str, object], field: str) -> None:
    assert [fault.field for fault in replace(FULL, **given).faults()] == [field]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given", [{"url": "https://me:secret@host/v1"}, {"url": "https://host/v1?key=secret"}, {"api_key_env": "secret-1"}]
)
def test_no_fault_shows_a_secret(given: dict[str, str]) -> None:
    (fault,) = replace(FULL, **given).faults()  # type: ignore[arg-type]
    assert "secret" not in str(fault)


def test_bedrock_needs_no_address() -> None:
    assert RemoteModel("amazon.nova-lite-v1:0", protocol="bedrock").faults() == []


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("http://host:8000", "http://host:8000/v1"),
        ("http://host:8000/", "http://host:8000/v1"),
        ("https://Host/openai/v1/", "https://host/openai/v1"),
    ],
)
def test_addresses_are_made_equal(address: str, found: str) -> None:
    assert normalised(address) == found


def test_what_can_be_read_on_its_way() -> None:
    assert is_open("http://models.example/v1")
    assert not is_open("https://models.example/v1")
    assert not is_open("http://127.0.0.1:8000/v1")
