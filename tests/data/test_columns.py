"""Columns of any table as the fields of evaluation records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from outcrop.data.columns import ColumnMap, parse_columns, rename
from outcrop.data.reading import Line
from outcrop.data.records import RecordReader
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.records import EvaluationRecord, Purpose


def renamed(value: dict[str, Any], columns: str) -> dict[str, object]:
    found = rename(Line(7, value), parse_columns(columns), "table.csv")
    assert isinstance(found, Line)
    assert found.number == 7
    return found.value


def fault(value: dict[str, Any], columns: str) -> str:
    found = rename(Line(7, value), parse_columns(columns), "table.csv")
    assert isinstance(found, list)
    return "; ".join(map(str, found))


def test_named_columns_become_fields_and_the_others_are_left_out() -> None:
    row = {"question": "Who?", "answer": "I", "topic": "people", "id": 17}
    assert renamed(row, "prompt=question,reference=answer,category=topic") == {
        "prompt": "Who?",
        "referenceResponse": "I",
        "category": "people",
    }


def test_a_column_that_has_a_field_s_name_already_is_kept() -> None:
    row = {"question": "Who?", "referenceResponse": "I", "category": "people", "prompt": "not this one"}
    assert renamed(row, "prompt=question") == {"prompt": "Who?", "referenceResponse": "I", "category": "people"}


def test_what_is_named_is_not_read_from_another_column_too() -> None:
    row = {"question": "Who?", "text": "a page", "answers": ["I"], "referenceResponse": "the letter I"}
    assert renamed(row, "prompt=question,references=answers") == {"prompt": "Who?", "references": ["I"]}
    assert renamed({"page": "A page.", "prompt": "Read it."}, "text=page") == {"text": "A page."}


def test_spaces_around_names_do_not_count() -> None:
    assert parse_columns(" prompt = my question , category=topic ") == ColumnMap(
        (("prompt", "my question"), ("category", "topic"))
    )


def test_a_column_can_be_a_path() -> None:
    row = {"question": "Who?", "answer": {"value": "I", "aliases": ["I", "me"]}, "tags": ["people"]}
    assert renamed(row, "prompt=question,references=answer.aliases,category=tags.0") == {
        "prompt": "Who?",
        "references": ["I", "me"],
        "category": "people",
    }


def test_a_list_of_right_answers_becomes_references() -> None:
    assert renamed({"q": "Who?", "a": ["I", "me"]}, "prompt=q,reference=a")["references"] == ["I", "me"]


@pytest.mark.parametrize(
    ("cell", "texts"),
    [('["I", "me"]', ["I", "me"]), ("[1, 2]", ["1", "2"]), ("I", ["I"]), ("[sic] I", ["[sic] I"]), ("[1", ["[1"])],
)
def test_a_cell_of_a_csv_file_can_be_a_list(cell: str, texts: list[str]) -> None:
    assert renamed({"q": "Who?", "a": cell}, "prompt=q,references=a")["references"] == texts


def test_several_columns_make_a_list_in_the_order_given() -> None:
    row = {"q": "Which?", "a": "one", "b": "two", "c": "three"}
    assert renamed(row, "prompt=q,choices=c,choices=a")["choices"] == ["three", "one"]


@pytest.mark.parametrize(("value", "text"), [(3, "3"), (2.5, "2.5"), (True, "true"), (False, "false"), ("3", "3")])
def test_numbers_and_truth_values_become_texts(value: object, text: str) -> None:
    assert renamed({"q": "How many?", "a": value}, "prompt=q,reference=a")["referenceResponse"] == text


def test_null_is_a_field_left_out() -> None:
    assert renamed({"q": "Who?", "a": None}, "prompt=q,reference=a") == {"prompt": "Who?"}


@pytest.mark.parametrize("answer", [2, "2", "C", "c", " C "])
def test_the_right_choice_by_number_or_letter(answer: object) -> None:
    row = {"q": "Which?", "options": ["one", "two", "three"], "answer": answer}
    assert renamed(row, "prompt=q,choices=options,choice=answer")["referenceResponse"] == "three"


@pytest.mark.parametrize("answer", [3, "D", "third", -1, True, ""])
def test_a_choice_that_is_none(answer: object) -> None:
    row = {"q": "Which?", "options": ["one", "two", "three"], "answer": answer}
    told = fault(row, "prompt=q,choices=options,choice=answer")
    assert told.startswith("table.csv:7: answer: found ")
    assert told.endswith("expected which of 3 choices is right: 0 to 2, or A to C")


def test_a_choice_without_choices() -> None:
    told = fault({"q": "Which?", "answer": 0}, "prompt=q,choice=answer")
    assert told == "table.csv:7: answer: found the number 0; expected which of 0 choices is right: choices"


def test_every_wrong_part_is_told() -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_columns("prompt=a,question=b,category=,prompt=c,reference=d,choice=e,references=f,references=g")
    assert [str(each) for each in raised.value.faults] == [
        'columns: found the field "question"; expected one of prompt, reference, references, category, choices, '
        "choice, cluster, text",
        'columns: found "category"; expected FIELD=COLUMN',
        "columns: found another column for prompt; expected one column for it",
        "columns: found another column for choice; expected one column for it",
    ]


@pytest.mark.parametrize("text", ["", " , "])
def test_no_columns(text: str) -> None:
    with pytest.raises(InvalidInput, match="no columns"):
        parse_columns(text)


def read(path: Path, columns: str) -> list[Any]:
    return list(RecordReader(path, Purpose.EVALUATION, "table", parse_columns(columns)))


def test_a_csv_file_is_read_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('question,answer,topic,id\n"Who, then?",I,people,1\nWhat?,It,,2\n')
    assert read(path, "prompt=question,reference=answer,category=topic") == [
        EvaluationRecord(2, "Who, then?", "I", "people"),
        EvaluationRecord(3, "What?", "It", None),
    ]


def test_a_tsv_file_is_read_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    path.write_text("question\tanswer\nWho, then?\tI\n")
    assert read(path, "prompt=question,reference=answer") == [EvaluationRecord(2, "Who, then?", "I")]


def test_a_parquet_file_is_read_by_its_columns(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "table.parquet"
    rows = [{"q": {"text": "How many?"}, "n": 3}, {"q": {"text": "And now?"}, "n": None}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    assert read(path, "prompt=q.text,reference=n") == [
        EvaluationRecord(1, "How many?", "3"),
        EvaluationRecord(2, "And now?"),
    ]


def test_a_column_that_no_row_has_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("question,answer\nWho?,I\nWhat?,It\n")
    *records, last = read(path, "prompt=question,reference=anser,category=topic")[:-1]
    assert len(records) == 2
    assert last == Fault("table", None, "anser", "no such column in any row", "the column of reference")


def test_a_row_with_faults_is_told_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("q,a,b,right\nWhich?,one,two,1\nWhich?,one,two,5\n")
    *_, last = read(path, "prompt=q,choices=a,choices=b,choice=right")
    assert str(last).startswith("table:3: right: found ")
