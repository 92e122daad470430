from __future__ import annotations

import inspect
import re

import pytest

from outcrop.domain import errors
from outcrop.domain.errors import Fault, InvalidInput, OurFault, OutcropError, UserError

TREE = [found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, OutcropError)]


def test_the_docstring_draws_the_tree() -> None:
    drawn = re.findall(r"^[│├└─ ]*(\w+) +(\w+) +([12])\b", errors.__doc__ or "", re.MULTILINE)
    assert {name: (code, int(exit_code)) for name, code, exit_code in drawn} == {
        error.__name__: (error.code, error.exit_code) for error in TREE if error is not OutcropError
    }


@pytest.mark.parametrize("error", TREE, ids=lambda error: str(error.__name__))
def test_exit_codes_say_whose_fault_it_is(error: type[OutcropError]) -> None:
    assert error.exit_code == (2 if issubclass(error, UserError) else 1)
    assert issubclass(error, (UserError, OurFault)) or error is OutcropError
    assert error.code.endswith("Exception")


def test_a_fault_is_one_line() -> None:
    assert str(Fault("a.jsonl", 7, "prompt", "3", "a text")) == "a.jsonl:7: prompt: found 3; expected a text"
    assert str(Fault("a.jsonl", None, "", "no file", "a file")) == "a.jsonl: found no file; expected a file"


def faults(count: int) -> list[Fault]:
    return [Fault("a.jsonl", line, "", "x", "y") for line in range(1, count + 1)]


def test_one_fault_stands_alone() -> None:
    assert str(InvalidInput(faults(1))) == "a.jsonl:1: found x; expected y"


def test_several_are_counted_and_listed() -> None:
    text = str(InvalidInput(faults(3))).splitlines()
    assert text[0] == "3 faults:"
    assert text[1:] == [f"  a.jsonl:{line}: found x; expected y" for line in (1, 2, 3)]


def test_many_are_cut_and_the_rest_is_counted() -> None:
    error = InvalidInput(faults(1000), total=12_345)
    lines = str(error).splitlines()
    assert lines[0] == "12345 faults:"
    assert len(lines) == 1 + InvalidInput.SHOWN + 1
    assert lines[-1] == f"  … and {12_345 - InvalidInput.SHOWN} more; --json lists up to the first thousand"
    assert (len(error.faults), error.total) == (1000, 12_345)


def test_as_many_as_are_shown_have_no_rest() -> None:
    assert "more" not in str(InvalidInput(faults(InvalidInput.SHOWN)))
