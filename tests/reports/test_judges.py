from __future__ import annotations

import io
import re
from dataclasses import replace
from html import unescape

import pytest
from rich.console import Console

from outcrop.domain.scores import (
    Agreement,
    BiasCheck,
    Comparison,
    Direction,
    JudgedCriterion,
    JudgedScore,
    JudgeReport,
    Reliability,
    RulingCounts,
    Score,
)
from outcrop.engines.scripted import Script
from outcrop.evaluation.judges.judging import Session, bias_checks, judged_criteria
from outcrop.reports.document import plain
from outcrop.reports.html import render_html
from outcrop.reports.judges import judge_section
from outcrop.reports.markdown import render_markdown
from outcrop.reports.terminal import render_terminal
from tests.evaluation.judges.doubles import better, judge_by_quality, pair_exchanges, rating, session

from . import samples
from .samples import HOSTILE
from .test_html import Page

NAME = "Builtin.Helpfulness"


def agreement(low: float | None = 0.5, **changes: object) -> Agreement:
    high = None if low is None else low + 0.2
    value = None if low is None else low + 0.1
    made = Agreement("repeats", "Krippendorff's alpha, ordinal", value, low, high, 0.8, 120, "BCa bootstrap")
    return replace(made, **changes)  # type: ignore[arg-type]


def judged(reliability: Reliability = Reliability.RELIABLE, low: float | None = 0.5) -> JudgedCriterion:
    score = Score("tuned", NAME, 0.712, 0.66, 0.77, 118, 120, "judge:abc|v1", "Student t", "", Direction.HIGHER)
    compared = Comparison(NAME, "base", "tuned", 0.081, 0.03, 0.13, 0.002, 0.004, 118, "paired t", Direction.HIGHER)
    counts = RulingCounts(480, 450, 6, 20, 4, 0, 31)
    scores = (JudgedScore(score, 0.69, 0.73), JudgedScore(replace(score, model="base", value=0.63), 0.63, 0.63))
    groups = (replace(compared, group="games"),)
    return JudgedCriterion(NAME, reliability, (agreement(low),), scores, (compared,), groups, counts)


