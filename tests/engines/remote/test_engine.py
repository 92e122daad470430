"""Many requests to a server that fails, over sockets: each is answered once, in bounded time, within the budget."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from outcrop.domain.errors import NotSupported, OverBudget, RemoteFailure, RemoteRefusal
from outcrop.domain.generation import GenerationParameters, Response, Spending
from outcrop.domain.records import Message, Role
from outcrop.engines.remote.ledger import Budget
from outcrop.engines.remote.retries import Patience
from outcrop.engines.scripted import Script
from outcrop.testing.engines import as_prompts
from tests.engines.remote.conftest import PATIENCE, Serve, engine_at
from tests.model_server import Faults

GREEDY = GenerationParameters(max_tokens=16)
TEXTS = [f"prompt number {place} of many" for place in range(2000)]


def test_two_thousand_requests_to_a_server_that_fails_are_answered_once_each(serve: Serve) -> None:
    shares = {"throttle": 0.06, "fail": 0.05, "half": 0.03, "reset": 0.02, "hang": 0.0015}
    server = serve(Script(), Faults(shares, seed=1, retry_after="0.05"))
    engine = engine_at(server, patience=Patience(timeout=2.0, total=60.0, base=0.02, longest=0.5))
    kept: list[Response] = []
    began = time.monotonic()
    engine.generate_keeping(as_prompts(TEXTS), GREEDY, kept.extend, lambda: None)
    assert time.monotonic() - began < 40
    # As the engine sees it, and as the server does.
    assert sorted(response.number for response in kept) == list(range(2000))
    assert server.answered == Counter(TEXTS)
    assert all(response.text == TEXTS[response.number] for response in kept)
    assert all(server.happened[kind] for kind in shares)
    figures = engine.figures()
    failed = server.asked.total() - 2000
    assert (figures["requests"], figures["retries"]) == (2000, failed)
    assert figures["throttled"] == server.happened["throttle"]
    assert 0 < figures["latency_p50"] <= figures["latency_p90"] <= figures["latency_p99"]
    assert server.connections < server.asked.total() / 2, "connections are used again"


def test_a_server_gets_as_much_as_it_bears(serve: Serve) -> None:
    server = serve(Script(delay=0.002), capacity=6)
    engine_at(server).generate(as_prompts(TEXTS[:600]), GREEDY)
    # It is probed again and again, but not flooded.
    assert 6 <= server.most_at_once <= 16
    assert 0 < server.happened["throttle"] < 120


def test_never_more_at_once_than_is_allowed(serve: Serve) -> None:
    server = serve(Script(delay=0.001))
    engine_at(server, max_concurrency=3).generate(as_prompts(TEXTS[:60]), GREEDY)
    assert server.most_at_once == 3


def test_a_request_that_failed_goes_before_those_never_made(serve: Serve) -> None:
    refused: Iterator[tuple[int, dict[str, str], bytes]] = iter([(500, {}, b"")])
    server = serve(Script(delay=0.001), replace=lambda body: next(refused, None) if "0 of" in str(body) else None)
    engine = engine_at(server, max_concurrency=1, patience=Patience(timeout=5.0, total=5.0, base=0.005))
    engine.generate(as_prompts(TEXTS[:200]), GREEDY)
    asked = [body["messages"][0]["content"] for body in server.bodies]
    assert asked[0] == TEXTS[0]
    assert 0 < asked.index(TEXTS[0], 1) < 50


def test_a_server_that_always_fails_is_given_up(serve: Serve) -> None:
    server = serve(Script(), Faults({"fail": 1.0}))
    engine = engine_at(server, patience=Patience(timeout=1.0, total=0.3, base=0.02))
    began = time.monotonic()
    with pytest.raises(
        RemoteFailure, match=r"far: the server fails: 50\d <html>Oh no</html> \(asked \d+ times in 0 s\)"
    ):
        engine.generate(as_prompts(TEXTS[:3]), GREEDY)
    assert time.monotonic() - began < 2
    assert server.asked.total() > 5


def test_a_wish_for_hours_of_peace_ends_the_work_at_once(serve: Serve) -> None:
    server = serve(Script(), Faults({"throttle": 1.0}, retry_after="7200"))
    with pytest.raises(RemoteFailure, match="it wants to be left alone for 7200 s"):
        engine_at(server).generate(as_prompts(TEXTS[:1]), GREEDY)
    assert server.asked.total() == 1


def test_nobody_there(serve: Serve) -> None:
    server = serve()
    server.__exit__()
    with pytest.raises(RemoteFailure, match=r"broke off while connecting \(Connection refused\)"):
        engine_at(server).generate(as_prompts(TEXTS[:1]), GREEDY)


def test_a_refusal_ends_the_work_and_what_was_under_way_is_kept(serve: Serve) -> None:
    words = b'{"error": {"message": "Content management policy"}}'
    server = serve(Script(delay=0.01), replace=lambda body: (400, {}, words) if "20 of" in str(body) else None)
    kept: list[Response] = []
    with pytest.raises(RemoteRefusal, match="400 Content management policy"):
        engine_at(server).generate_keeping(as_prompts(TEXTS[:500]), GREEDY, kept.extend, lambda: None)
    assert sorted(server.answered) == sorted(TEXTS[response.number] for response in kept)
    assert 0 < len(kept) < 500


def test_a_wrong_key_is_told_and_never_shown(serve: Serve) -> None:
    server = serve(key="the right one")
    with pytest.raises(RemoteRefusal, match=r"401 Incorrect API key provided: Bearer \*\*\*$"):
        engine_at(server, key="sk-secret-1").generate(as_prompts(TEXTS[:1]), GREEDY)
    assert engine_at(server, key="the right one").generate(as_prompts(TEXTS[:1]), GREEDY)


def test_a_stop_keeps_what_is_under_way(serve: Serve) -> None:
    class Stop(Exception):
        pass

    def check() -> None:
        if kept:
            raise Stop

    server = serve(Script(delay=0.01))
    kept: list[Response] = []
    with pytest.raises(Stop):
        engine_at(server).generate_keeping(as_prompts(TEXTS[:500]), GREEDY, kept.extend, check)
    assert sorted(server.answered) == sorted(TEXTS[response.number] for response in kept)
    assert 1 < len(kept) < 50


PRICES: dict[str, Any] = {"input_price": 1.0, "output_price": 10.0}

#: A prompt has 5 words, a response 5 and its end: 65 millionths. At most: bytes of the prompt and 64, and 16 written.
ONE = 5e-6 + 6e-5
MOST = (len(TEXTS[10]) + 64) * 1e-6 + 16e-5


def test_a_budget_is_never_exceeded_and_nearly_used(serve: Serve) -> None:
    server = serve()
    engine = engine_at(server, budget=Budget(cost=100 * ONE), **PRICES)
    kept: list[Response] = []
    with pytest.raises(OverBudget, match="far: the budget leaves no room for another request"):
        engine.generate_keeping(as_prompts(TEXTS[10:]), GREEDY, kept.extend, lambda: None)
    assert engine.spending.cost == pytest.approx(len(kept) * ONE)
    assert server.answered.total() == len(kept)
    # A request begins while the most that it can cost is left.
    assert 100 * ONE - MOST < engine.spending.cost <= 100 * ONE
    assert engine.figures()["cost"] == engine.spending.cost


def test_what_was_spent_before_counts(serve: Serve) -> None:
    server = serve()
    engine = engine_at(server, budget=Budget(tokens=1000))
    engine.charge(Spending(990))
    with pytest.raises(OverBudget, match="990 of 1,000 tokens used"):
        engine.generate(as_prompts(TEXTS[:1]), GREEDY)
    assert server.asked.total() == 0
    assert engine.spending == Spending()


def test_answers_that_broke_off_count_with_the_most_they_can_cost(serve: Serve) -> None:
    server = serve(Script(), Faults({"half": 0.3}, seed=4))
    engine = engine_at(server, **PRICES)
    engine.generate(as_prompts(TEXTS[10:60]), GREEDY)
    lost = server.happened["half"]
    assert lost > 5
    assert engine.figures()["lost_cost"] == pytest.approx(lost * MOST)
    assert engine.spending.cost == pytest.approx(50 * ONE + lost * MOST)


def test_throttling_costs_nothing(serve: Serve) -> None:
    server = serve(Script(), Faults({"throttle": 0.2, "fail": 0.2}, seed=4))
    engine = engine_at(server, **PRICES)
    engine.generate(as_prompts(TEXTS[10:60]), GREEDY)
    assert engine.spending.cost == pytest.approx(50 * ONE)
    assert engine.figures()["lost_cost"] == 0


def test_a_stream_that_fails_before_its_first_piece_is_asked_again(serve: Serve) -> None:
    server = serve(Script(), Faults({"throttle": 0.4, "fail": 0.3}, seed=2))
    engine = engine_at(server)
    for prompt in as_prompts(TEXTS[:20]):
        assert "".join(engine.stream(prompt, GREEDY)) == TEXTS[prompt.number]
    assert server.asked.total() > 20


def test_a_stream_that_breaks_off_says_so(serve: Serve) -> None:
    server = serve(Script(), Faults({"half": 1.0}))
    stream = engine_at(server).stream(as_prompts(TEXTS)[0], GREEDY)
    assert next(stream)
    with pytest.raises(RemoteFailure, match="in the middle of a response; ask again"):
        list(stream)


def test_a_stream_keeps_to_the_budget(serve: Serve) -> None:
    engine = engine_at(serve(), budget=Budget(tokens=50))
    with pytest.raises(OverBudget):
        list(engine.stream(as_prompts(TEXTS)[0], GREEDY))
    engine = engine_at(serve(), **PRICES)
    list(engine.stream(as_prompts(TEXTS)[10], GREEDY))
    assert engine.spending.cost == pytest.approx(ONE)
    next(engine.stream(as_prompts(TEXTS)[10], GREEDY))
    assert engine.spending.cost == pytest.approx(ONE + MOST), "one that is left may cost anything"


def test_scoring_is_paid_too(serve: Serve) -> None:
    server = serve()
    engine = engine_at(server, **PRICES)
    engine.loglikelihood([("Granite is", " hard"), ("Granite is", " hard"), ("Granite is", " soft")])
    assert server.asked.total() == 2, "the same text is read once"
    # <s>, three words, and one that is written.
    assert engine.spending.tokens == 2 * 5
    assert engine.spending.cost == pytest.approx(2 * (4e-6 + 1e-5))


def test_a_conversation_before_a_continuation_is_refused(serve: Serve) -> None:
    with pytest.raises(NotSupported, match="far: its chat template is at its server"):
        engine_at(serve()).loglikelihood([((Message(Role.USER, "Is granite hard?"),), "yes")])


def test_a_timeout_covers_the_whole_answer(serve: Serve) -> None:
    server = serve(Script(), Faults({"hang": 1.0}))
    engine = engine_at(server, patience=Patience(timeout=0.2, total=0.5, base=0.01, longest=0.02))
    began = time.monotonic()
    with pytest.raises(RemoteFailure, match=r"no whole answer within 0\.2 s \(asked [23] times in"):
        engine.generate(as_prompts(TEXTS[:2]), GREEDY)
    assert time.monotonic() - began < 2


def test_an_error_of_keeping_ends_the_work(serve: Serve) -> None:
    def keep(_: object) -> None:
        raise OSError("disk full")

    server = serve(Script(delay=0.005))
    with pytest.raises(OSError, match="disk full"):
        engine_at(server, patience=PATIENCE).generate_keeping(as_prompts(TEXTS[:500]), GREEDY, keep, lambda: None)
    assert server.asked.total() < 50
