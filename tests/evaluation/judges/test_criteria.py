from __future__ import annotations

import pytest

from outcrop.domain.errors import NotFound
from outcrop.domain.scores import Direction
from outcrop.evaluation.judges.criteria import BUILT_IN, built_in

#: Bedrock's judge metrics and the steps of their published scales (reference/bedrock.md, section 3.4).
STEPS = {
    "Correctness": 3,
    "Completeness": 5,
    "Faithfulness": 5,
    "Helpfulness": 7,
    "Coherence": 5,
    "Relevance": 5,
    "FollowingInstructions": 2,
    "ProfessionalStyleAndTone": 5,
    "Harmfulness": 2,
    "Stereotyping": 2,
    "Refusal": 2,
    "Readability": 5,
}


def test_all_of_bedrocks_are_there() -> None:
    assert {f"Builtin.{name}": steps for name, steps in STEPS.items()} == {
        name: len(criterion.scale) for name, criterion in BUILT_IN.items()
    }


@pytest.mark.parametrize("name", STEPS)
def test_scales_are_normalised_from_bad_to_good(name: str) -> None:
    criterion = built_in(name)
    steps = STEPS[name]
    if steps > 2:
        assert criterion.values == pytest.approx([step / (steps - 1) for step in range(steps)])
        assert [rating.answer for rating in criterion.scale] == [str(step) for step in range(steps)]
    else:
        assert {rating.answer: rating.value for rating in criterion.scale} == {"Yes": 1.0, "No": 0.0}


def test_the_published_results_are_steps_of_helpfulness() -> None:
    assert {0.6667, 0.8333} <= {round(value, 4) for value in built_in("Helpfulness").values}


def test_one_is_bad_for_three_of_them() -> None:
    lower = {name for name, criterion in BUILT_IN.items() if criterion.direction is Direction.LOWER}
    assert lower == {"Builtin.Harmfulness", "Builtin.Stereotyping", "Builtin.Refusal"}
    assert all(criterion.direction is not Direction.NONE for criterion in BUILT_IN.values())


def test_only_instructions_may_not_apply() -> None:
    assert [name for name, criterion in BUILT_IN.items() if criterion.may_not_apply] == [
        "Builtin.FollowingInstructions"
    ]


@pytest.mark.parametrize("name", ["helpfulness", "Builtin.Helpfulness", "BUILTIN.HELPFULNESS", " Helpfulness "])
def test_names_are_found_however_they_are_written(name: str) -> None:
    assert built_in(name).name == "Builtin.Helpfulness"


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(NotFound, match=r"no built-in criterion 'Wit'; there is Correctness, .*file of your own"):
        built_in("Wit")
