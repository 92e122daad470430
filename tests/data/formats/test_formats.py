from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.data import formats
from outcrop.data.formats import FORMATS, evaluation, messages, prompt_completion
from outcrop.data.records import RecordReader
from outcrop.domain.errors import Fault
from outcrop.domain.records import Purpose

TRAINING = {"prompt": "Q", "completion": "A"}
MESSAGES = {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}
EVALUATION = {"prompt": "P", "referenceResponse": "R"}
DOCS = Path(__file__).parents[3] / "docs" / "reference" / "formats.md"


def detected(value: dict[str, object], purpose: Purpose) -> str:
    result = formats.detect(value, purpose, 1, "data.jsonl")
    return str(result) if isinstance(result, Fault) else result[0].NAME


def test_the_first_record_decides() -> None:
    assert detected(dict(TRAINING), Purpose.FINE_TUNING) == prompt_completion.NAME
    assert detected(dict(MESSAGES), Purpose.FINE_TUNING) == messages.NAME
    assert detected(dict(EVALUATION), Purpose.EVALUATION) == evaluation.NAME


def test_a_record_that_both_purposes_could_mean_goes_by_the_purpose() -> None:
    assert detected({"prompt": "P"}, Purpose.FINE_TUNING) == prompt_completion.NAME
    assert detected({"prompt": "P"}, Purpose.EVALUATION) == evaluation.NAME


def test_an_evaluation_file_given_for_training_says_what_to_do() -> None:
    text = detected(dict(EVALUATION), Purpose.FINE_TUNING)
    assert text.startswith(
        "data.jsonl:1: found an evaluation file (it is in the evaluation format); expected a training file"
    )
    assert text.endswith('write the response to learn as "completion", or give this file to an evaluation job')


@pytest.mark.parametrize("value", [TRAINING, MESSAGES])
def test_a_training_file_given_for_evaluation_says_what_to_do(value: dict[str, object]) -> None:
    text = detected(value, Purpose.EVALUATION)
    assert re.match(
        r"data\.jsonl:1: found a training file \(it is in the (prompt-completion|messages) format\); expected an eval",
        text,
    )
    assert text.endswith('write the right response as "referenceResponse", or give this file to a customization job')


def test_a_record_in_no_known_format_shows_its_fields_and_the_formats() -> None:
    text = detected({"question": "Q", "answer": "A"}, Purpose.FINE_TUNING)
    found = 'a record in no known format (its fields: "question", "answer")'
    wanted = " or ".join(form.DESCRIPTION for form in FORMATS[Purpose.FINE_TUNING])
    assert text == f"data.jsonl:1: found {found}; expected {wanted}"
    assert "(no fields)" in detected({}, Purpose.EVALUATION)


def test_a_record_in_another_format_than_the_first_names_both() -> None:
    (fault,) = refused(dict(MESSAGES), prompt_completion)
    assert str(fault) == (
        "data.jsonl:9: found a record in the messages format; "
        "expected the prompt-completion format, as in the first record: a file has one format"
    )
    (fault,) = refused(dict(TRAINING), evaluation)
    assert fault.found == "a record in the prompt-completion format"


def test_a_record_like_no_format_has_the_faults_of_the_file_format() -> None:
    assert [fault.field for fault in refused({"promt": "Q"}, prompt_completion)] == ["prompt", "completion", "promt"]


def refused(value: dict[str, object], form: formats.Format) -> list[Fault]:
    result = formats.parse(value, form, 9, "data.jsonl")
    assert isinstance(result, list)
    return result


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["user", "assistant", "system"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "from", "value", "type", "text", "weight", "x"]), inner)
    ),
    max_leaves=5,
)
names = st.sampled_from(
    [
        *("prompt", "completion", "system", "messages", "referenceResponse", "category", "modelResponses"),
        *("instruction", "input", "output", "text", "conversations", "schemaVersion", "tools"),
        *("references", "choices", "cluster", "response", "modelIdentifier"),
    ]
)


@given(st.dictionaries(names | st.text(max_size=3), json_values), st.sampled_from(Purpose))
def test_no_json_object_raises(value: dict[str, object], purpose: Purpose) -> None:
    formats.detect(value, purpose, 1, "data.jsonl")
    for form in FORMATS[purpose]:
        assert form.parse(value, 1, "data.jsonl") != [], "a record that is refused has a fault"


def test_the_examples_of_the_reference_page_are_read(tmp_path: Path) -> None:
    sections = re.findall(
        r"^## The (\S+) format\n(.*?)(?=^## )", DOCS.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    known = {form.NAME: purpose for purpose, candidates in FORMATS.items() for form in candidates}
    assert {name for name, _ in sections} == set(known)
    for name, text in sections:
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(re.findall(r"```json\n(.*?)```", text, re.DOTALL)), encoding="utf-8")
        reader = RecordReader(path, known[name])
        items = list(reader)
        assert items
        assert not [item for item in items if isinstance(item, Fault)]
        assert reader.format is not None
        assert name == reader.format.NAME
