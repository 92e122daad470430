from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from outcrop.domain.scores import Report
from outcrop.reports.terminal import render_terminal

from .samples import ALL, report


def printed(report: Report, width: int = 80, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    render_terminal(report, Console(file=file, width=width))
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [80, 48, 200])
@pytest.mark.parametrize("name", ALL)
def test_it_fits_and_has_no_escapes_when_piped(name: str, width: int) -> None:
    text = printed(ALL[name](), width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "\x1b" not in text


def test_the_verdict_comes_first() -> None:
    text = printed(report())
    assert text.startswith("BETTER  “synopsis” writes better summaries than its base")
    assert "Records by ROUGE-L: 88 improved, 31 got worse, 7 stayed the same" in text


def test_numbers_are_those_of_the_report() -> None:
    lines = printed(report()).splitlines()
    assert ["ROUGE-L", "synopsis", "0.322", "(0.295", "to", "0.349)", "126/128"] in [line.split() for line in lines]
    assert ["ROUGE-L", "+0.103", "+0.079", "to", "+0.128", "<", "0.001", "<", "0.001", "better"] in [
        line.split() for line in lines
    ]


def test_how_long_a_response_took_stands_with_its_unit() -> None:
    line = "Latency of smollm2-135m-instruct-q4_1: p50 1.20 s, p90 2.50 s, p99 2.81 s"
    assert line in printed(report(), 120).splitlines()


def test_a_wide_terminal_puts_the_models_side_by_side() -> None:
    assert any(
        "0.219 (0.197 to 0.240)" in line and "0.322 (0.295 to 0.349)" in line
        for line in printed(report(), 120).splitlines()
    )


@pytest.mark.parametrize("name", ALL)
def test_a_terminal_without_unicode(name: str) -> None:
    assert printed(ALL[name](), encoding="ascii")


def test_colour_is_used_where_there_is_colour() -> None:
    file = io.StringIO()
    render_terminal(report(), Console(file=file, width=80, force_terminal=True, color_system="standard"))
    assert "\x1b[" in file.getvalue()
