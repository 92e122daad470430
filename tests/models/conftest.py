from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_model import CHATML, tiny_model

Altered = Callable[..., Path]


@pytest.fixture
def altered(tiny_folder: Path, tmp_path: Path) -> Altered:
    """Copies of the tiny model with entries of its JSON files set (None takes one out) and another template."""

    def make(name: str = "altered", *, template: str | None = CHATML, **changes: dict[str, Any]) -> Path:
        folder = tmp_path / name
        if template is None:
            tiny_model(folder, template=False)
        else:
            shutil.copytree(tiny_folder, folder)
            (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
        for file, values in changes.items():
            path = folder / f"{file}.json"
            content = json.loads(path.read_text(encoding="utf-8")) | values
            kept = {key: value for key, value in content.items() if value is not None}
            path.write_text(json.dumps(kept), encoding="utf-8")
        return folder

    return make
