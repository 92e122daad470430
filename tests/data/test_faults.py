from __future__ import annotations

import os
from pathlib import Path

from outcrop.data.faults import place


def test_a_file_name_that_is_not_utf8_still_prints() -> None:
    assert place(Path(os.fsdecode(b"d\xff.jsonl"))) == "d\\xff.jsonl"
