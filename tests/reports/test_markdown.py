from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from outcrop.domain.models import CurvePoint
from outcrop.reports.markdown import render_markdown
from outcrop.reports.sections import thinned

from .samples import ALL, moved, moved_record, report, three

# Rich's own Markdown reader, with raw HTML let through as a wiki would.
READER = MarkdownIt("commonmark", {"html": True}).enable("table")


@pytest.mark.parametrize("name", ALL)
def test_every_row_has_the_columns_of_its_head(name: str) -> None:
    page = READER.render(render_markdown(ALL[name]()))
    tables = re.findall(r"<table>.*?</table>", page, re.DOTALL)
    assert tables
    for table in tables:
        rows = re.findall(r"<tr>.*?</tr>", table, re.DOTALL)
        assert len({len(re.findall(r"<t[hd][ >]", row)) for row in rows}) == 1
        assert len(rows) > 1


def test_no_text_acts_as_markup() -> None:
    page = READER.render(render_markdown(ALL["weird"]()))
    assert not re.search(r"<(script|img|a|del)\b", page)
    assert page.count("<h1>") == 1
    assert len(re.findall(r"<pre>", page)) == 30  # three texts for each of five records each way


def test_a_fence_outlasts_the_backticks_in_the_text() -> None:
    text = "before\n````\n# not a heading\n```\nafter"
    record = moved_record(1, 0.0, 1.0, prompt=text)
    page = READER.render(render_markdown(report(moved=(moved(improved=(record,), worsened=()),))))
    assert text in page
    assert "<h1>not" not in page


def test_verdict_scores_comparison_method_in_this_order() -> None:
    text = render_markdown(report())
    places = [text.index(part) for part in ("**Better:", "## Scores", "+0.103 |", "by category", "## How this was")]
    assert places == sorted(places)
    assert "not enough data (n=3)" in text


def test_every_candidate_has_its_part() -> None:
    text = render_markdown(three())
    assert "\n## synopsis minus" in text
    assert "\n## synopsis-lr-1e-3 minus" in text
    assert "**Worse:" in text


def test_long_texts_say_where_the_rest_is() -> None:
    assert "more characters; whole in records.jsonl of job" in render_markdown(ALL["weird"]())


def test_a_curve_is_thinned_evenly_with_both_ends() -> None:
    curve = tuple(CurvePoint(step, 1, 1.0, 2.0 if step % 250 == 0 else None) for step in range(1, 1001))
    kept = thinned(curve, 100)
    assert kept[0].step == 1
    assert kept[-1].step == 1000
    assert {250, 500, 750, 1000} <= {point.step for point in kept}
    assert len(kept) <= 110
    assert thinned(curve[:5], 100) == curve[:5]
