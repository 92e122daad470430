from __future__ import annotations

from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.app.data import check_data
from outcrop.app.data_limits import with_limits
from outcrop.domain.errors import InvalidInput
from outcrop.domain.records import Purpose
from tests.doubles import pairs, questions


def test_faults_of_limits_come_beside_those_of_the_file(outcrop: Outcrop, tmp_path: Path) -> None:
    path = pairs(tmp_path / "train.jsonl", 4)
    path.write_text(path.read_text() + "{}\n")
    found = check_data(outcrop.services, str(path), Purpose.FINE_TUNING, None)
    limited = with_limits(outcrop.services, found, str(path), "nova")
    assert found.n_faults == 2
    assert limited.n_faults == 3
    assert limited.faults == (limited.faults[0], *found.faults)
    assert limited.faults[0].expected == "8 to 20,000 in the training file for nova"


def test_the_other_file_counts(outcrop: Outcrop, tmp_path: Path) -> None:
    path, beside = pairs(tmp_path / "train.jsonl", 60), pairs(tmp_path / "validation.jsonl", 40)
    found = check_data(outcrop.services, str(path), Purpose.FINE_TUNING, None)
    assert with_limits(outcrop.services, found, str(path), "llama").n_faults == 1
    assert with_limits(outcrop.services, found, str(path), "llama", beside=str(beside)).n_faults == 0
    with pytest.raises(InvalidInput, match="none: found no file"):
        with_limits(outcrop.services, found, str(path), "llama", beside=str(tmp_path / "none"))


def test_what_is_refused(outcrop: Outcrop, tmp_path: Path) -> None:
    path = questions(tmp_path / "test.jsonl")
    found = check_data(outcrop.services, str(path), Purpose.EVALUATION, None)
    with pytest.raises(InvalidInput, match="limits: found a file for evaluation"):
        with_limits(outcrop.services, found, str(path), "nova")
    train = pairs(tmp_path / "train.jsonl")
    found = check_data(outcrop.services, str(train), Purpose.FINE_TUNING, None)
    with pytest.raises(InvalidInput, match="as: found 'test'; expected one of training, validation"):
        with_limits(outcrop.services, found, str(train), "nova", "test")
