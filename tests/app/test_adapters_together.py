"""Evaluation jobs of several adapters of one base, which answer in batches that they share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.domain.scores import Report
from outcrop.engines import transformers
from outcrop.engines.transformers import Together
from outcrop.models.network import load_network
from tests.adapters import add_adapters
from tests.doubles import questions

ADAPTERS = ["a", "b", "c"]


@pytest.fixture
def adapted(here: Outcrop, tiny_folder: Path, tmp_path: Path) -> Outcrop:
    """A home with the tiny model and three adapters of it."""
    here.models.add(str(tiny_folder), "tiny")
    add_adapters(here, "tiny", tmp_path, ADAPTERS)
    return here


def evaluate(outcrop: Outcrop, models: list[str], data: Path, **given: Any) -> Report:
    given = {"metrics": ["exact_match", "length_ratio"], "max_tokens": 12, "task": "custom", **given}
    report = outcrop.evaluate(models, data=data, **given)
    assert isinstance(report, Report)
    return report


def texts(outcrop: Outcrop, report: Report) -> dict[str, list[str]]:
    """What each model wrote."""
    lines = outcrop.services.store.read(f"jobs/{report.job}/records.jsonl").decode().splitlines()
    names = [model.name for model in report.models]
    return {name: [json.loads(line)["models"][name]["response"] for line in lines] for name in names}


def logged(outcrop: Outcrop, report: Report) -> str:
    return "\n".join(line.text for line in outcrop.services.catalog.log_lines(report.job))


@pytest.mark.parametrize("given", [{}, {"temperature": 1.0, "seed": 3}])
def test_they_say_what_each_says_alone(adapted: Outcrop, tmp_path: Path, given: dict[str, Any]) -> None:
    data = questions(tmp_path / "data.jsonl", 6)
    together = evaluate(adapted, ["tiny", *ADAPTERS], data, **given)
    said = texts(adapted, together)
    assert len({tuple(each) for each in said.values()}) == 4
    assert "a, b, c: 18 responses together in" in logged(adapted, together)
    for name in ADAPTERS:
        alone = evaluate(adapted, ["tiny", name], data, **given)
        assert texts(adapted, alone) == {"tiny": said["tiny"], name: said[name]}
        # The base is asked by itself, so that what it said is kept for whatever it is compared with.
        assert "tiny: 6 responses were kept from an earlier job" in logged(adapted, alone)


def test_what_they_cost_is_shared_by_tokens(adapted: Outcrop, tmp_path: Path) -> None:
    report = evaluate(adapted, ["tiny", *ADAPTERS], questions(tmp_path / "data.jsonl", 4))
    base, *others = (model.efficiency for model in report.models)
    assert "models_in_batch" not in base
    assert [figures["models_in_batch"] for figures in others] == [3, 3, 3]
    rates = [figures["tokens_per_second"] for figures in others]
    assert rates == pytest.approx([rates[0]] * 3)
    assert all(0 < figures["latency_p50"] <= figures["latency_p99"] for figures in others)


def test_what_they_said_is_kept_for_the_same_adapters(adapted: Outcrop, tmp_path: Path) -> None:
    data = questions(tmp_path / "data.jsonl", 5)
    first, again = (evaluate(adapted, ADAPTERS, data) for _ in range(2))
    assert "a, b, c: 15 responses were kept from an earlier job" not in logged(adapted, first)
    assert "a, b, c: 15 responses were kept from an earlier job" in logged(adapted, again)
    assert first.scores == again.scores
    assert [model.efficiency for model in first.models] == [model.efficiency for model in again.models]
    other = evaluate(adapted, ["a", "b"], data)
    assert "were kept from an earlier job" not in logged(adapted, other)


def test_perturbed_prompts_are_asked_together_too(adapted: Outcrop, tmp_path: Path) -> None:
    report = evaluate(adapted, ["a", "b"], questions(tmp_path / "data.jsonl", 4), robustness=["lower_case"])
    assert logged(adapted, report).count("a, b: 8 responses together in") == 2
    assert report.robustness is not None
    assert {score.model for score in report.robustness.scores} == {"a", "b"}


def test_where_one_alone_fills_the_places_each_is_asked_alone(
    adapted: Outcrop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Together, "pays", lambda *_: False)
    report = evaluate(adapted, ADAPTERS, questions(tmp_path / "data.jsonl", 3))
    assert "together" not in logged(adapted, report)
    assert all("models_in_batch" not in model.efficiency for model in report.models)


def test_eight_adapters_load_their_base_once(
    here: Outcrop, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Path] = []

    def load(folder: Path, **options: Any) -> Any:
        loaded.append(folder)
        return load_network(folder, **options)

    monkeypatch.setattr(transformers, "load_network", load)
    here.models.add(str(tiny_folder), "tiny")
    names = [f"adapter-{number}" for number in range(8)]
    add_adapters(here, "tiny", tmp_path, names)
    data = questions(tmp_path / "data.jsonl", 3)
    loaded.clear()
    # Asked together, and by log-likelihood one after the other.
    evaluate(here, ["tiny", *names], data)
    assert len(loaded) == 1
    evaluate(here, ["tiny", *names], data, metrics=["accuracy"], task="classification")
    assert len(loaded) == 2, "once for each job"
