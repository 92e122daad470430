"""A matrix of models and datasets in words, as Markdown and as a page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html import unescape

import pytest
from markdown_it import MarkdownIt

from outcrop.domain.scores import Direction, Outcome
from outcrop.evaluation.dataset_scores import DatasetScores
from outcrop.evaluation.detectable import Detectable
from outcrop.evaluation.gates import GateResult
from outcrop.evaluation.matrix import Contrast, matrix
from outcrop.evaluation.scoring import Scored
from outcrop.reports.document import plain
from outcrop.reports.matrix import (
    MOST_ROWS,
    grouped,
    others,
    power_sentence,
    power_sentences,
    regressions_first,
)
from outcrop.reports.matrix_html import render_matrix_html
from outcrop.reports.matrix_markdown import render_matrix_markdown
from tests.evaluation.doubles import MEAN, comparison, dataset

from .matrices import ALL, alone, column, finished, odd, sample, weird
from .samples import HOSTILE
from .test_html import MEGABYTE, Page

READER = MarkdownIt("commonmark", {"html": True}).enable("table")
NONE = Detectable(100, None, None, "nothing tells")


def test_regressions_come_first_and_the_largest_of_them() -> None:
    bounds = [(0.1, 0.2), (-0.3, -0.2), (-0.1, 0.1), (None, None), (-0.5, -0.4), (-0.02, 0.1)]
    contrasts = [Contrast("news", comparison(low, high), NONE) for low, high in bounds]
    found = [(one.comparison.low, one.comparison.high) for one in regressions_first(contrasts)]
    assert found == [(-0.5, -0.4), (-0.3, -0.2), (-0.1, 0.1), (-0.02, 0.1), (None, None), (0.1, 0.2)]


def test_a_rise_is_a_regression_where_lower_is_better() -> None:
    contrasts = [
        Contrast("up", comparison(0.1, 0.2), NONE),
        Contrast("down", comparison(0.1, 0.2, direction=Direction.LOWER), NONE),
    ]
    assert [one.dataset for one in regressions_first(contrasts)] == ["down", "up"]


def test_a_loss_that_holm_does_not_leave_is_none() -> None:
    contrasts = [
        Contrast("doubtful", comparison(-0.2, -0.1, p_holm=0.06), NONE),
        Contrast("shown", comparison(-0.1, -0.05), NONE),
    ]
    assert [one.dataset for one in regressions_first(contrasts)] == ["shown", "doubtful"]


def test_a_model_that_got_worse_anywhere_comes_first() -> None:
    worse, better = sample().verdicts
    assert (worse.outcome, better.outcome) == (Outcome.WORSE, Outcome.BETTER)
    assert re.fullmatch(r"“mixed” is worse than “base” on 1 of 2 datasets: news \(ROUGE-L −0\.\d+\)\.", worse.headline)
    assert worse.detail.startswith("95% intervals: news (−0.")
    assert "It is better on text (loss −0." in worse.detail
    assert re.search(r"By category, it got worse on “(sport|trade)” of news", worse.detail)
    assert re.search(r"Its mean rank is \d\.\d of 3 \(95% interval \d\.\d to \d\.\d\)", worse.detail)
    assert better.headline.startswith("“good” is better than “base” on 2 of 2 datasets: ")


def test_nothing_told_is_no_verdict_of_equality() -> None:
    made = finished(matrix(["base", "new"], [dataset("news", {"base": column(0), "new": column(9)})], seed=0))
    (verdict,) = made.verdicts
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.headline == "These records can’t tell whether “new” is better or worse than “base” on news."


def test_metrics_without_a_better_way_are_said_to_be_so() -> None:
    tables = [dataset("news", {"base": column(0), "new": column(1, 1)}, replace(MEAN, direction=Direction.NONE))]
    (verdict,) = finished(matrix(["base", "new"], tables, seed=0)).verdicts
    assert verdict.headline == "“new” and “base” were compared in metrics of which neither way is better."


def test_one_model_has_no_verdict() -> None:
    assert alone().verdicts == ()


def test_what_the_records_could_show_is_a_sentence() -> None:
    found = Detectable(128, 0.12, 0.029912, "the paired standard deviation seen")
    assert power_sentence(found, "rougeL", "news") == (
        "With 128 records of news you can detect a difference of 0.030 in ROUGE-L (80% power, two-sided α 0.05)."
    )
    wanted = power_sentence(replace(found, wanted=0.02, records=1285), "rougeL")
    assert wanted.startswith("With 128 records you can")
    assert wanted.endswith("(80% power, two-sided α 0.05); one of 0.02 takes 1,285 records.")
    assert power_sentence(replace(NONE, n=1), "rougeL") == (
        "With 1 record, nothing can be said of what a comparison would find: nothing tells."
    )
    assert len(power_sentences(sample())) == 4


def test_the_document_has_regressions_first_and_no_nan() -> None:
    found = plain(odd())
    assert found["contrasts"][0]["dataset"] in {"few", "neither", "empty"}
    assert plain(sample())["contrasts"][0]["comparison"]["candidate"] == "mixed"
    assert "nan" not in repr(found).lower()


@pytest.mark.parametrize("name", ALL)
def test_markdown_tables_are_whole_and_texts_stay_texts(name: str) -> None:
    page = READER.render(render_matrix_markdown(ALL[name]()))
    for table in re.findall(r"<table>.*?</table>", page, re.DOTALL):
        rows = re.findall(r"<tr>.*?</tr>", table, re.DOTALL)
        assert len({len(re.findall(r"<t[hd][ >]", row)) for row in rows}) == 1
        assert len(rows) > 1
    assert not re.search(r"<(script|img|a|del)\b", page)
    assert page.count("<h1>") == 1


@pytest.mark.parametrize("name", ALL)
def test_the_page_is_well_formed_and_needs_nothing(name: str) -> None:
    text = render_matrix_html(ALL[name]())
    page = Page(text)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {(attributes.get("href") or "").removeprefix("#") for tag, attributes in page.tags if tag == "a"}
    assert targets <= set(ids)
    assert not {"script", "link", "iframe", "img", "object", "embed", "form"} & {tag for tag, _ in page.tags}
    assert not re.search(r"https?://|@import|url\(", text)
    for line in re.findall(r"^.*<svg class=\"chart.*$", text, re.MULTILINE):
        root = ElementTree.fromstring(line[line.index("<svg") : line.rindex("</svg>") + len("</svg>")])
        assert [child.tag for child in root[:2]] == ["title", "desc"]


def test_hostile_names_are_shown_as_they_are() -> None:
    text = render_matrix_html(weird())
    assert HOSTILE in unescape(text)
    assert "\x1b" not in text
    text.encode()


def test_every_number_of_the_matrix_is_in_each_rendering() -> None:
    made = sample()
    for text in (render_matrix_markdown(made), unescape(render_matrix_html(made))):
        for contrast in made.contrasts:
            size = f"{abs(contrast.comparison.difference or 0):.3f}"
            assert size in text
        assert all(f"{one.rank:.2f}" in text for one in (made.ranks.models if made.ranks else ()))
        assert text.index("is worse than") < text.index("is better than")


def test_a_missing_cell_is_no_zero() -> None:
    assert "| base | " in render_matrix_markdown(odd())
    row = re.search(r"^\| base \|.*$", render_matrix_markdown(odd()), re.MULTILINE)
    assert row is not None
    assert [cell.strip() for cell in row.group().split("|")][3] == "–"
    assert "not evaluated" in render_matrix_html(odd())


def test_a_gate_stands_in_each_rendering() -> None:
    gate = GateResult("rougeL drop > 0.01", True, "mixed on news: drop 0.09", ())
    made = sample(gates=(gate,))
    assert "- Failed: rougeL drop \\> 0.01. mixed on news: drop 0.09" in render_matrix_markdown(made)
    assert "▼ failed" in render_matrix_html(made)
    assert "▲ passed" in render_matrix_html(sample(gates=(replace(gate, failed=False),)))


def test_many_categories_and_metrics_are_cut_and_said_to_be() -> None:
    metrics = [replace(MEAN, name=f"m{number}") for number in range(80)]
    rows = {
        model: {metric.name: column(seed, n=400)[:, None] for metric in metrics}
        for model, seed in (("base", 0), ("new", 1))
    }
    kinds = tuple(f"{HOSTILE} {place % 80}" for place in range(400))
    table = DatasetScores("news", tuple(Scored(model, (), each) for model, each in rows.items()), tuple(metrics), kinds)
    made = finished(matrix(["base", "new"], [table], seed=0))
    assert len(grouped(made)) == 80
    assert len(others(made)) == 79
    page, text = render_matrix_html(made), render_matrix_markdown(made)
    assert f"The first {MOST_ROWS} of 80; all of them are in the JSON." in page
    assert f"The first {MOST_ROWS} of 79." in text
    assert len(page.encode()) < MEGABYTE
