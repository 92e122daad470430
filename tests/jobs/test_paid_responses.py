"""Responses of a remote model: stored when they come, and never asked for again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from random import Random

import pytest

from outcrop.catalog.protocol import Claim
from outcrop.domain.errors import LeaseLost, OverBudget
from outcrop.domain.generation import GenerationParameters, Prompt, Spending
from outcrop.domain.jobs import Progress
from outcrop.domain.records import Message, Role
from outcrop.engines.remote.description import RemoteModel
from outcrop.engines.remote.engine import RemoteEngine
from outcrop.engines.remote.http import Server
from outcrop.engines.remote.ledger import Budget, Ledger
from outcrop.engines.remote.openai import OpenAIClient
from outcrop.engines.remote.retries import Patience
from outcrop.engines.scripted import Script
from outcrop.jobs.lease import Lease, StopAsked
from outcrop.jobs.paid_responses import PaidBatch, describe
from outcrop.jobs.responses import ResponseBook
from outcrop.services import Services
from tests.doubles import taken_over
from tests.model_server import Faults, ModelServer

GREEDY = GenerationParameters(max_tokens=8)
PROMPTS = [Prompt(number, (Message(Role.USER, f"rock {number}"),)) for number in range(40)]


@pytest.fixture
def lease(services: Services, claim: Claim) -> Lease:
    """A lease whose thread does not run: the tests beat for it."""
    return Lease(services.catalog, claim, 600)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(Script(delay=0.002)) as running:
        yield running


def engine_at(server: ModelServer, ledger: Ledger | None = None) -> RemoteEngine:
    remote = RemoteModel("gneiss-1", server.address, input_price=1.0, output_price=1.0, max_concurrency=4)
    patience = Patience(timeout=5.0, total=10.0, base=0.01)
    client = OpenAIClient(Server(remote.address, "", patience.timeout), remote)
    return RemoteEngine("far", remote, client, ledger or Ledger(Budget()), patience, Random(0))


def fill(services: Services, lease: Lease, engine: RemoteEngine, prompts: Sequence[Prompt] = PROMPTS) -> list[int]:
    """The numbers of the responses that a batch gives."""
    found = PaidBatch(services.store, lease, f"jobs/{lease.job.id}/kept").fill(engine, prompts, GREEDY, lambda *_: None)
    return [response.number for response in found.responses]


def stored(services: Services, claim: Claim) -> list[int]:
    keys = [entry.key for entry in services.store.entries(f"jobs/{claim.job.id}/kept/")]
    parts = [json.loads(services.store.read(key)) for key in keys]
    return [response["number"] for part in parts for response in part["responses"]]


def test_a_stop_keeps_what_came(
    services: Services, lease: Lease, claim: Claim, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check() -> None:
        if len(stored(services, claim)) > 5:
            raise StopAsked

    monkeypatch.setattr(lease, "check", check)
    with pytest.raises(StopAsked):
        fill(services, lease, engine_at(server))
    kept = stored(services, claim)
    assert sorted(f"rock {number}" for number in kept) == sorted(server.asked)
    monkeypatch.setattr(lease, "check", lambda: None)
    assert fill(services, lease, engine_at(server)) == list(range(40))
    assert set(server.asked.values()) == {1}
    assert fill(services, lease, engine_at(server)) == list(range(40)), "nothing is left to ask"
    assert server.asked.total() == 40


def test_a_worker_that_lost_its_lease_stores_nothing(
    services: Services, lease: Lease, claim: Claim, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_over(services, claim.job)
    monkeypatch.setattr("outcrop.jobs.lease.seconds_awake_or_asleep", lambda: 1e12)
    with pytest.raises(LeaseLost):
        fill(services, lease, engine_at(server))
    assert stored(services, claim) == []
    assert server.asked.total() < 20


def test_what_was_spent_is_stored_with_what_broke_off(services: Services, lease: Lease, claim: Claim) -> None:
    with ModelServer(Script(), Faults({"half": 0.3}, seed=5)) as server:
        engine = engine_at(server)
        fill(services, lease, engine)
        assert server.happened["half"] > 3
    ledger = Ledger(Budget())
    fill(services, lease, engine_at(server, ledger))
    assert ledger.spent.tokens == engine.spending.tokens
    assert ledger.spent.cost == pytest.approx(engine.spending.cost)


def test_a_book_charges_what_its_batches_cost(services: Services, lease: Lease, server: ModelServer) -> None:
    book = ResponseBook(services.store, lease, "0", "far")
    first = book.fill(engine_at(server), PROMPTS, GREEDY)
    # Two words are read, and two and the end written.
    assert first.spending.tokens == 5 * 40
    assert first.spending.cost == pytest.approx(5e-6 * 40)
    ledger = Ledger(Budget(tokens=5 * 40))
    assert book.fill(engine_at(server, ledger), PROMPTS, GREEDY) == first
    assert ledger.spent == first.spending
    assert server.asked.total() == 40
    with pytest.raises(OverBudget):
        ResponseBook(services.store, lease, "1", "far").fill(engine_at(server, ledger), PROMPTS, GREEDY)


def test_progress_is_told_as_responses_come(
    services: Services, lease: Lease, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Progress] = []
    monkeypatch.setattr(lease, "progress", told.append)
    book = ResponseBook(services.store, lease, "0", "far")
    book.fill(engine_at(server), PROMPTS, GREEDY)
    counts = [progress.done for progress in told]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 40)
    assert len(set(counts)) > 5
    assert told[-1].rate > 0


def test_what_a_log_says() -> None:
    figures = {
        "requests": 2000.0,
        "retries": 383.0,
        "throttled": 150.0,
        "latency_p50": 0.5,
        "latency_p90": 1.25,
        "latency_p99": 4.0,
        "cost": 0.75,
        "lost_cost": 0.01,
        "lost_tokens": 1234.0,
    }
    assert describe(figures) == (
        "2,000 requests answered, 383 failed, 150 of these throttled; one took p50 0.50 s, p90 1.25 s, p99 4.00 s; "
        "cost 0.7500; in this at most 1,234 tokens, cost 0.0100 of requests that broke off"
    )
    nothing = dict.fromkeys(("requests", "retries", "throttled", "cost", "lost_cost", "lost_tokens"), 0.0)
    assert describe(nothing) == "0 requests answered, 0 failed, 0 of these throttled"


def test_spending_adds_up() -> None:
    assert Spending(3, 0.5) + Spending(2, 0.25) == Spending(5, 0.75)
    assert Spending(3, 0.5) - Spending(2, 0.25) == Spending(1, 0.25)
