"""Models in worker processes; most answer by a script, which starts quickly."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.domain.errors import InvalidInput, ModelFailed, NotSupported, Throttled, UserError
from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.domain.models import Model
from outcrop.domain.records import Message, Role
from outcrop.serving import serving as module
from outcrop.serving.messages import Told
from outcrop.serving.serving import Serving
from outcrop.testing.engines import as_prompts
from tests.doubles import add_scripted
from tests.serving.asking import ask, wait_until

pytestmark = pytest.mark.process

LONG = " ".join(f"word{number}" for number in range(200))


@pytest.fixture
def outcrop(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outcrop]:
    monkeypatch.setenv("OUTCROP_MODEL_REQUESTS", "4")
    monkeypatch.setenv("OUTCROP_UNIT_REQUESTS", "2")
    with Outcrop(home) as opened:
        add_scripted(opened, tmp_path, "rock", responses={"Tell me": LONG, "Hi": "Hello there."}, pause=0.01)
        add_scripted(opened, tmp_path, "basalt", responses={"Hi": "Basalt."})
        yield opened


@pytest.fixture
def serving(outcrop: Outcrop) -> Iterator[Serving]:
    made = Serving(outcrop.services)
    yield made
    made.close()


@pytest.fixture
def rock(outcrop: Outcrop) -> Model:
    return outcrop.models.show("rock")


def test_requests_are_answered_side_by_side(serving: Serving, rock: Model) -> None:
    long, short = ask(serving, rock, "Tell me", max_tokens=500), ask(serving, rock, "Hi")
    assert short.response().text == "Hello there."
    assert long.came.qsize() < 150, "the short one does not wait for the long one"
    assert long.response().text == LONG
    assert [each.name for each in serving.loaded()] == ["rock"]


def test_each_base_has_a_worker_of_its_own(serving: Serving, outcrop: Outcrop, rock: Model) -> None:
    assert ask(serving, outcrop.models.show("basalt"), "Hi").response().text == "Basalt."
    assert ask(serving, rock, "Hi").response().text == "Hello there."
    assert len({each.pid for each in serving.loaded()}) == 2


def test_tokens_are_counted_and_texts_embedded(serving: Serving, rock: Model, outcrop: Outcrop) -> None:
    assert serving.count(rock, Prompt(0, (Message(Role.USER, "one two three"),))).result(60) == 3
    vectors, _ = serving.embed(rock, ["a b", "c"]).result(60)
    expected = outcrop.services.engines().open("rock").embed(["a b", "c"])
    assert (vectors == expected).all()


def test_what_a_request_does_wrong_is_its_own_affair(serving: Serving, rock: Model) -> None:
    with pytest.raises(UserError, match="tokens") as refused:
        ask(serving, rock, "word " * 5000).response()
    assert not isinstance(refused.value, NotSupported | InvalidInput)
    with pytest.raises(UserError, match="max_tokens"):
        ask(serving, rock, "Hi", max_tokens=0).response()
    assert ask(serving, rock, "Hi").response().text == "Hello there."
    assert len(serving.loaded()) == 1


def test_a_model_takes_so_many_requests_and_no_more(serving: Serving, rock: Model) -> None:
    asked = [ask(serving, rock, "Tell me", max_tokens=500) for _ in range(4)]
    with pytest.raises(Throttled, match="4 requests"):
        ask(serving, rock, "Hi")
    asked[0].cancel()
    asked[0].cancel()
    assert ask(serving, rock, "Hi").response().text == "Hello there."
    asked.append(ask(serving, rock, "Tell me", max_tokens=500))
    with pytest.raises(Throttled):
        ask(serving, rock, "Hi")
    assert asked[1].response().text == LONG
    assert asked[2].response().text == LONG


def test_units_of_a_provisioned_throughput_bound_its_requests(serving: Serving, outcrop: Outcrop, rock: Model) -> None:
    bought = outcrop.deployments.create("rock", "bought", kind="provisioned-throughput", units=1)
    asked = [ask(serving, rock, "Tell me", bought, max_tokens=500) for _ in range(2)]
    with pytest.raises(Throttled, match="bought has 1 model units"):
        ask(serving, rock, "Hi", bought)
    assert ask(serving, rock, "Hi").response().text == "Hello there.", "others are not counted against it"
    asked[0].cancel()
    assert ask(serving, rock, "Hi", bought).response().text == "Hello there."
    assert asked[1].response().text == LONG
    assert ask(serving, rock, "Hi", bought).response().text == "Hello there."


def test_a_cancelled_request_gets_nothing_more(serving: Serving, rock: Model) -> None:
    asked = ask(serving, rock, "Tell me", max_tokens=500)
    answers = asked.answers()
    while not isinstance(next(answers), Told):
        pass
    asked.cancel()
    wait_until(lambda: serving.loaded()[0].in_flight == 0)
    came = asked.came.qsize()
    assert ask(serving, rock, "Hi").response().text == "Hello there."
    assert asked.came.qsize() == came


def test_requests_in_flight_are_told_that_the_worker_ended(serving: Serving, rock: Model) -> None:
    asked = [ask(serving, rock, "Tell me", max_tokens=500) for _ in range(3)]
    for each in asked:
        next(each.answers())
    (first,) = serving.loaded()
    os.kill(first.pid, signal.SIGKILL)
    for each in asked:
        with pytest.raises(ModelFailed, match="ended by signal 9; ask again"):
            each.response()
    assert ask(serving, rock, "Hi").response().text == "Hello there."
    assert serving.loaded()[0].pid != first.pid


def test_a_worker_that_ends_again_and_again_is_left_alone(
    serving: Serving, rock: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        serving.load(rock).result(60)
        os.kill(serving.loaded()[0].pid, signal.SIGKILL)
        wait_until(lambda: not serving.loaded())
    with pytest.raises(ModelFailed, match="ended 3 times within 60 s; it is started again in"):
        ask(serving, rock, "Hi")
    monkeypatch.setattr(module, "_WITHIN", 0.0)
    assert ask(serving, rock, "Hi").response().text == "Hello there."


def test_what_nobody_asks_is_unloaded_unless_a_deployment_names_it(
    serving: Serving, outcrop: Outcrop, rock: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("rock", "basalt"):
        serving.load(outcrop.models.show(name)).result(60)
    assert serving.unload_idle() == []
    monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + 10_000)
    serving.keep([rock])
    assert serving.unload_idle() == ["basalt"]
    assert [each.name for each in serving.loaded()] == ["rock"]
    asked = ask(serving, outcrop.models.show("basalt"), "Hi")
    assert asked.response().text == "Basalt."


def test_closing_tells_who_waits(outcrop: Outcrop, rock: Model) -> None:
    serving = Serving(outcrop.services)
    asked = ask(serving, rock, "Tell me", max_tokens=500)
    next(asked.answers())
    serving.close()
    with pytest.raises(ModelFailed, match="is being unloaded"):
        asked.response()


def test_memory_is_made_by_unloading_what_nobody_needs(
    serving: Serving, outcrop: Outcrop, rock: Model, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcrop.models.add(str(tiny_folder), "tiny")
    tiny = outcrop.models.show("tiny")
    serving.load(rock).result(60)
    monkeypatch.setattr(module, "free_memory", lambda: 2**40 if not serving.loaded() else 2**20)
    serving.keep([rock])
    with pytest.raises(Throttled, match=r"needs 1\.1 GB of memory, and 1\.0 MB are free"):
        ask(serving, tiny, "Hi")
    serving.keep([])
    assert ask(serving, tiny, "Hi", max_tokens=3).response().prompt_tokens > 0
    assert [each.name for each in serving.loaded()] == ["tiny"]


def test_tokens_are_those_of_the_engine(serving: Serving, outcrop: Outcrop, tiny_folder: Path) -> None:
    outcrop.models.add(str(tiny_folder), "tiny")
    tiny = outcrop.models.show("tiny")
    texts = ["a", "some more words than before", "b c d"]
    asked = [ask(serving, tiny, text, max_tokens=20) for text in texts]
    engine = outcrop.services.engines().open("tiny")
    alone = engine.generate(as_prompts(texts), GenerationParameters(max_tokens=20))
    for one, other in zip(asked, alone, strict=True):
        found = one.response()
        assert (found.text, found.tokens) == (other.text, other.tokens) or other.near_ties


def test_a_model_that_can_not_be_read_is_refused_and_the_next_is_not(
    serving: Serving, outcrop: Outcrop, tiny_folder: Path
) -> None:
    outcrop.models.add(str(tiny_folder), "tiny")
    tiny = outcrop.models.show("tiny")
    folder = outcrop.services.store.get_folder(tiny.uri)
    (folder / "config.json").rename(folder / "config.moved")
    with pytest.raises(Exception, match=r"config\.json|missing"):
        ask(serving, tiny, "Hi", max_tokens=2).response()
    (folder / "config.moved").rename(folder / "config.json")
    assert ask(serving, tiny, "Hi", max_tokens=2).response().tokens
