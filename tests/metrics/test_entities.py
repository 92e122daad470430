from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.entities import Spanned, Tagged, entity_f1, entity_precision, entity_recall
from outcrop.metrics.protocol import Metric
from outcrop.metrics.statistics.compare import interval
from outcrop.metrics.tagging import Span, spans

from .doubles import FIXTURES

# seqeval's values are stored with 12 digits.
TOLERANCE = 1e-11

SCHEMES: list[dict[str, Any]] = json.loads((FIXTURES / "entities.json").read_text(encoding="utf-8"))["schemes"]
MAKERS = (entity_precision, entity_recall, entity_f1)


def tagged(predicted: str | None, reference: str | None) -> Tagged:
    return Tagged(*(None if tags is None else tuple(tags.split()) for tags in (predicted, reference)))


@pytest.mark.parametrize("fixture", SCHEMES, ids=lambda fixture: str(fixture["scheme"]))
@pytest.mark.parametrize("number", range(3))
def test_values_equal_seqeval(fixture: dict[str, Any], number: int) -> None:
    metric = MAKERS[number](fixture["scheme"])
    sequences = fixture["sequences"]
    rows = metric.prepare([tagged(each["predicted"], each["reference"]) for each in sequences])
    assert metric.score(rows) == pytest.approx(fixture["values"][number], abs=TOLERANCE)
    # Where nothing was predicted, or nothing is there, seqeval says 0; here it is undefined.
    found = np.nan_to_num(metric.of_sums(rows))
    assert found == pytest.approx([each["values"][number] for each in sequences], abs=TOLERANCE)


@pytest.mark.parametrize(
    ("tags", "scheme", "expected"),
    [
        ("B-PER I-PER O B-LOC", "IOB2", [("PER", 0, 2), ("LOC", 3, 4)]),
        ("I-PER O B-LOC I-ORG", "IOB2", [("LOC", 2, 3)]),
        ("I-PER O B-LOC I-ORG", "any", [("PER", 0, 1), ("LOC", 2, 3), ("ORG", 3, 4)]),
        ("I-PER I-PER B-PER I-PER I-LOC", "IOB1", [("PER", 0, 2), ("PER", 2, 4), ("LOC", 4, 5)]),
        # A B that has no entity of its type right before it means nothing in IOB1.
        ("B-PER I-PER B-LOC", "IOB1", [("PER", 1, 2)]),
        # seqeval's strict mode finds the second B, although the first one is no entity.
        ("O B-PER B-PER", "IOB1", []),
        ("S-PER B-LOC I-LOC E-LOC", "BIOES", [("PER", 0, 1), ("LOC", 1, 4)]),
        ("B-LOC I-LOC O S-PER E-PER", "BIOES", [("PER", 3, 4)]),
        ("B-LOC I-LOC O S-PER E-PER", "any", [("LOC", 0, 2), ("PER", 3, 4), ("PER", 4, 5)]),
        ("B I O I", "any", [("", 0, 2), ("", 3, 4)]),
        ("B-A-B I-A-B", "IOB2", [("A-B", 0, 2)]),
        ("", "any", []),
    ],
)
def test_spans_by_hand(tags: str, scheme: Any, expected: list[tuple[str, int, int]]) -> None:
    assert spans(tags.split(), scheme) == {Span(*each) for each in expected}


@given(st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y", "S-X", "E-X", "E-Y"]), max_size=10))
def test_spans_do_not_overlap_and_hold_one_type(tags: list[str]) -> None:
    last = 0
    for span in sorted(spans(tags, "any"), key=lambda span: span.start):
        assert last <= span.start < span.end
        assert {tag.partition("-")[2] for tag in tags[span.start : span.end]} == {span.type}
        last = span.end


def test_type_and_place_have_to_be_right() -> None:
    person, place = Span("PER", 0, 2), Span("LOC", 3, 4)
    metric = entity_f1()
    item = Spanned((person, Span("ORG", 3, 4), person), (person, place, Span("LOC", 0, 2)))
    assert metric.prepare([item]).tolist() == [[1, 2, 3]]
    assert metric.score(metric.prepare([item])) == 2 / 5
    assert entity_precision().score(metric.prepare([item])) == 1 / 2
    assert entity_recall().score(metric.prepare([item])) == 1 / 3


def test_spans_of_tags_and_lists_of_spans_count_alike() -> None:
    tags = tagged("B-PER I-PER O", "B-PER O B-LOC")
    listed = Spanned((Span("PER", 0, 2),), (Span("PER", 0, 1), Span("LOC", 2, 3)))
    assert entity_f1().prepare([tags, listed]).tolist() == [[0, 1, 2]] * 2


def test_what_has_no_value_and_what_is_undefined() -> None:
    metric: Metric[Tagged | Spanned] = entity_precision()
    rows = metric.prepare([tagged(None, "O"), tagged("O", None), Spanned((), ()), Spanned(None, ()), tagged("", "")])
    assert [math.isnan(row[0]) for row in rows] == [True, True, False, True, False]
    # No entity predicted, none there: 0 of 0, which is not 0.
    assert all(math.isnan(make().score(rows)) for make in MAKERS)
    assert metric.prepare([]).shape == (0, 3)
    assert math.isnan(metric.score(metric.prepare([])))


def test_intervals_come_from_the_same_rows() -> None:
    metric = entity_f1("IOB2")
    items = [tagged("B-X O", "B-X O"), tagged("B-X O", "O B-X"), tagged("B-X I-X", "B-X I-X")] * 10
    found = interval(metric, metric.prepare(items), seed=1)
    assert found.value == pytest.approx(2 / 3)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 2 / 3 < found.high


def test_every_fault_is_told_at_once() -> None:
    items = [tagged("B-PER L-PER", "B-PER O-PER"), tagged("O", "O O"), tagged(None, "U-X")]
    with pytest.raises(InvalidInput) as caught:
        entity_f1().prepare(items)
    message = str(caught.value)
    for part in (
        "items[0].predicted[1]: found 'L-PER'; expected O, or a tag of scheme any: B-PER",
        "items[0].reference[1]: found 'O-PER'",
        "items[1].predicted: found 1 tags; expected 2, as many as the reference has",
        "items[2].reference[0]: found 'U-X'",
    ):
        assert part in message


def test_a_tag_of_another_scheme_is_a_fault() -> None:
    with pytest.raises(InvalidInput, match=r"found 'S-X'; expected O, or a tag of scheme IOB2"):
        entity_f1("IOB2").prepare([tagged("S-X", "B-X")])


def test_signatures() -> None:
    assert [make("BIOES").signature for make in MAKERS] == [
        f"entity_{name}|scheme:BIOES|match:type+span|avg:micro|v1" for name in ("precision", "recall", "f1")
    ]
