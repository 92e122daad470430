from __future__ import annotations

import json
from typing import Any

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.domain.scores import Direction
from outcrop.evaluation.judges import custom
from outcrop.evaluation.judges.custom import custom_criteria


def definition(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Warmth",
        "instructions": "How warm is {{prediction}} as an answer to {{ prompt }}?",
        "ratingScale": [
            {"definition": "Cold", "value": {"floatValue": 1}},
            {"definition": "Warm", "value": {"floatValue": 2.5}},
        ],
    } | changes


def words(*values: str) -> list[dict[str, Any]]:
    return [{"definition": f"is {value}", "value": {"stringValue": value}} for value in values]


def faults(given: Any) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        custom_criteria(json.dumps(given), "criteria.json")
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    "given",
    [
        definition(),
        [definition()],
        {"customMetrics": [{"customMetricDefinition": definition()}]},
        {"customMetricConfig": {"customMetrics": [{"customMetricDefinition": definition()}]}},
        [{"metricName": "Warmth"} | {key: value for key, value in definition().items() if key != "name"}],
    ],
)
def test_every_form_of_bedrocks_is_read(given: Any) -> None:
    (criterion,) = custom_criteria(json.dumps(given), "criteria.json")
    assert criterion.name == "Warmth"
    assert [(one.answer, one.definition, one.value) for one in criterion.scale] == [
        ("1", "Cold", 1.0),
        ("2.5", "Warm", 2.5),
    ]
    assert criterion.direction is Direction.HIGHER
    assert criterion.may_not_apply


def test_words_have_no_better_way_and_lower_is_said() -> None:
    given = [definition(name="Tone", ratingScale=words("formal", "casual")), definition(direction="lower")]
    tone, warmth = custom_criteria(json.dumps(given), "criteria.json")
    assert (tone.direction, tone.numeric, tone.values) == (Direction.NONE, False, ())
    assert warmth.direction is Direction.LOWER


@pytest.mark.parametrize(
    "changes", [{}, {"direction": "lower"}, {"ratingScale": words("stiff", "loose")}], ids=["numbers", "lower", "words"]
)
def test_what_is_written_is_read(changes: dict[str, Any]) -> None:
    (criterion,) = custom_criteria(json.dumps(definition(**changes)), "here")
    written = custom.definition(criterion)
    assert written["customMetricDefinition"]["metricName"] == criterion.name
    assert custom_criteria(json.dumps(written), "there") == (criterion,)


def test_all_faults_come_at_once() -> None:
    found = faults(
        [
            definition(name="so warm", instructions="Rate {{answer}}", extra=1),
            definition(ratingScale=[{"definition": "", "value": 1}, *words("a"), definition()["ratingScale"][0]]),
            definition(name="Builtin.Mine", direction="up", ratingScale=words("a", "A")),
            "Warmth",
        ]
    )
    expected = [
        ("[0].name", "letters, digits"),
        ("[0].instructions", "variables among {{prompt}}"),
        ("[0].instructions", "{{prediction}} where the response is to stand"),
        ("[0].extra", "direction, instructions"),
        ("[1].ratingScale[0].definition", "1 to 100 characters"),
        ("[1].ratingScale[0].value", "floatValue"),
        ("[1].ratingScale", "values of one kind"),
        ("[2].name", "does not begin with Builtin."),
        ("[2].direction", "higher or lower"),
        ("[2].ratingScale", "each value once"),
        ("[3]", "an object with name"),
    ]
    assert len(found) == len(expected), found
    for fault, (field, text) in zip(found, expected, strict=True):
        assert fault.startswith(f"criteria.json: {field}:"), fault
        assert text in fault


def test_names_may_not_be_there_twice() -> None:
    assert ["more than once" in fault for fault in faults([definition(), definition(name="warmth")])] == [True]


@pytest.mark.parametrize("scale", [None, [], words("a"), words(*"abcdefghijk"), "high"])
def test_a_scale_has_two_to_ten_ratings(scale: Any) -> None:
    assert "2 to 10 ratings" in faults(definition(ratingScale=scale))[0]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), True, "3"])
def test_a_rating_is_a_number_or_a_text(number: Any) -> None:
    scale = [*definition()["ratingScale"], {"definition": "odd", "value": {"floatValue": number}}]
    assert "floatValue" in faults(definition(ratingScale=scale))[0]


@pytest.mark.parametrize("given", [[], {}, 3, [definition()] * 11])
def test_something_else_is_refused(given: Any) -> None:
    assert faults(given)


def test_no_json_says_where() -> None:
    with pytest.raises(InvalidInput, match=r"criteria\.json: found Expecting value.*; expected JSON"):
        custom_criteria("nope", "criteria.json")
