from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

import outcrop.reports
from outcrop.domain.scores import Report
from outcrop.reports import numbers
from outcrop.reports.html import render_html

from .samples import ALL, HOSTILE, TUNED, WEIRD, alone, curve, groups, moved, moved_record, report, three, tiny

VOID = {"meta", "br", "img", "link", "input", "hr"}
MEGABYTE = 1_000_000


class Page(HTMLParser):
    """Every start tag in order; complains about a tag that is left open or closed twice."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag


@pytest.fixture(params=ALL, ids=str)
def sample(request: pytest.FixtureRequest) -> Report:
    return ALL[request.param]()


def tables(page: str) -> list[list[list[str]]]:
    """The visible text of every cell."""
    return [
        [
            [visible(cell) for cell in re.findall(r"<t[hd]\b.*?</t[hd]>", row, re.DOTALL)]
            for row in re.findall(r"<tr\b.*?</tr>", table, re.DOTALL)
        ]
        for table in re.findall(r"<table\b.*?</table>", page, re.DOTALL)
    ]


def visible(markup: str) -> str:
    without_charts = re.sub(r"<svg.*?</svg>", "", markup, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", without_charts)).split())


def test_it_is_well_formed_with_unique_ids(sample: Report) -> None:
    page = Page(render_html(sample))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {(attributes.get("href") or "").removeprefix("#") for tag, attributes in page.tags if tag == "a"}
    assert targets <= set(ids)


def test_it_needs_nothing_else_and_runs_nothing(sample: Report) -> None:
    text = render_html(sample)
    tags = Page(text).tags
    assert not {"script", "link", "iframe", "img", "object", "embed", "form", "base"} & {tag for tag, _ in tags}
    assert not [
        name for _, attributes in tags for name in attributes if name.startswith("on") or name in ("src", "style")
    ]
    assert "http://" not in text
    assert "https://" not in text
    assert not re.search(r"@import|url\(", text)
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in text


def test_hostile_text_is_shown_as_it_is() -> None:
    text = render_html(ALL["weird"]())
    assert HOSTILE in unescape(text)
    assert not re.search(r"<(script|img)\b", text)
    assert "\x1b" not in text
    assert "\x00" not in text
    assert "{{ 7*7 }}" in text
    text.encode()


def test_it_stays_under_a_megabyte() -> None:
    long = (WEIRD + "<\"'&>" * 50) * 200
    record = moved_record(1, 0.1, 0.9, prompt=long, reference=long, responses={TUNED: long})
    many = tuple(replace(record, line=line) for line in range(500))
    parts = tuple(replace(groups()[1], group=f"group {number} {HOSTILE}") for number in range(2_000))
    made = report(moved=(moved(improved=many, worsened=many),), groups=parts)
    trained = replace(made.models[1], curve=curve(20_000))
    text = render_html(replace(made, models=(made.models[0], trained)))
    assert len(text.encode()) < MEGABYTE
    assert "more characters; whole in records.jsonl of job e-4m9q2x" in text
    assert "1,960 smaller ones are in the report’s JSON" in text
    assert "points, evenly picked" in text


def test_every_chart_is_well_formed(sample: Report) -> None:
    text = render_html(sample)
    found = re.findall(r"^.*<svg class=\"chart.*$", text, re.MULTILINE)
    assert len(found) == text.count('<svg class="chart')
    for line in found:
        root = ElementTree.fromstring(line[line.index("<svg") : line.rindex("</svg>") + len("</svg>")])
        assert root.get("role") == "img"
        assert [child.tag for child in root[:2]] == ["title", "desc"]


@pytest.mark.parametrize("made", [report(), three()], ids=["two", "three"])
def test_every_number_of_an_interval_bar_stands_in_its_row(made: Report) -> None:
    rows = re.findall(r"<tr\b(?:(?!</tr>).)*interval-bar.*?</tr>", render_html(made), re.DOTALL)
    assert len(rows) == len(made.comparisons) + sum(one.low is not None for one in made.groups)
    for row in rows:
        drawn = re.search(r"<desc[^>]*>(.*?)</desc>", row)
        assert drawn is not None
        difference, interval = drawn.group(1).split(", 95% interval ")
        assert difference in visible(row)
        assert interval in visible(row)


def test_every_point_of_a_curve_stands_in_its_table() -> None:
    made = report()
    text = render_html(made)
    (table,) = [rows for rows in tables(text) if rows[0] == ["Step", "Epoch", "Training", "Validation"]]
    points = made.models[1].curve
    assert [row[0] for row in table[1:]] == [numbers.count(point.step) for point in points]
    drawn = [len(re.findall(r"[ML]", path)) for path in re.findall(r"<path class=\"series[^>]* d=\"([^\"]+)\"", text)]
    # The training losses as they are and smoothed, then the validation losses.
    assert drawn == [sum(row[column] != "–" for row in table[1:]) for column in (2, 2, 3)]
    assert table[1][2] == f"{points[0].training_loss:.3f}"


def test_scores_and_comparison_read_like_the_report() -> None:
    scores, compared, by_category, *_ = tables(render_html(report()))
    assert scores[1] == [
        "ROUGE-L primary higher is better",
        "0.219 0.197 to 0.240",
        "0.322 0.295 to 0.349 126 of 128 scored",
    ]
    assert compared[2] == [
        "ROUGE-L primary higher is better; n=126",
        "0.219 0.197 to 0.240",
        "0.322 0.295 to 0.349",
        "",
        "+0.103 +0.079 to +0.128",
        "▲ better p < 0.001",
    ]
    assert by_category[2][0] == "games"
    assert by_category[-1] == ["hamradio", "3", "", "not enough data (n=3)", ""]


def test_colour_only_where_it_decides() -> None:
    rows = re.findall(r"<tr\b.*?</tr>", render_html(report()), re.DOTALL)
    tone = {
        visible(row).split(" higher")[0].split(" lower")[0].split(" neither")[0]: re.search(
            r"span (good|bad|flat)", row
        )
        for row in rows
        if "interval-bar" in row
    }
    found = {name.removesuffix(" primary"): match.group(1) for name, match in tone.items() if match}
    assert found["ROUGE-L"] == "good"
    assert found["perplexity"] == "bad"
    assert found["Exact match"] == found["Length ratio"] == "flat"


def test_the_order_is_verdict_scores_comparison_categories_records_training_method() -> None:
    text = render_html(report())
    places = [
        text.index(f'id="{name}"') for name in ("scores", "comparison", "categories", "records", "training", "method")
    ]
    assert text.index('class="verdict better"') < places[0]
    assert places == sorted(places)


def test_what_a_report_lacks_leaves_no_empty_section() -> None:
    text = render_html(alone())
    for name in ("comparison", "categories", "records", "training"):
        assert f'id="{name}"' not in text
    few = render_html(tiny())
    assert "interval-axis" not in few
    assert "No record changed its value." in few
    assert "not recorded" in few


def test_tables_have_captions_and_scopes(sample: Report) -> None:
    text = render_html(sample)
    for table in re.findall(r"<table\b.*?</table>", text, re.DOTALL):
        assert "<caption>" in table
        assert all("scope=" in head for head in re.findall(r"<th\b[^>]*>", table))


def test_the_same_report_gives_the_same_page() -> None:
    assert render_html(report()) == render_html(report())


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_wcag_aa_in_light_dark_and_print() -> None:
    css = (Path(outcrop.reports.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    themes = [
        dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    ]
    assert len(themes) == 3
    for theme in themes:
        for name in ("text", "muted", "accent", "good", "bad", "warn"):
            assert min(contrast(theme[name], theme[ground]) for ground in ("page", "panel")) >= 4.5, name
        for name in ("flat", "border", "series-0", "series-1", "series-2", "series-3"):
            assert min(contrast(theme[name], theme[ground]) for ground in ("page", "panel")) >= 3, name
    assert themes[0] == themes[2]
