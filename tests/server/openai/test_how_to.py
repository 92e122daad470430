"""The snippets of docs/how-to/openai.md do what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.server.openai.double import RESPONSE, Double

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "openai.md"


def test_the_snippets_run(double: Double, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # The page's model stands for both that tests ask.
    for name in ("rock", "words"):
        double.outcrop.services.catalog.remove_model(name)
    for name in NAMES:
        double.outcrop.services.catalog.add_model(a_model(name))
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8090/v1")
    monkeypatch.setenv("OPENAI_API_KEY", double.key)
    real = openai.OpenAI

    def without_a_socket(**given: Any) -> openai.OpenAI:
        return real(http_client=httpx2.Client(transport=double.transport), **given)

    monkeypatch.setattr(openai, "OpenAI", without_a_socket)
    snippets = re.findall(r"^```py\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(snippets) == 5
    exec(compile("\n".join(snippets), "snippets", "exec"), {"__name__": "snippets"})
    said = RESPONSE.text
    assert capsys.readouterr().out == f"{said}\n11\n{said}\n4 tokens\n{said}\n2 3\nrock\n"
