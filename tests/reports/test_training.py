"""The page of one training run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from outcrop.domain.models import CurvePoint
from outcrop.reports.training import TrainingRun, render_training_html
from outcrop.trainers.diagnosis import diagnose

from .samples import HOSTILE, WEIRD
from .test_html import MEGABYTE, Page

CURVE = (
    CurvePoint(0, 0, validation_loss=3.0),
    *(CurvePoint(step, step // 10, training_loss=3.0 - step / 20) for step in range(1, 31)),
    CurvePoint(30, 2, validation_loss=2.0),
)
VALUES = {"learning_rate": 1e-3, "epochs": 3, "rank": 16}


def run(curve: tuple[CurvePoint, ...] = CURVE, name: str = "synopsis") -> TrainingRun:
    return TrainingRun(
        name=name,
        job="j1",
        base="base",
        method="lora",
        status="done",
        steps=30,
        data="train.jsonl (sha256 012345678901)",
        curve=curve,
        hyperparameters=VALUES,
        diagnosis=diagnose(curve, VALUES),
        figures={"tokens_per_second": 123.4, "padding_share": 0.04},
        versions={"torch": "2.13.0"},
    )


def test_it_says_verdict_evidence_advice_and_how_it_was_trained() -> None:
    made = run()
    page = render_training_html(made)
    Page(page)
    for words in (
        made.diagnosis.verdict.value.capitalize(),
        *made.diagnosis.advice,
        "30 of 30 steps",
        "lora from",
        "learning_rate",
        "0.001",
        "Padding share",
        "4.0%",
        "torch 2.13.0",
        "Training curve of synopsis",
    ):
        assert words in page, words
    assert page.count("<tr>") == len(CURVE) + 1


def test_it_needs_nothing_else() -> None:
    page = render_training_html(run())
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "prefers-color-scheme: dark" in page


@pytest.mark.parametrize("name", [HOSTILE, WEIRD])
def test_names_stay_text(name: str) -> None:
    page = render_training_html(replace(run(name=name), base=name, data=name, versions={name: name}))
    assert {tag for tag, _ in Page(page).tags} == {tag for tag, _ in Page(render_training_html(run())).tags}


def test_a_long_run_stays_small_and_says_what_is_left_out() -> None:
    curve = tuple(CurvePoint(step, 0, training_loss=2.0) for step in range(1, 50_001))
    page = render_training_html(run(curve))
    assert len(page) < MEGABYTE / 5
    assert "of 50,000 points, evenly picked" in page


def test_a_run_without_a_point() -> None:
    page = render_training_html(run(()))
    assert "No loss has been measured yet" in page
    assert "0 of 30 steps" in page
