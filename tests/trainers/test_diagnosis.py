"""The diagnosis of a training curve: shapes made by hand, and real runs that had no part in making the rule."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from outcrop.domain.models import CurvePoint
from outcrop.trainers.diagnosis import diagnose, learning_times
from outcrop.trainers.loop import Plan
from outcrop.trainers.remedies import Fit, remedies

STEPS = 200
VALUES: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "warmup_steps": 4,
    "weight_decay": 0.0,
    "gradient_clip": 1.0,
    "rank": 16,
    "alpha": 32.0,
    "dropout": 0.0,
    "max_length": 2048,
}

Shape = Callable[[float], float]


def curve(training: Shape, validation: Shape | None, *, validations: int = 8, passes: int = 2, noise: float = 0.1,
          steps: int = STEPS) -> list[CurvePoint]:  # fmt: skip
    """A curve of two shapes over learning time, 0 to 1, with a batch's noise on the training loss."""
    times = learning_times(steps, VALUES)
    times = times / times[-1]
    random = np.random.default_rng(0)
    points = [
        CurvePoint(
            step, (step - 1) * passes // steps, training_loss=training(times[step - 1]) + random.normal(0, noise)
        )
        for step in range(1, steps + 1)
    ]
    if validation is not None:
        for step in {round(steps * at / validations) for at in range(validations + 1)}:
            points.append(CurvePoint(step, max(step - 1, 0) * passes // steps, validation_loss=validation(times[step])))
    return sorted(points, key=lambda point: (point.step, point.validation_loss is not None))


def to(end: float, speed: float, start: float = 3.0) -> Shape:
    """From a start towards an end, exponentially."""
    return lambda time: end + (start - end) * math.exp(-speed * time)


def line(end: float, start: float = 3.0) -> Shape:
    return lambda time: start + (end - start) * time


SHAPES: dict[str, tuple[Fit, Shape, Shape, dict[str, Any]]] = {
    "both fall and settle": (Fit.GOOD, to(2.0, 6), to(2.1, 6), {}),
    "validation turns": (Fit.OVERFITTING, to(0.5, 3), lambda time: to(2.2, 10)(time) + 0.5 * time, {}),
    "validation only rises": (Fit.OVERFITTING, to(0.5, 3), lambda time: 3 + time, {}),
    "a short straight line": (Fit.RATE_TOO_LOW, line(2.8), line(2.8), {}),
    "a straight line that comes far": (Fit.NOT_CONVERGED, line(2.5), line(2.5), {}),
    "nothing moves": (Fit.RATE_TOO_LOW, line(3.0), line(3.0), {}),
    "validation rises at once and stays": (
        Fit.RATE_TOO_HIGH, line(3.0), lambda time: 3.0 if time < 0.01 else 3.1, {},
    ),
    "a curve that has not bent": (Fit.NOT_CONVERGED, to(1.5, 1.8), to(1.5, 1.8), {}),
    "a small drop, soon over, many passes": (Fit.UNDERFITTING, to(2.6, 5), to(2.62, 5), {"passes": 6}),
    "up and away": (Fit.RATE_TOO_HIGH, lambda time: 3 + 4 * time, lambda time: 3 + 4 * time, {}),
    "blown up, then a plateau": (
        Fit.RATE_TOO_HIGH, lambda time: 3.0 if time < 0.01 else 5.0, lambda time: 3.0 if time < 0.01 else 5.0, {},
    ),
    "up and down": (
        Fit.RATE_TOO_HIGH,
        lambda time: to(2.0, 4)(time) + 0.3 * math.sin(40 * time) * (1 - time),
        lambda time: to(2.0, 4)(time) + 0.4 * math.sin(40 * time) * (1 - time),
        {"validations": 16},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_gets_its_verdict(name: str) -> None:
    verdict, training, validation, others = SHAPES[name]
    rank = 1 if verdict is Fit.UNDERFITTING else 16
    found = diagnose(curve(training, validation, **others), {**VALUES, "rank": rank})
    assert found.verdict is verdict
    assert found.evidence
    assert found.advice


@pytest.mark.parametrize("validations", [1, 2, 3, 5, 50])
@pytest.mark.parametrize("name", ["validation only rises", "up and away"])
def test_an_alarm_needs_no_more_than_two_validations(name: str, validations: int) -> None:
    verdict, training, validation, _ = SHAPES[name]
    assert diagnose(curve(training, validation, validations=validations), VALUES).verdict is verdict


@pytest.mark.parametrize("name", ["both fall and settle", "a short straight line", "a curve that has not bent"])
def test_few_validations_of_several_passes_are_too_little_to_tell(name: str) -> None:
    verdict, training, validation, _ = SHAPES[name]
    for validations in (1, 2):
        found = diagnose(curve(training, validation, validations=validations), VALUES)
        assert found.verdict is Fit.UNKNOWN
        assert "4 validations or more" in found.evidence[0]
    assert diagnose(curve(training, validation, validations=3), VALUES).verdict is verdict


@pytest.mark.parametrize(("noise", "verdict"), [(0.01, Fit.NOT_CONVERGED), (2.0, Fit.UNKNOWN)])
def test_one_pass_speaks_for_itself_unless_its_batches_differ_too_much(noise: float, verdict: Fit) -> None:
    assert diagnose(curve(to(2.0, 3), None, passes=1, noise=noise), VALUES).verdict is verdict


def test_one_pass_has_no_lag() -> None:
    """Validation stands still and training falls by chance alone: nothing was learnt by heart in one pass."""
    points = curve(line(2.7), line(2.9), passes=1, noise=0.3)
    assert diagnose(points, VALUES).verdict is Fit.RATE_TOO_LOW


def test_what_is_learnt_by_heart_is_not_still_falling() -> None:
    """The same validation losses; training fell thrice as far, and farther passes would only widen that."""
    validation = to(2.2, 3.2)
    assert diagnose(curve(validation, validation), VALUES).verdict is Fit.NOT_CONVERGED
    learnt_by_heart = curve(lambda time: 3 - 3 * (3 - validation(time)), validation, passes=4)
    assert diagnose(learnt_by_heart, VALUES).verdict is Fit.GOOD


def test_without_validation_it_says_what_it_cannot_know() -> None:
    found = diagnose(curve(to(2.0, 8), None, passes=4), VALUES)
    assert found.verdict is Fit.UNKNOWN
    assert "learnt by heart" in found.evidence[0]
    assert "no validation data" in found.evidence[-1]
    assert diagnose(curve(to(2.0, 8), None, passes=1), VALUES).verdict is Fit.GOOD
    assert diagnose(curve(lambda time: 3 + 4 * time, None), VALUES).verdict is Fit.RATE_TOO_HIGH


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("what", ["training_loss", "validation_loss"])
def test_a_loss_that_is_no_number(bad: float, what: str) -> None:
    points = [CurvePoint(0, 0, validation_loss=3.0), CurvePoint(1, 0, training_loss=3.0)]
    found = diagnose([*points, CurvePoint(2, 0, **{what: bad})], VALUES)
    assert found.verdict is Fit.RATE_TOO_HIGH
    assert "no longer a number" in found.evidence[0]
    assert found.advice[0] == "A lower learning_rate: 0.0001."


@pytest.mark.parametrize("steps", range(20))
def test_few_steps_are_too_few(steps: int) -> None:
    points = curve(to(2.0, 6), to(2.1, 6))
    found = diagnose([point for point in points if point.step <= steps], VALUES)
    assert found.verdict is Fit.UNKNOWN
    assert f"{steps} step" in found.evidence[0]


def test_nothing_at_all() -> None:
    assert diagnose([]).verdict is Fit.UNKNOWN


@pytest.mark.parametrize("share", [0.15, 0.3, 0.5, 0.7, 0.9])
def test_while_it_runs_only_alarms_are_raised(share: float) -> None:
    def so_far(name: str) -> Fit:
        _, training, validation, others = SHAPES[name]
        points = [point for point in curve(training, validation, **others) if point.step <= share * STEPS]
        return diagnose(points, VALUES, steps=STEPS, ended=False).verdict

    assert so_far("both fall and settle") is Fit.UNKNOWN
    assert so_far("a curve that has not bent") is Fit.UNKNOWN
    assert so_far("blown up, then a plateau") is Fit.RATE_TOO_HIGH
    assert so_far("a short straight line") is (Fit.RATE_TOO_LOW if share > 0.75 else Fit.UNKNOWN)


@pytest.mark.parametrize(("warmup", "steps"), [(0, 10), (4, 10), (8, 10), (3, 100)])
def test_learning_time_is_the_sum_of_the_plans_rates(warmup: int, steps: int) -> None:
    plan = Plan(steps, steps, 0.5, warmup_steps=warmup)
    wanted = np.cumsum([0.0, *(plan.rate(step) / 0.5 for step in range(steps))])
    assert learning_times(steps, {"warmup_steps": warmup}) == pytest.approx(wanted)


def test_learning_time_of_other_schedules() -> None:
    assert learning_times(4, {"schedule": "constant"}) == pytest.approx([0, 1, 2, 3, 4])
    # Half a cosine: 1, 0.8536, 0.5, 0.1464.
    assert learning_times(4, {"schedule": "cosine"}) == pytest.approx([0, 1, 1.8536, 2.3536, 2.5], abs=1e-4)


# what to try


@pytest.mark.parametrize(
    ("fit", "first"),
    [
        (Fit.GOOD, "Leave the hyperparameters"),
        (Fit.UNDERFITTING, "More to learn with: rank 64 with alpha 128."),
        (Fit.RATE_TOO_HIGH, "A lower learning_rate: 0.0001."),
        (Fit.NOT_CONVERGED, "More passes: epochs 4."),
    ],
)
def test_the_first_remedy_is_a_value_to_set(fit: Fit, first: str) -> None:
    assert remedies(fit, VALUES, rate_factor=0.1)[0].startswith(first)


@pytest.mark.parametrize(("factor", "words"), [(10.0, "A higher learning_rate: 0.01."), (1e9, "learning_rate: 1.")])
def test_a_rate_goes_up_to_its_limit(factor: float, words: str) -> None:
    assert words in remedies(Fit.RATE_TOO_LOW, VALUES, rate_factor=factor)[0]


def test_overfitting_has_every_remedy_of_the_notes() -> None:
    values = {**VALUES, "epochs": 5, "l1": 0.0, "early_stopping_patience": 0, "dropout": 0.2}
    text = " ".join(remedies(Fit.OVERFITTING, values, epochs=2))
    for words in (
        "Fewer passes: epochs 2.", "early_stopping_patience 3", "More data", "dropout 0.4", "weight_decay 0.1",
        "l1 1e-06", "rank 4 with alpha 8", "Fewer features",
    ):  # fmt: skip
        assert words in text


def test_underfitting_undoes_regularisation_and_takes_more_features() -> None:
    text = " ".join(remedies(Fit.UNDERFITTING, {**VALUES, "dropout": 0.1, "targets": "q_proj"}))
    for words in ("targets all-linear", "method full", "dropout 0", "More features", "max_length 4096"):
        assert words in text
    assert "larger base" in remedies(Fit.UNDERFITTING, {**VALUES, "rank": 0})[0]


def test_only_what_the_run_has_is_named() -> None:
    for fit in Fit:
        text = " ".join(remedies(fit, {}))
        assert not any(name in text for name in VALUES if name not in ("rank", "learning_rate", "dropout"))
