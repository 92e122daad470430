from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from outcrop.catalog.protocol import Claim
from outcrop.domain.errors import InvalidInput, LeaseLost
from outcrop.domain.generation import GenerationParameters, Prompt, Response
from outcrop.domain.jobs import Progress
from outcrop.domain.records import Message, Role
from outcrop.engines.scripted import Script, ScriptedEngine, read_calls
from outcrop.jobs.lease import Lease, StopAsked
from outcrop.jobs.responses import ResponseBook
from outcrop.services import Services
from tests.doubles import taken_over

GREEDY = GenerationParameters()


@pytest.fixture
def lease(services: Services, claim: Claim) -> Lease:
    """A lease whose thread does not run: the tests beat for it."""
    return Lease(services.catalog, claim, 600)


@pytest.fixture
def book(services: Services, lease: Lease) -> ResponseBook:
    return ResponseBook(services.store, lease, "0", "scripted")


def prompts(count: int) -> list[Prompt]:
    """Prompts of different lengths, so that a plan is not the order of the file."""
    return [Prompt(number, (Message(Role.USER, f"{'rock ' * (number % 5)}{number}"),)) for number in range(count)]


class Mortal(ScriptedEngine):
    """Is killed in the middle of a batch, after so many whole ones."""

    def __init__(self, script: Script, batches: int) -> None:
        super().__init__(script)
        self._left = batches

    def generate(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Response]:
        if self._left == 0:
            super().generate(prompts[:1], parameters)
            raise KeyboardInterrupt
        self._left -= 1
        return super().generate(prompts, parameters)


def stored(services: Services, claim: Claim) -> list[str]:
    return [entry.key.rpartition("/")[2] for entry in services.store.entries(f"jobs/{claim.job.id}/responses/0/")]


def test_responses_come_in_the_order_of_the_prompts(book: ResponseBook) -> None:
    made = book.fill(ScriptedEngine(Script(batch_rows=3)), prompts(10), GREEDY)
    assert [response.number for response in made.responses] == list(range(10))
    assert made.responses[6].text == "rock 6"
    assert made.seconds > 0


def test_what_is_stored_is_never_generated_again(book: ResponseBook, tmp_path: Path) -> None:
    script = Script(batch_rows=3, calls=str(tmp_path / "calls"))
    first = book.fill(ScriptedEngine(script), prompts(10), GREEDY)
    again = book.fill(ScriptedEngine(script), prompts(10), GREEDY)
    assert again == first
    assert [one.latency for one in again.responses] == [one.latency for one in first.responses] != [None] * 10
    assert sorted(read_calls(tmp_path / "calls")) == list(range(10))


def test_an_interrupted_batch_runs_whole_and_the_others_not_at_all(
    book: ResponseBook, services: Services, claim: Claim, tmp_path: Path
) -> None:
    script = Script(batch_rows=3, calls=str(tmp_path / "calls"))
    with pytest.raises(KeyboardInterrupt):
        book.fill(Mortal(script, 2), prompts(10), GREEDY)
    assert stored(services, claim) == ["0.json", "1.json", "plan.json"]
    plan = json.loads(services.store.read(f"jobs/{claim.job.id}/responses/0/plan.json"))
    made = book.fill(ScriptedEngine(script), prompts(10), GREEDY)
    calls = read_calls(tmp_path / "calls")
    # The one row of the third batch that was answered before the end ran again, with its mates.
    twice = plan[2][0]
    assert sorted(calls) == sorted([*range(10), twice])
    assert calls[7:10] == plan[2]
    assert [response.number for response in made.responses] == list(range(10))


def test_the_plan_is_read_back(book: ResponseBook, services: Services, claim: Claim) -> None:
    """Another version, or another machine, might cut other batches; the job keeps those it began with."""
    with pytest.raises(KeyboardInterrupt):
        book.fill(Mortal(Script(batch_rows=3), 1), prompts(10), GREEDY)
    before = services.store.read(f"jobs/{claim.job.id}/responses/0/plan.json")
    book.fill(ScriptedEngine(Script(batch_rows=7)), prompts(10), GREEDY)
    assert services.store.read(f"jobs/{claim.job.id}/responses/0/plan.json") == before
    assert stored(services, claim) == ["0.json", "1.json", "2.json", "3.json", "plan.json"]


def test_each_model_has_a_book_of_its_own(services: Services, lease: Lease, tmp_path: Path) -> None:
    for number, words in enumerate((1, 2)):
        book = ResponseBook(services.store, lease, str(number), f"model {number}")
        made = book.fill(ScriptedEngine(Script(echo_words=words)), prompts(5), GREEDY)
        assert made.responses[3].text == " ".join(["rock"] * words)


def test_a_worker_that_lost_its_lease_stores_nothing(
    book: ResponseBook, lease: Lease, services: Services, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(ScriptedEngine):
        def generate(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Response]:
            taken_over(services, claim.job)
            monkeypatch.setattr("outcrop.jobs.lease.seconds_awake_or_asleep", lambda: 1e12)
            return super().generate(prompts, parameters)

    with pytest.raises(LeaseLost):
        book.fill(Slow(Script(batch_rows=3)), prompts(10), GREEDY)
    assert stored(services, claim) == ["plan.json"]


def test_a_wish_to_stop_is_heard_between_two_batches(
    book: ResponseBook, lease: Lease, services: Services, claim: Claim
) -> None:
    class Stopped(ScriptedEngine):
        def generate(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Response]:
            services.catalog.stop(claim.job.id)
            lease._renew()
            return super().generate(prompts, parameters)

    with pytest.raises(StopAsked):
        book.fill(Stopped(Script(batch_rows=3)), prompts(10), GREEDY)
    assert stored(services, claim) == ["0.json", "plan.json"]


def test_progress_counts_records_and_foretells_the_end(
    book: ResponseBook, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Progress] = []
    monkeypatch.setattr(lease, "progress", told.append)
    book.fill(ScriptedEngine(Script(batch_rows=4)), prompts(10), GREEDY)
    assert [(entry.done, entry.total) for entry in told] == [(0, 10), (4, 10), (8, 10), (10, 10)]
    assert {entry.phase for entry in told} == {"generating with scripted"}
    assert told[0].eta is None
    assert told[-1].eta == 0
    told.clear()
    book.fill(ScriptedEngine(Script(batch_rows=4)), prompts(10), GREEDY)
    # What was stored before says nothing about how fast this process is.
    assert {entry.rate for entry in told} == {0.0}


def test_prompts_that_do_not_fit_leave_no_plan(book: ResponseBook, services: Services, claim: Claim) -> None:
    with pytest.raises(InvalidInput, match="prompt 4"):
        book.fill(ScriptedEngine(Script(context=4)), prompts(10), GREEDY)
    assert stored(services, claim) == []


def test_no_prompts_need_no_batch(book: ResponseBook) -> None:
    assert book.fill(ScriptedEngine(Script()), [], GREEDY).responses == ()
