from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from outcrop.domain.generation import GenerationParameters, Prompt, Response
from outcrop.domain.records import Message, Role
from outcrop.jobs.response_cache import ResponseCache
from outcrop.jobs.stored_responses import StoredResponses
from outcrop.stores.local import LocalStore

GREEDY = GenerationParameters()
FOUND = StoredResponses((Response(0, "a rock", "end_turn", 3, (1, 2), (-0.5, -0.1)),), 1.5)


def prompts(*texts: str) -> Sequence[Prompt]:
    return [Prompt(number, (Message(Role.USER, text),)) for number, text in enumerate(texts)]


def test_the_same_batch_of_the_same_model_is_answered_once(tmp_path: Path) -> None:
    cache = ResponseCache(LocalStore(tmp_path), {"weights": "a"})
    assert cache.find(prompts("one", "two"), GREEDY) is None
    cache.keep(prompts("one", "two"), GREEDY, FOUND)
    assert ResponseCache(LocalStore(tmp_path), {"weights": "a"}).find(prompts("one", "two"), GREEDY) == FOUND


def test_whatever_changes_responses_has_others(tmp_path: Path) -> None:
    cache = ResponseCache(LocalStore(tmp_path), {"weights": "a"})
    asked = prompts("one", "two")
    cache.keep(asked, GREEDY, FOUND)
    assert ResponseCache(LocalStore(tmp_path), {"weights": "b"}).find(asked, GREEDY) is None
    assert cache.find(asked, replace(GREEDY, max_tokens=5)) is None
    assert cache.find(asked, replace(GREEDY, seed=1)) is None
    assert cache.find(prompts("two", "one"), GREEDY) is None
    assert cache.find(asked[:1], GREEDY) is None
    assert cache.find([replace(one, chat=False) for one in asked], GREEDY) is None


def test_a_damaged_file_is_no_response(tmp_path: Path) -> None:
    cache = ResponseCache(LocalStore(tmp_path), {})
    cache.keep(prompts("one"), GREEDY, FOUND)
    (file,) = tmp_path.rglob("*.json")
    file.write_text('{"seconds": 1.0, "resp', encoding="utf-8")
    assert cache.find(prompts("one"), GREEDY) is None
    file.write_text('{"seconds": 1.0}', encoding="utf-8")
    assert cache.find(prompts("one"), GREEDY) is None
