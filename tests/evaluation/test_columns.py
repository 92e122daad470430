"""Cells of every kind: what they are read as, and what is told of those that can't be."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from outcrop.data.reading import Line
from outcrop.domain.errors import InvalidInput
from outcrop.evaluation.columns import Cells, Columns, classification, extraction, forecast, levels, regression, texts
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.entities import Spanned, Tagged
from outcrop.metrics.forecast.forecasted import Forecasted
from outcrop.metrics.protocol import Pair
from outcrop.metrics.regression.estimated import Estimated
from outcrop.metrics.tagging import Span

COLUMNS = Columns()


def cells(**value: object) -> Cells:
    return Cells(Line(7, value), "a.csv")


def read(how: Callable[[Cells], Any], row: Cells) -> Any:
    found = how(row)
    assert row.faults == []
    return found


def told(how: Callable[[Cells], Any], row: Cells) -> list[str]:
    how(row)
    return [str(fault) for fault in row.faults]


@pytest.mark.parametrize(
    ("row", "pair"),
    [
        ({"prediction": "a", "reference": "b"}, Pair("a", ("b",))),
        ({"prediction": "", "reference": ["b", "c"]}, Pair("", ("b", "c"))),
        ({"prediction": None, "reference": None}, Pair(None, ())),
        ({"reference": []}, Pair(None, ())),
        ({"prediction": "a", "reference": ""}, Pair("a", ("",))),
    ],
)
def test_texts(row: dict[str, object], pair: Pair) -> None:
    reading = texts(COLUMNS)
    assert read(reading.item, cells(**row)) == pair
    assert reading.answer(pair) == pair.references


def test_what_is_no_text() -> None:
    assert told(texts(COLUMNS).item, cells(prediction=5, reference=["a", None])) == [
        "a.csv:7: prediction: found the number 5; expected a text",
        "a.csv:7: reference: found a list of 2; expected a text, or a list of texts",
    ]
    assert told(texts(COLUMNS).item, cells(prediction=b"a", reference=date(2026, 1, 1))) == [
        "a.csv:7: prediction: found a value of the type bytes; expected a text",
        "a.csv:7: reference: found a value of the type date; expected a text",
    ]


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("spam", "spam"),
        (" 1", " 1"),
        (1, "1"),
        (1.0, "1"),
        (0, "0"),
        (True, "true"),
        (False, "false"),
        ("", None),
        (None, None),
        (math.nan, None),
    ],
)
def test_labels(value: object, label: str | None) -> None:
    assert read(lambda row: row.label("label"), cells(label=value)) == label


@pytest.mark.parametrize("value", [1.5, math.inf, ["a"], {"a": 1}])
def test_what_is_no_label(value: object) -> None:
    [fault] = told(lambda row: row.label("label"), cells(label=value))
    assert fault.startswith("a.csv:7: label: found ")
    assert fault.endswith("expected a label: a text or a whole number")


def test_a_name_must_be_there() -> None:
    assert read(lambda row: row.name("id"), cells(id=3)) == "3"
    for row, found in ((cells(), "null"), (cells(id=None), "null"), (cells(id=""), '""')):
        expected = f"a.csv:7: id: found {found}; expected a text or a whole number in each record"
        assert told(lambda row: row.name("id"), row) == [expected]
    assert len(told(lambda row: row.name("id"), cells(id=[]))) == 1


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (2, 2.0),
        (0, 0.0),
        ("-1.5e3", -1500.0),
        (" 8 ", 8.0),
        (Decimal("2.5"), 2.5),
        ("inf", math.inf),
        ("", None),
        (None, None),
    ],
)
def test_numbers(value: object, number: float | None) -> None:
    assert read(lambda row: row.number("x"), cells(x=value)) == number


def test_nan_is_a_number_that_metrics_leave_out() -> None:
    assert math.isnan(read(lambda row: row.number("x"), cells(x="NaN")))


@pytest.mark.parametrize("value", [True, "a", "1,000", "1_000", [1], 10**400])
def test_what_is_no_number(value: object) -> None:
    [fault] = told(lambda row: row.number("x"), cells(x=value))
    assert fault.startswith("a.csv:7: x: found ")
    assert fault.endswith("expected a number")


def test_classification() -> None:
    row = {"label": 1, "prediction": "0", "reference": "no label", "score": "0.25"}
    reading = classification(COLUMNS, row, "1")
    item = read(reading.item, cells(**row))
    assert item == Classified("1", "0", {"1": 0.25})
    assert (reading.needed, reading.right, reading.answer(item)) == (("label", "prediction", "score"), "label", "1")
    assert read(reading.item, cells(**row | {"score": "nan"})).scores is None
    assert read(reading.item, cells(**row | {"score": {"0": 0.5, "1": None}})).scores == {"0": 0.5}


def test_classification_by_the_columns_that_are_there() -> None:
    by_reference = classification(COLUMNS, ["prediction", "reference"], None)
    assert by_reference.needed == ("reference", "prediction")
    assert read(by_reference.item, cells(prediction="a", reference="b")) == Classified("b", "a", None)
    assert classification(COLUMNS, ["reference", "score"], None).needed == ("reference", "score")
    assert classification(COLUMNS, ["other"], None).needed == ("label", "prediction")
    named = Columns(label="truth", score="sure")
    assert classification(named, ["prediction", "reference", "score"], None).needed == ("truth", "prediction", "sure")


def test_scores_that_belong_to_no_label() -> None:
    reading = classification(COLUMNS, ["label", "score"], None)
    assert told(reading.item, cells(label="a", score=0.5)) == [
        "a.csv:7: score: found one number; expected --positive LABEL, to say which label it is for"
    ]
    assert told(reading.item, cells(label="a", score={"a": 1, "b": "much"})) == [
        'a.csv:7: score.b: found "much"; expected a number'
    ]


def test_regression() -> None:
    row = {"prediction": "1", "reference": 2, "scale": 0.5}
    assert read(regression(COLUMNS, row).item, cells(**row)) == Estimated(2.0, 1.0, 0.5)
    reading = regression(COLUMNS, ["prediction", "reference"])
    assert read(reading.item, cells(reference="")) == Estimated(None, None, None)
    assert reading.answer(Estimated(2.0, 1.0)) == 2.0


def test_quantiles() -> None:
    by_level = levels(["reference", "P90", "p2.5", "p50", "page", "p100"], "a.csv")
    assert by_level == {0.025: "p2.5", 0.5: "p50", 0.9: "P90"}
    assert list(by_level) == [0.025, 0.5, 0.9]
    reading = forecast(COLUMNS, by_level)
    item = read(reading.item, cells(reference=3, p50="4", P90=None))
    assert item == Forecasted(3.0, {0.5: 4.0})
    assert (reading.needed, reading.answer(item)) == (("reference",), 3.0)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["q", "reference"], 'a.csv: found the columns "q", "reference"; expected columns of quantiles'),
        (["p10", "P10"], 'a.csv: P10: found the same quantile as "p10"; expected each quantile once'),
        (["p0", "p50"], "a.csv: p0: found a quantile at 0; expected a quantile between p0 and p100"),
    ],
)
def test_columns_that_are_no_quantiles(names: list[str], told: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        levels(names, "a.csv")
    assert str(raised.value).startswith(told)


SPAN: dict[str, object] = {"type": "PER", "start": 0, "end": 2}


@pytest.mark.parametrize(
    ("prediction", "reference", "item"),
    [
        ("O B-PER", ["B-PER", "O"], Tagged(("O", "B-PER"), ("B-PER", "O"))),
        ("", "O", Tagged(None, ("O",))),
        ([], [], Tagged((), ())),
        ([SPAN], [SPAN, SPAN], Spanned((Span("PER", 0, 2),), (Span("PER", 0, 2),) * 2)),
        ([], [SPAN], Spanned((), (Span("PER", 0, 2),))),
        (None, [SPAN], Spanned(None, (Span("PER", 0, 2),))),
    ],
)
def test_extraction(prediction: object, reference: object, item: Tagged | Spanned) -> None:
    reading = extraction(COLUMNS)
    assert read(reading.item, cells(prediction=prediction, reference=reference)) == item
    assert reading.answer(item) == item.reference


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        (["B-PER"], ["B-PER", "O"], ['prediction: found a list of 1; expected 2 tags, as many as "reference" has']),
        (["O", "X"], ["Y", "O"], ["prediction[1]: found \"X\"; expected O, or a tag such as B-PER",
                                  "reference[0]: found \"Y\"; expected O, or a tag such as B-PER"]),
        (["O"], [SPAN], ["prediction: found a list of 1; expected objects as in the other column, and no tags"]),
        ([{"type": "PER"}], [], ['prediction: found a list of 1; expected a list of tags, or of objects with '
                                 '"type", "start" and "end"']),
        (["O"], [3], ['reference: found a list of 1; expected a list of tags, or of objects with "type", "start" '
                      'and "end"']),
    ],
)  # fmt: skip
def test_what_is_no_entity(prediction: object, reference: object, expected: list[str]) -> None:
    row = cells(prediction=prediction, reference=reference)
    assert told(extraction(COLUMNS).item, row) == [f"a.csv:7: {fault}" for fault in expected]
