"""Gates: what fails, what passes, and what can't be held against anything."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from outcrop.domain.scores import Comparison, Direction, Score
from outcrop.evaluation.gate_grammar import parse_gates
from outcrop.evaluation.gates import GateResult, check_gates, gate_faults
from outcrop.evaluation.kept_rows import KeptMean
from tests.evaluation.doubles import LOSS, MEAN, comparison
from tests.reports import samples

OTHER = KeptMean("other", "other|v1", "", Direction.HIGHER)
RATIO = KeptMean("ratio", "ratio|v1", "", Direction.NONE)


@dataclass(frozen=True)
class Results:
    """What was measured on a dataset."""

    scores: tuple[Score, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    groups: tuple[Comparison, ...] = ()


def score(model: str, low: float | None, high: float | None) -> Score:
    middle = 0.5 if low is None or high is None else (low + high) / 2
    return Score(model, MEAN.name, middle, low, high, 100, 100, MEAN.signature, "t", "", Direction.HIGHER)


def check(
    text: str, *comparisons: Comparison, scores: tuple[Score, ...] = (), groups: tuple[Comparison, ...] = ()
) -> GateResult:
    (result,) = check_gates(parse_gates([text]), {"news": Results(scores, comparisons, groups)}, "base")
    return result


@pytest.mark.parametrize(
    ("text", "low", "high", "failed"),
    [
        # The drop lies between 0.005 and 0.03 where the difference lies between -0.03 and -0.005.
        ("rougeL drop > 0.01", -0.03, -0.005, True),
        ("rougeL drop > 0.03", -0.03, -0.005, False),
        ("rougeL drop >= 0.03", -0.03, -0.005, True),
        ("rougeL drop > 0.05", -0.03, -0.005, False),
        # A gain rules every drop out, and no difference seen does not.
        ("rougeL drop > 0", 0.01, 0.02, False),
        ("rougeL drop > 0.01", -0.02, 0.02, True),
        ("rougeL drop > 0.01", None, None, True),
        # The rise has to be shown.
        ("rougeL rise < 0.02", 0.01, 0.05, True),
        ("rougeL rise < 0.02", 0.02, 0.05, False),
        ("rougeL rise <= 0.02", 0.02, 0.05, True),
        # With the word, a drop has to be shown to fail.
        ("rougeL shown drop > 0.01", -0.03, -0.005, False),
        ("rougeL shown drop > 0.01", -0.03, -0.011, True),
        ("rougeL shown drop > 0.01", -0.03, -0.01, False),
        ("rougeL shown drop >= 0.01", -0.03, -0.01, True),
        ("rougeL shown drop > 0.01", None, None, False),
        ("rougeL shown rise < 0.02", 0.0, 0.01, True),
        ("rougeL shown rise < 0.02", 0.0, 0.03, False),
    ],
)
def test_a_difference_is_judged_by_the_bound_that_reaches_farthest(
    text: str, low: float | None, high: float | None, failed: bool
) -> None:
    result = check(text, comparison(low, high))
    assert result.failed is failed
    assert [one.failed for one in result.checks] == [failed]
    assert result.sentence.startswith(f"{'Failed' if failed else 'Passed'}: {text}. new on news: ")


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("rougeL < 0.3", True),
        ("rougeL value < 0.28", False),
        ("rougeL <= 0.28", True),
        ("rougeL > 0.4", False),
        ("rougeL > 0.3", True),
        ("rougeL shown < 0.3", False),
        ("rougeL shown < 0.36", True),
    ],
)
def test_a_value_is_judged_by_its_interval(text: str, failed: bool) -> None:
    result = check(text, scores=(score("base", 0.0, 0.1), score("new", 0.28, 0.35)))
    assert [(one.model, one.failed) for one in result.checks] == [("new", failed)]


def test_the_only_model_is_judged() -> None:
    assert check("rougeL < 0.3", scores=(score("base", 0.0, 0.1),)).failed


@pytest.mark.parametrize(
    ("text", "low", "high", "told"),
    [
        ("rougeL drop > 0.01", -0.03, 0.01, "drop 0.01, 95% interval -0.01 to 0.03, whose upper bound leaves it open."),
        ("rougeL drop > 0.01", -0.03, -0.02, "drop 0.025, 95% interval 0.02 to 0.03, which shows it."),
        ("rougeL drop > 0.01", 0.0, 0.02, "drop -0.01, 95% interval -0.02 to 0, which rules it out."),
        (
            "rougeL shown drop > 0",
            -0.03,
            0.01,
            "drop 0.01, 95% interval -0.01 to 0.03, whose upper bound leaves it open.",
        ),
        ("rougeL rise < 0.02", 0.01, 0.05, "rise 0.03, 95% interval 0.01 to 0.05, whose lower bound leaves it open."),
        ("rougeL drop > 1", None, None, "too few records for an interval, so nothing is ruled out."),
        ("rougeL shown drop > 1", None, None, "too few records for an interval, so nothing is shown."),
    ],
)
def test_the_sentence_tells_what_the_interval_says(text: str, low: float | None, high: float | None, told: str) -> None:
    result = check(text, comparison(low, high))
    assert result.sentence == f"{'Failed' if result.failed else 'Passed'}: {text}. new on news: {told}"


def test_one_model_on_one_dataset_is_enough_to_fail() -> None:
    measured = {
        "news": Results(comparisons=(comparison(0.01, 0.02), comparison(-0.02, 0.02, candidate="third"))),
        "mail": Results(comparisons=(comparison(0.01, 0.02),)),
    }
    (result,) = check_gates(parse_gates(["rougeL drop > 0.01"]), measured, "base")
    assert [(one.dataset, one.model, one.failed) for one in result.checks] == [
        ("news", "new", False),
        ("news", "third", True),
        ("mail", "new", False),
    ]
    assert "third on news" in result.sentence
    assert "mail" not in result.sentence
    (confined,) = check_gates(parse_gates(["rougeL drop > 0.01 on mail"]), measured, "base")
    assert not confined.failed


def test_a_gate_that_passed_tells_of_the_nearest_check() -> None:
    measured = {
        "news": Results(comparisons=(comparison(0.05, 0.06), comparison(-0.009, 0.02, candidate="third"))),
    }
    (result,) = check_gates(parse_gates(["rougeL drop > 0.01"]), measured, "base")
    assert not result.failed
    assert "third on news" in result.sentence


def test_a_category_has_a_gate_of_its_own() -> None:
    groups = (comparison(-0.1, -0.05, group="sport"), comparison(0.05, 0.1, group="trade"))
    assert check("rougeL drop > 0.01 in sport", groups=groups).failed
    assert not check("rougeL drop > 0.01 in trade", groups=groups).failed
    missing = check("rougeL drop > 0.01 in art", groups=groups)
    assert missing.failed
    assert missing.sentence.endswith("There is no rougeL of the category 'art' to hold it against.")


def test_a_report_is_held_against_gates_too() -> None:
    """What an evaluation job leaves, of one dataset."""
    made = samples.report(dataset="test")
    texts = ["rougeL drop > 0.01", "rouge2 < 0.2", "perplexity rise > 3 on test", "rougeL drop > 0.2 in games"]
    results = check_gates(parse_gates(texts), {made.dataset: made}, made.models[0].name)
    assert [result.failed for result in results] == [False, True, True, False]
    assert results[2].why == "synopsis on test: rise 7.48, 95% interval 4.18 to 10.8, which shows it."


def test_what_can_be_held_against_the_metrics_has_no_fault() -> None:
    texts = [
        "rougeL drop > 0.01",
        "rougeL rise < 0.01 on news",
        "loss rise > 1",
        "ratio drop > 1",
        "ratio rise > 1",
        "rougeL value > 0.9",
        "rougeL shown drop > 0 in sport",
    ]
    assert gate_faults(parse_gates(texts), {"news": [MEAN, OTHER], "text": [LOSS, RATIO]}, 2) == []


def test_all_faults_are_told_before_any_work() -> None:
    texts = [
        "rougel drop > 0.01",
        "rougeL drop > 0.01 on maill",
        "rougeL rise > 0.01",
        "loss drop > 0.01",
        "rougeL drop < 0.01",
        "rougeL value < 0.3 in sport",
        "other drop > 0.01 in sport",
    ]
    faults = gate_faults(parse_gates(texts), {"news": [MEAN, OTHER], "text": [LOSS]}, 2)
    assert [(fault.field, fault.found) for fault in faults] == [
        (repr(texts[0]), "the metric 'rougel'"),
        (repr(texts[1]), "the dataset 'maill'"),
        (repr(texts[2]), "a condition that the better model meets (higher is better)"),
        (repr(texts[3]), "a condition that the better model meets (lower is better)"),
        (repr(texts[4]), "a condition that the better model meets (higher is better)"),
        (repr(texts[5]), "the value in a category"),
        (repr(texts[6]), "other in a category"),
    ]
    assert faults[0].expected == "one of rougeL, other, loss"
    (alone,) = gate_faults(parse_gates(["rougeL drop > 0.01"]), {"news": [MEAN]}, 1)
    assert alone.found == "drop with one model"
