from __future__ import annotations

import pytest

from outcrop.domain.requests import name_faults

GOOD = ("a", "A1", "7b", "meta.llama3-1-8b-instruct-v1:0", "smollm2-135m-instruct-q4_1", "x" * 128)
BAD = ("", " ", "-a", ".a", "_a", "a b", "a/b", "../a", "ä", "a\n", "a\x00", "x" * 129, "a'b", "--json")


@pytest.mark.parametrize("name", GOOD)
def test_names(name: str) -> None:
    assert name_faults("model", name) == []


@pytest.mark.parametrize("name", BAD, ids=repr)
def test_what_is_no_name(name: str) -> None:
    (fault,) = name_faults("alias", name)
    assert (fault.where, fault.line, fault.field) == ("alias", None, "name")
    assert fault.found == repr(name)[:160]
    assert "1 to 128 letters, digits" in fault.expected
