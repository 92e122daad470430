from __future__ import annotations

from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.app.ways import Assumptions, compare_ways
from outcrop.domain.errors import InvalidInput
from outcrop.trainers.ways import Way
from tests.app.test_customization import COMPLETION, LORA, PROMPT, TOKENS
from tests.doubles import ROOF, pairs, write_lines


@pytest.fixture
def tiny(idle: Outcrop, tiny_folder: Path) -> Outcrop:
    idle.models.add(str(tiny_folder), "tiny")
    return idle


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return pairs(tmp_path / "train.jsonl", 8)


def named(ways: tuple[Way, ...]) -> dict[str, Way]:
    return {way.name: way for way in ways}


def test_four_ways_in_the_order_of_their_cost(tiny: Outcrop, train: Path) -> None:
    assumptions = Assumptions(examples=2, passages=4, passage_tokens=50, price_per_hour=0.5)
    found = compare_ways(tiny.services, "tiny", train=train, assumptions=assumptions)
    assert [way.name for way in found.ways] == [
        "prompt engineering",
        "RAG",
        "instruction fine-tuning",
        "continued pre-training",
    ]
    assert [way.prompt_tokens for way in found.ways] == [PROMPT + 2 * TOKENS, PROMPT + 4 * 50, PROMPT, PROMPT]
    assert {way.response_tokens for way in found.ways} == {COMPLETION}
    assert [way.training_seconds > 0 for way in found.ways] == [False, False, True, True]
    trained = [way.training_seconds for way in found.ways[2:]]
    assert trained[0] < trained[1]
    assert found.ways[1].seconds_batched > found.ways[0].seconds_batched > found.ways[3].seconds_batched
    assert all(way.seconds_batched < way.seconds_alone for way in found.ways)
    assert tiny.jobs.list() == []


def test_fine_tuning_costs_its_estimate_and_the_adapter(tiny: Outcrop, train: Path) -> None:
    ways = named(compare_ways(tiny.services, "tiny", train=train).ways)
    foreseen = tiny.estimate("tiny", train=train, name="new", probe=False)
    tuned, plain = ways["instruction fine-tuning"], ways["continued pre-training"]
    assert tuned.training_seconds == foreseen.seconds
    # The matrices are read once for each token that one response alone has; and two operations for each token of both.
    share = foreseen.roof_share * ROOF["flops"]
    more = COMPLETION * 4 * foreseen.trained_weights / ROOF["bytes"] + 2 * foreseen.trained_weights * TOKENS / share
    assert foreseen.trained_weights == 16 * LORA
    assert tuned.seconds_alone - plain.seconds_alone == pytest.approx(1000 * more)


def test_texts_of_their_own(tiny: Outcrop, train: Path, tmp_path: Path) -> None:
    texts = write_lines(tmp_path / "texts.jsonl", [{"text": "word " * 50}] * 30)
    found = compare_ways(tiny.services, "tiny", train=train, texts=texts)
    foreseen = tiny.estimate("tiny", train=texts, name="new", method="full", purpose="pre-training", probe=False)
    assert found.texts
    assert found.ways[3].training_seconds == foreseen.seconds


def test_a_prompt_beyond_the_context_is_told(tiny: Outcrop, train: Path) -> None:
    found = compare_ways(tiny.services, "tiny", train=train, assumptions=Assumptions(passages=3, passage_tokens=300))
    assert [way.fits for way in found.ways] == [True, False, True, True]


def test_assumptions_out_of_range(tiny: Outcrop, train: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        compare_ways(tiny.services, "tiny", train=train, assumptions=Assumptions(-1, 0, 0, -0.1))
    assert [fault.field for fault in caught.value.faults] == [
        "examples",
        "passages",
        "passage_tokens",
        "price_per_hour",
    ]


def test_speeds_are_measured_where_steps_are(tiny: Outcrop, train: Path) -> None:
    by_formula = compare_ways(tiny.services, "tiny", train=train)
    measured = compare_ways(tiny.services, "tiny", train=train, probe=True)
    assert (by_formula.probed, measured.probed) == (False, True)
    assert by_formula.bytes == ROOF["bytes"]
    assert measured.bytes != by_formula.bytes
    assert 0 < measured.flops < ROOF["flops"]
    assert measured.ways[0].seconds_alone > by_formula.ways[0].seconds_alone
