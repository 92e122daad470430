from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.domain.generation import Response
from outcrop.evaluation.judges.criteria import built_in
from outcrop.evaluation.judges.custom import custom_criteria
from outcrop.evaluation.judges.questions import Question
from outcrop.evaluation.judges.rulings import Ruling, read_ruling, rulings

from .doubles import HELPFUL, WORDS, YES_NO

COMPLETE = built_in("Completeness")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"explanation": "good", "rating": "3"}', "3"),
        ('{"rating": 3}', "3"),
        ('{"Rating": 3.0, "explanation": ""}', "3"),
        ('```json\n{"explanation": "a\nb", "rating": "4"}\n```', "4"),
        ('Let me see. {"steps": ["a"]} So {"rating": 2}', "2"),
        ('{"rating": 1} No, wait: {"rating": 2}', "2"),
        ('{"rating": "little is missing"}', "3"),
        ('{"rating": "3: little is missing"}', "3"),
        ('{"rating": "3/4"}', "3"),
        ('{"rating": "3 out of 4"}', "3"),
        ("Explanation: fine.\nRating: 3", "3"),
        ("**Rating:** **3**", "3"),
        ("Final score = 0.", "0"),
        ("Rating: 1\nThinking again.\nRating: 4", "4"),
        (" 4 ", "4"),
        ('{"rating": 7}', None),
        ('{"rating": "3-4"}', None),
        ('{"rating": 3.5}', None),
        ('{"rating": "3/5"}', None),
        ('{"rating": null}', None),
        ('{"rating": "N/A"}', None),
        ('{"rating": [3]}', "3"),
        ('{"rating": [3, 4]}', None),
        ('{"explanation": "cut off in the mid', None),
        ("I would give it a 3 or a 4.", None),
        ("", None),
    ],
)
def test_ratings_are_read(text: str, answer: str | None) -> None:
    assert read_ruling(text, COMPLETE, pairwise=False).answer == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"explanation": "x", "better": "A"}', "A"),
        ('{"better": "response b"}', "B"),
        ('{"winner": "Tie"}', "tie"),
        ("Verdict: A", "A"),
        ("Answer: [[B]]", "B"),
        ("B is better", "B"),
        ("A and B are alike", None),
        ('{"better": "C"}', None),
        ('{"better": "both"}', None),
    ],
)
def test_preferences_are_read(text: str, answer: str | None) -> None:
    assert read_ruling(text, HELPFUL, pairwise=True).answer == answer


def test_yes_and_no_may_be_true_and_false() -> None:
    found = [read_ruling(text, YES_NO, pairwise=False).answer for text in ('{"rating": true}', "No.", "rating: YES")]
    assert found == ["Yes", "No", "Yes"]


def test_what_does_not_apply_is_no_rating() -> None:
    criterion = built_in("FollowingInstructions")
    for text in ('{"rating": "N/A"}', '{"rating": "Not applicable"}', "N/A"):
        assert read_ruling(text, criterion, pairwise=False).answer == "N/A"


def test_words_and_numbers_below_zero_are_ratings_too() -> None:
    assert read_ruling('{"rating": "Casual"}', WORDS, pairwise=False).answer == "casual"
    scale = '[{"definition": "bad", "value": {"floatValue": -1}}, {"definition": "good", "value": {"floatValue": 1}}]'
    text = f'{{"name": "Sign", "instructions": "{{{{prediction}}}}", "ratingScale": {scale}}}'
    (sign,) = custom_criteria(text, "file")
    found = [
        read_ruling(said, sign, pairwise=False).answer for said in ('{"rating": -1}', "Rating: -1", "1", "+1", "-2")
    ]
    assert found == ["-1", "-1", "1", "1", None]


def test_explanations_are_kept_and_what_can_not_be_read_is_kept_whole() -> None:
    assert read_ruling('{"explanation": " so ", "rating": 1}', COMPLETE, pairwise=False) == Ruling("1", "so")
    assert read_ruling("Explanation: so\nRating: 1", COMPLETE, pairwise=False) == Ruling("1", "so")
    assert read_ruling(" hm \n", COMPLETE, pairwise=False) == Ruling(None, "hm")


def test_rulings_keep_the_order_of_the_questions() -> None:
    asked = [Question(0, 0, 0, 0), Question(0, 0, 1, 0, 0), Question(0, 1, 0, 0)]
    said = [Response(0, '{"rating": 6}', "end_turn", 1), Response(1, '{"better": "B"}', "end_turn", 1), None]
    assert [one.answer for one in rulings(asked, [HELPFUL], said)] == ["6", "B", None]


@given(st.text(alphabet=st.sampled_from('{}[]"\\:,rating3AB \n'), max_size=300))
def test_no_text_stops_the_reading(text: str) -> None:
    found = read_ruling(text, COMPLETE, pairwise=False)
    assert found.answer in {None, "0", "1", "2", "3", "4"}


def test_deep_nesting_and_many_braces_do_not_stop_it() -> None:
    assert read_ruling("{" * 100_000, COMPLETE, pairwise=False).answer is None
    assert read_ruling('{"rating":' * 20_000, COMPLETE, pairwise=False).answer is None
