from __future__ import annotations

import json

import numpy as np
import pytest

from outcrop.domain.scores import Report
from outcrop.reports.document import document

from .samples import ALL, report, score, tiny


@pytest.mark.parametrize("name", ALL)
def test_it_survives_strict_json(name: str) -> None:
    plain = document(ALL[name]())
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_its_keys() -> None:
    plain = document(report())
    assert set(plain) == set(Report.__dataclass_fields__)
    assert set(plain["scores"][0]) >= {
        "model", "metric", "value", "low", "high", "n_scored", "n_given", "signature", "method", "unit", "direction",
    }  # fmt: skip
    assert set(plain["comparisons"][0]) >= {
        "metric", "baseline", "candidate", "difference", "low", "high", "p_value", "p_holm", "n", "method",
    }  # fmt: skip
    assert plain["verdicts"][0]["outcome"] == "better"
    assert plain["comparisons"][0]["difference"] == 0.1034


def test_what_is_not_finite_is_none_and_numpy_is_plain() -> None:
    assert document(tiny())["scores"][3]["value"] is None
    plain = document(report(scores=(score("m", "rougeL", value=np.float64(0.5), n_scored=np.int64(3), low=np.inf),)))
    assert plain["scores"][0]["value"] == 0.5
    assert type(plain["scores"][0]["value"]) is float
    assert type(plain["scores"][0]["n_scored"]) is int
    assert plain["scores"][0]["low"] is None
