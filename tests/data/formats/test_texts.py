from __future__ import annotations

import pytest

from outcrop.data import formats
from outcrop.data.formats import input, text
from outcrop.domain.records import Purpose, TextRecord


@pytest.mark.parametrize("form", [input, text], ids=["input", "text"])
def test_a_text(form: formats.Format) -> None:
    assert form.parse({form.NAME: " As it is.\n"}, 7, "") == TextRecord(7, " As it is.\n")
    assert formats.detect({form.NAME: "x"}, Purpose.PRE_TRAINING, 1, "") == (form,)
    result = form.parse({form.NAME: "\n", "title": "T"}, 7, "data.jsonl")
    assert isinstance(result, list)
    assert [fault.field for fault in result] == [form.NAME, "title"]
