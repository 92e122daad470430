from __future__ import annotations

import pytest

from outcrop.domain.errors import InvalidInput, NotSupported
from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.domain.records import Message, Role
from outcrop.engines.scripted import Script, ScriptedEngine
from outcrop.evaluation.perturbations import perturb, signed
from outcrop.evaluation.robustness import builtin_robustness, responses, variants
from outcrop.metrics import named
from outcrop.metrics.robustness.drop import drop
from outcrop.metrics.statistics.compare import interval

PROMPTS = [f"What is the capital of {country}?" for country in ("France", "Italy", "Spain", "Sweden")]
ANSWERS = ["Paris", "Rome", "Madrid", "Stockholm"]
KINDS = ["typos", "lower_case"]


def written(engine: ScriptedEngine, prompts: list[str]) -> list[str]:
    asked = [Prompt(place, (Message(Role.USER, text),)) for place, text in enumerate(prompts)]
    return [response.text for response in engine.generate(asked, GenerationParameters())]


def test_a_model_that_reads_letter_by_letter_drops_and_one_that_does_not_stands() -> None:
    # Answers the prompts word for word, or in any case.
    by_letter = ScriptedEngine(Script(dict(zip(PROMPTS, ANSWERS, strict=True)), echo_words=1))
    small = [
        (f"(?i){country}", answer)
        for country, answer in zip(("France", "Italy", "Spain", "Sweden"), ANSWERS, strict=True)
    ]
    by_word = ScriptedEngine(Script({}, tuple(small), echo_words=1))
    changed = variants(PROMPTS, KINDS, seed=1)
    found = {}
    for name, engine in (("letter", by_letter), ("word", by_word)):
        answers = written(engine, [one.text for own in changed for one in own])
        for kind in KINDS:
            metric = drop(named("exact_match"), signed([kind], seed=1))
            items = responses(
                written(engine, PROMPTS), changed, answers, [(answer,) for answer in ANSWERS], kinds=[kind]
            )
            rows = metric.prepare(items)
            found[name, kind] = metric.score(rows)
            assert interval(metric, rows, seed=0).n == 4
    assert (found["letter", "typos"], found["letter", "lower_case"]) == (1, 1)
    assert found["word", "lower_case"] == 0
    assert 0 < found["word", "typos"] < 1


def test_variants_stand_by_record_and_kind() -> None:
    changed = variants(PROMPTS[:2], KINDS, seed=2, n=3)
    assert changed == [
        (*perturb(prompt, "typos", seed=2, n=3), *perturb(prompt, "lower_case", seed=2)) for prompt in PROMPTS[:2]
    ]


def test_responses_come_back_to_their_records_and_kinds() -> None:
    changed = variants(PROMPTS[:2], KINDS, seed=2, n=1)
    assert [len(own) for own in changed] == [2, 2]
    references = [("Paris",), ("Rome",)]
    typed, small = (
        responses(["p", None], changed, ["a", "b", "c", None], references, kinds=[kind], repeats=[("x",), ()])
        for kind in KINDS
    )
    assert [item.perturbed for item in typed] == [("a",), ("c",)]
    assert [item.perturbed for item in small] == [("b",), (None,)]
    assert [(item.original, item.references, item.repeats) for item in typed] == [
        ("p", ("Paris",), ("x",)),
        (None, ("Rome",), ()),
    ]
    both = responses(["p", None], changed, ["a", "b", "c", None], references, kinds=KINDS)
    assert [item.perturbed for item in both] == [("a", "b"), ("c", None)]
    assert [item.repeats for item in both] == [(), ()]


def test_a_response_too_few_is_refused() -> None:
    changed = variants(PROMPTS[:1], ["lower_case"])
    with pytest.raises(InvalidInput, match="found 0 responses to 1 perturbed prompts; expected one for each"):
        responses(["p"], changed, [], [("Paris",)], kinds=["lower_case"])


def test_bedrocks_robustness_goes_by_the_task() -> None:
    how = signed(["typos"])
    of_answers, of_texts = builtin_robustness(named("token_f1_set"), how), builtin_robustness(None, how)
    assert of_answers.name == of_texts.name == "Builtin.Robustness"
    assert "of:token_f1_set|" in of_answers.signature
    assert "of:wer|" in of_texts.signature
    with pytest.raises(NotSupported, match="needs a value for each record"):
        builtin_robustness(named("bleu"), how)
