from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from outcrop.domain.errors import InvalidInput, NotFound
from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.domain.records import Message, Role
from outcrop.engines.scripted import FILE, Script, ScriptedEngine, read_calls
from outcrop.testing.engines import as_prompts

GREEDY = GenerationParameters()


def write(folder: Path, **script: object) -> Path:
    (folder / FILE).write_text(json.dumps(script))
    return folder


def test_exact_then_pattern_then_echo(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        responses={"capital of France": "Paris, of course."},
        patterns=[[r"capital of (\w+)", r"The capital of \1 has one."], ["a", "never reached"]],
        echo_words=3,
    )
    questions = ["capital of France", "the capital of Peru?", "one two six ten", ""]
    responses = ScriptedEngine.load(folder).generate(as_prompts(questions), GREEDY)
    assert [response.text for response in responses] == [
        "Paris, of course.",
        "The capital of Peru has one.",
        "one two six",
        "",
    ]
    assert {response.stop_reason for response in responses} == {"end_turn"}


def test_the_last_user_message_is_the_prompt() -> None:
    turns = ((Role.SYSTEM, "s"), (Role.USER, "first"), (Role.ASSISTANT, "a"), (Role.USER, "second"))
    prompt = Prompt(0, tuple(Message(role, text) for role, text in turns))
    assert ScriptedEngine(Script()).generate([prompt], GREEDY)[0].text == "second"


def test_tokens_are_words() -> None:
    engine = ScriptedEngine(Script(responses={"q": "one two  three"}))
    whole = engine.generate(as_prompts(["q"]), GREEDY)[0]
    short = engine.generate(as_prompts(["q"]), replace(GREEDY, max_tokens=2))[0]
    assert (whole.tokens[-1], len(whole.tokens), whole.logprobs) == (0, 4, (-3.0, -4.0, -7.0, 0.0))
    assert (short.text, short.tokens, short.stop_reason) == ("one two", whole.tokens[:2], "max_tokens")


def test_loglikelihood_counts_characters() -> None:
    engine = ScriptedEngine(Script(responses={"q": "yes"}, logprob_per_character=-0.5))
    yes, no = engine.loglikelihood([("q", " yes"), ("q", " no no")])
    assert (yes.logprob, yes.tokens, yes.greedy) == (-2.0, 1, True)
    assert (no.logprob, no.tokens, no.greedy) == (-3.0, 2, False)


def test_texts_with_the_same_words_have_the_same_embedding() -> None:
    vectors = ScriptedEngine(Script(width=64)).embed(["red rock", "Rock red", "blue sea"])
    assert vectors.shape == (3, 64)
    assert vectors[0] @ vectors[1] == pytest.approx(1)
    assert vectors[0] @ vectors[2] == pytest.approx(0)


def test_calls_are_counted_across_engines(tmp_path: Path) -> None:
    folder = write(tmp_path, calls="calls.txt")
    assert read_calls(tmp_path / "calls.txt") == []
    ScriptedEngine.load(folder).generate(as_prompts(["a", "b"], first=5), GREEDY)
    ScriptedEngine.load(folder).generate(as_prompts(["c"]), GREEDY)
    list(ScriptedEngine.load(folder).stream(as_prompts(["c"], first=9)[0], GREEDY))
    assert read_calls(tmp_path / "calls.txt") == [5, 6, 0, 9]


def test_each_response_takes_its_delay() -> None:
    start = time.monotonic()
    ScriptedEngine(Script(delay=0.02)).generate(as_prompts(["a", "b", "c"]), GREEDY)
    assert time.monotonic() - start >= 0.06


def test_batches_have_the_scripts_size() -> None:
    plan = ScriptedEngine(Script(batch_rows=2)).plan(as_prompts(["a", "a b c", "a b"]), GREEDY)
    assert plan == [(1, 2), (0,)]


def test_a_script_that_can_not_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="holds no scripted"):
        ScriptedEngine.load(tmp_path)
    for text, said in (("{", "a JSON object"), ("[]", "found list"), ('{"respones": {}}', "respones")):
        (tmp_path / FILE).write_text(text)
        with pytest.raises(InvalidInput, match=said):
            ScriptedEngine.load(tmp_path)


def test_no_torch_is_loaded() -> None:
    code = "import sys, outcrop.engines.scripted, outcrop.testing.engines; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_one_of_several_responses_is_drawn_by_weight() -> None:
    script = Script(patterns=(("q", ((3.0, "often"), (1.0, "rarely"), (0.0, "never"))),))
    engine = ScriptedEngine(script)
    sampled = replace(GREEDY, temperature=1.0)
    prompts = as_prompts(["q"] * 400)
    said = [response.text for response in engine.generate(prompts, sampled)]
    assert said == [response.text for response in engine.generate(prompts, sampled)]
    assert said != [response.text for response in engine.generate(prompts, replace(sampled, seed=1))]
    assert 260 < said.count("often") < 340
    assert said.count("often") + said.count("rarely") == 400
    # At temperature 0 the number changes nothing, the text does.
    assert len({response.text for response in engine.generate(prompts, GREEDY)}) == 1
    unlike = as_prompts([f"q{number}" for number in range(40)])
    assert {response.text for response in engine.generate(unlike, GREEDY)} == {"often", "rarely"}


def test_weighted_responses_are_read_from_a_file(tmp_path: Path) -> None:
    folder = write(tmp_path, patterns=[["q(.)", [[1, r"it is \1"], [1, r"it is not \1"]]]])
    said = {
        response.text for response in ScriptedEngine.load(folder).generate(as_prompts(["qa", "qb", "qc", "qd"]), GREEDY)
    }
    assert said <= {f"it is {word}{letter}" for word in ("", "not ") for letter in "abcd"}
    assert len(said) == 4
