"""What these tests share."""

from __future__ import annotations

import json
from typing import Any

from outcrop.metrics.robustness.responses import Responses

from ..doubles import FIXTURES

FMEVAL: dict[str, Any] = json.loads((FIXTURES.parent / "robustness" / "fmeval.json").read_text(encoding="utf-8"))
HOW = "typos(typos=p:0.1,n:5,seed:5,v1)"


def delta_items() -> list[Responses]:
    """The responses of fmeval's cases of deltas."""
    return [Responses(case["original"], tuple(case["perturbed"]), (case["reference"],)) for case in FMEVAL["deltas"]]