def bias(kind: str = "position", *, found: bool = True, value: float | None = 0.64, **changes: object) -> BiasCheck:
    expected = 0.5 if kind == "position" else 0.0
    low, high = (None, None) if value is None else (value - 0.05, value + 0.05)
    made = BiasCheck(
        kind, "tuned", value, low, high, expected, 0.0001, 0.0002 if found else 0.4, found, 60, "what it is", "Wilson"
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def report(*criteria: JudgedCriterion, biases: tuple[BiasCheck, ...] = (), **changes: object) -> JudgeReport:
    made = JudgeReport("judge", "f" * 64, False, 2, criteria or (judged(),), biases, ())
    return replace(made, **changes)  # type: ignore[arg-type]


def texts(given: JudgeReport, width: int = 200) -> dict[str, str]:
    """What the three ways of printing say of a judge, as plain text."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    whole = replace(samples.report(), judges=(given,))
    render_terminal(whole, console)
    file = console.file
    assert isinstance(file, io.StringIO)
    page = section(render_html(whole))
    markdown = (
        render_markdown(whole).replace("\\", "").partition("## Judged by")[2].partition("## How this was measured")[0]
    )
    terminal = file.getvalue().partition("Judged by")[2]
    return {
        "html": " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split()),
        "markdown": markdown,
        "terminal": terminal,
    }


def section(page: str) -> str:
    """The part of a page that is about judges."""
    return page.partition('<section aria-labelledby="judges">')[2].partition("</section>")[0]


def test_a_reliable_judge_is_printed_with_all_that_a_score_needs() -> None:
    for way, text in texts(report()).items():
        for said in (
            "0.712",
            "0.660 to 0.770",
            "0.690, 0.730",
            "118 of 120 scored",
            "+0.081",
            "better",
            "games",
            "0.60",
        ):
            assert said in text, (way, said)


def test_an_unreliable_judge_is_printed_without_a_score() -> None:
    made = report(judged(Reliability.UNRELIABLE, -0.1))
    for way, text in texts(made).items():
        assert "Helpfulness is unreliable" in text, way
        assert "no more than chance may" in " ".join(text.split()), way
        for hidden in ("0.712", "0.660", "0.081", "better", "games", "0.690"):
            assert hidden not in text, (way, hidden)
        assert "118 of 120 scored" in text, way


def test_what_is_not_known_is_said() -> None:
    unknown = replace(judged(Reliability.UNKNOWN), agreements=())
    assert "was not measured" in judge_section(report(unknown)).sentences[0]
    told = judge_section(report(judged(Reliability.UNKNOWN, None))).sentences[0]
    assert "can’t be told (BCa bootstrap)" in told


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (bias(), "Position bias: the judge prefers what stands first"),
        (bias(value=0.3), "prefers what stands second"),
        (bias(found=False, value=0.51), "No position bias was found: the first place gets"),
        (bias("length"), "Length bias in tuned: longer responses do better than they are"),
        (bias("length", value=-0.4), "shorter responses do better"),
        (bias("length", adjusted=False), "Longer responses do better in tuned, or are better"),
        (bias("length", found=False, value=0.04), "No length bias was found in tuned: correlation"),
        (bias("length", found=False, value=0.2), "A hint of length bias in tuned, which may be chance"),
        (bias(value=None, p_holm=None, found=False), "can’t be told"),
    ],
)
def test_biases_are_told(check: BiasCheck, said: str) -> None:
    made = report(biases=(check,))
    for way, text in texts(made).items():
        assert said in " ".join(text.split()), way


def test_what_could_not_be_read_and_who_judges_himself_is_told() -> None:
    sentences = " ".join(judge_section(report(own=("tuned",))).sentences)
    assert "20 of 480 rulings (4.2%) can’t be read" in sentences
    assert "4 questions were too long" in sentences
    assert "“tuned” is the judge itself, or was made from it" in sentences


def test_what_it_cost_is_told() -> None:
    made = report(figures={"generated_tokens": 1200.0, "seconds": 3.5, "cost": 0.0})
    assert "That took: generated tokens 1,200, seconds 3.50." in judge_section(made).method


def test_no_judges_take_no_room() -> None:
    bare = samples.report()
    assert "udge" not in render_html(bare).partition("</style>")[2]
    assert "udge" not in render_markdown(bare)


def test_the_page_is_well_formed_and_hostile_names_are_text() -> None:
    made = replace(samples.report(), judges=(report(judge=HOSTILE), report()))
    whole = render_html(made)
    Page(whole)
    page = section(whole)
    assert {tag for tag, _ in Page(page).tags} <= {
        "section",
        *("h2", "h3", "p", "ul", "li", "div", "details", "summary", "bdi"),
        *("table", "caption", "thead", "tbody", "tr", "th", "td"),
    }
    assert "<script" not in page.lower()
    assert "<script" not in render_markdown(made).replace("\\<", "")


def test_a_narrow_plain_terminal_can_print_it() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    made = replace(samples.report(), judges=(report(judge="Ωmega", biases=(bias(),)),))
    render_terminal(made, Console(file=file, width=60, color_system=None))
    file.flush()
    assert b"?mega" in file.buffer.getvalue()


def of(made: Session) -> JudgeReport:
    return report(*judged_criteria(made), biases=bias_checks(made), pairwise=made.request.pairwise)


def test_a_judge_with_a_known_liking_and_one_without() -> None:
    """From rulings to the page: acceptance 4 of the issue on judges."""
    given = pair_exchanges(200, tuned_good=0.7)
    liking = of(session(judge_by_quality(0.6, first=0.25), given))
    fair = of(session(judge_by_quality(0.6), given))
    for way, text in texts(liking).items():
        assert "Position bias: the judge prefers what stands first" in " ".join(text.split()), way
    for way, text in texts(fair).items():
        assert "No position bias was found" in " ".join(text.split()), way
        assert "preference" in text, way


def test_a_blind_judge_is_printed_without_a_preference() -> None:
    made = of(session(Script(patterns=(("", better(0.7, 0.3)),)), pair_exchanges(200, tuned_good=0.9)))
    for way, text in texts(made).items():
        flat = " ".join(text.split())
        assert "Helpfulness is unreliable: asked in the other order" in flat, way
        assert not re.search(r"[+−]0\.\d+", flat.split("Agreement beyond chance")[0].split("Preferences: wins")[-1]), (
            way
        )


def test_a_judge_that_writes_nonsense_is_printed() -> None:
    for script in (Script(patterns=(("", "hm"),)), Script(patterns=(("", rating(r3=1)),))):
        made = of(session(script, pair_exchanges(8), pairwise=False, repeats=2))
        for text in texts(made).values():
            assert "Rulings" in text
            assert ("take a larger one" in " ".join(text.split())) is ("hm" in str(script.patterns))
        assert plain(made)["criteria"][0]["counts"]["asked"] == 32
