"""What a training curve says of the run, by a stated rule: ``docs/reference/diagnosis.md`` has it in words.

The rule looks at losses over *learning time*: the sum of the learning rates of the steps so far. A rate that falls to 0
flattens every curve at its end; over learning time a run that had more to learn still shows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.models import CurvePoint
from outcrop.trainers.curves import smoothed
from outcrop.trainers.remedies import Fit, remedies

Values = NDArray[np.float64]

#: Steps below which nothing is said of convergence.
FEWEST_STEPS = 20
#: Validations, with the one before training, from which on their curve is trusted alone.
ENOUGH_VALIDATIONS = 4
#: A running mean of the training loss above the start by this share of it: what was known is destroyed.
BLOWN_UP = 0.25
#: A validation loss above the start by this share of it, before the lowest.
SET_BACK = 0.05
#: All rises of the validation loss before its lowest, as a share of its drop.
OSCILLATION = 0.25
#: The validation loss at the end above its lowest, as a share of its drop.
RISE = 0.05
#: A loss that starts above so many nats is that of a model that knew nothing; perplexity 90. At too low a rate it
#: learns less than these shares: of its start, and of that by a quarter of the learning time; a line has 0.25 there.
NOTHING, MUCH_FROM_NOTHING, STRAIGHT = 4.5, 0.45, 0.5
#: Too low a rate, of a model that knew something: a drop below this share of the start, of which less than the second
#: had come by half of the learning time. Where more was learnt, the steps may just as well have been too few.
LITTLE, BENT = 0.09, 0.8
#: A drop of the validation loss below this share of its start is none.
NO_DROP = 0.002
#: Small steps slow down evenly: what is left at half of the learning time is about 0.9 times the square of what is left
#: at a quarter, as of an exponential, and 0.89 times as of a line. Above this, large steps came down as the rate fell.
SETTLED_LATE = 1.1
#: Large steps set a network back at first. Less than this by a quarter of the time shows it with LoRA, whose matrices
#: begin at zero, and with all weights, where the drop is no trifle.
HELD_UP_LORA, HELD_UP_FULL, TRIFLE = 0.15, 0.35, 0.1
#: From this drop on, a validation loss above its start at a quarter of the learning time says the same.
HELD_UP_DROP = 0.02
#: Rises that a curve called slow may have, as a share of the drop.
SMOOTH = 0.1
#: The share of the drop by half of the learning time from which on nothing more was learnt, by both losses.
STUCK = 0.94
#: The share of the drop in the second half of the learning time, less half of the lag: what more passes over the same
#: records teach is partly learnt by heart.
STILL_FALLING = 0.13
#: Underfitting: so low a rank, after so many passes, with a drop between these shares of the start, and at least so
#: much of it by half of the learning time.
LOW_RANK, PASSES, SOME, MODEST, LEVEL = 2, 3, 0.05, 0.2, 0.62
#: The share of the steps that a running job must have done before its rate is called too low.
LATE = 0.75


@dataclass(frozen=True)
class Diagnosis:
    """A verdict on a run, what it rests on, and what to try next; both in sentences."""

    verdict: Fit
    evidence: tuple[str, ...]
    advice: tuple[str, ...]


def diagnose(
    curve: Iterable[CurvePoint],
    hyperparameters: Mapping[str, Any] | None = None,
    *,
    steps: int | None = None,
    ended: bool = True,
) -> Diagnosis:
    """What a training curve, whole or so far, says of the run.

    Args:
        curve: The points in the order of their steps; losses in nats per token.
        hyperparameters: Of the run, by name: ``schedule`` and ``warmup_steps`` make the learning time (``linear`` and
            0 where missing), the others get their next values in the advice.
        steps: Optimiser steps planned, by which the learning rate went; those of the curve where None.
        ended: Whether the run is over, by its last step or by early stopping. Of one that goes on only alarms are
            raised: too high a rate, overfitting, and, late in a run whose steps are given, too low a rate.
    """
    values = hyperparameters or {}
    run = _Run(list(curve), values, steps)
    verdict, evidence, factor = _rule(run, ended)
    if not run.validation.size:
        evidence = [*evidence, "There is no validation data, so overfitting can't be seen."]
    advice = remedies(verdict, values, rate_factor=factor, epochs=run.best_epoch)
    return Diagnosis(verdict, tuple(evidence), tuple(advice))


class _Run:
    """The measures that the rule compares."""

    def __init__(self, points: list[CurvePoint], hyperparameters: Mapping[str, Any], steps: int | None) -> None:
        self.points = points
        self.training = _array(point.training_loss for point in points)
        self.validation = _array(point.validation_loss for point in points)
        self.done = max((point.step for point in points), default=0)
        self.steps = max(steps or 0, self.done)
        self.late = steps is not None and self.done >= LATE * steps
        self.passes = max((point.epoch for point in points), default=0) + 1
        self.rank = int(hyperparameters.get("rank", 0))
        self._times = learning_times(self.steps, hyperparameters)

    @cached_property
    def start(self) -> float:
        """The loss before training: validation's where it was measured, else the first steps'."""
        first = self.points[0]
        if first.step == 0 and first.validation_loss is not None:
            return first.validation_loss
        return float(self.training[:3].mean())

    @cached_property
    def noise(self) -> float:
        """The standard deviation of a step's training loss, from differences of neighbours, robust to outliers."""
        if self.training.size < 3:
            return math.inf
        return float(1.4826 * np.median(np.abs(np.diff(self.training))) / math.sqrt(2))

    @cached_property
    def width(self) -> int:
        """Steps that are averaged at both ends."""
        return max(5, self.training.size // 10)

    @cached_property
    def training_start(self) -> float:
        """The training loss before training: of the first steps, which a warm-up keeps from learning."""
        return float(self.training[:3].mean())

    @cached_property
    def training_end(self) -> float:
        """The training loss at the end."""
        return float(self.training[-self.width :].mean())

    @cached_property
    def training_error(self) -> float:
        """The standard error of the difference of the two."""
        return self.noise * math.sqrt(1 / 3 + 1 / self.width)

    @cached_property
    def peak(self) -> float:
        """The highest mean over five steps, or over a twentieth of them."""
        size = min(max(5, self.training.size // 20), self.training.size)
        return float(np.convolve(self.training, np.ones(size) / size, "valid").max())

    @cached_property
    def lowest(self) -> int:
        """The index of the lowest validation loss."""
        return int(np.argmin(self.validation))

    @cached_property
    def drop(self) -> float:
        """How far the validation loss came down from its start."""
        return float(self.validation[0] - self.validation.min())

    @cached_property
    def rises(self) -> float:
        """All rises of the validation loss before its lowest, summed."""
        return float(np.maximum(np.diff(self.validation[: self.lowest + 1]), 0).sum())

    @cached_property
    def lag(self) -> float:
        """The share of the training loss's fall between the first pass and the last that validation did not follow.

        Passes have the same records, so that the means over them hold no noise of a batch's choice. 0 with one pass,
        where no record is seen twice, and where the training loss did not fall.
        """
        passes: dict[int, list[CurvePoint]] = {}
        for point in self.points:
            if point.training_loss is not None:
                passes.setdefault(point.epoch, []).append(point)
        whole = [each for each in passes.values() if len(each) == len(passes[min(passes)])]
        if len(whole) < 2 or self.validation.size < 2:
            return 0.0
        training, validation = (
            float(np.mean(self._means(whole[0], kind)) - np.mean(self._means(whole[-1], kind)))
            for kind in ("training", "validation")
        )
        return max(0.0, 1 - validation / training) if training > 0 else 0.0

    def _means(self, points: list[CurvePoint], kind: str) -> Values:
        """A pass's training losses, or the validation losses in the middles of its steps."""
        if kind == "training":
            return _array(point.training_loss for point in points)
        places = [point.step for point in self.points if point.validation_loss is not None]
        return np.interp([point.step - 0.5 for point in points], places, self.validation)

    @property
    def few(self) -> bool:
        """Whether the validations are too few for a curve of their own."""
        return self.validation.size < ENOUGH_VALIDATIONS

    @property
    def best_epoch(self) -> int:
        """Passes until the lowest validation loss, a begun one counted; 0 without validation."""
        validated = [point for point in self.points if point.validation_loss is not None]
        return min(validated, key=lambda point: point.validation_loss or 0.0).epoch + 1 if validated else 0

    @cached_property
    def shares(self) -> tuple[float, float, float]:
        """The drop of the clearer curve as a share of the start, and its shares by ¼ and ½ of the learning time.

        That is the validation curve if it has enough points, else the training curve's running mean, which in a first
        pass is that of unseen records as well.
        """
        if not self.few:
            places = [point.step for point in self.points if point.validation_loss is not None]
            losses = self.validation
        else:
            places = [0, *(point.step for point in self.points if point.training_loss is not None)]
            # The first running means are still those of a network that has not learnt.
            losses = np.array([self.training_start, *smoothed(self.training.tolist(), self.training.size // 8 | 1)])
        times = self._times[places] / self._times[self.done]
        drop = losses[0] - losses.min()
        if drop <= 0:
            return 0.0, 1.0, 1.0
        by = [float((losses[0] - np.interp(time, times, losses)) / drop) for time in (0.25, 0.5)]
        return float(drop / losses[0]), by[0], by[1]

    @cached_property
    def doubt(self) -> float:
        """Two standard errors of those shares: 0 from validation, whose records are always the same."""
        drop = self.shares[0] * self.training_start
        if not self.few or drop <= 0:
            return 0.0
        return 2 * self.noise * math.sqrt(2 / (self.training.size // 8 | 1)) / drop

    @cached_property
    def training_half(self) -> float:
        """The share of the training loss's drop by half of the learning time."""
        places = [point.step for point in self.points if point.training_loss is not None]
        times = self._times[places] / self._times[self.done]
        half = self.training[(times > 0.4) & (times < 0.6)]
        drop = self.start - self.training_end
        return float((self.start - half.mean()) / drop) if half.size and drop > 0 else 0.0


def learning_times(steps: int, hyperparameters: Mapping[str, Any]) -> Values:
    """The sum of the learning rates before each step and after the last, ``(steps + 1,)``, in units of the highest."""
    warmup = min(int(hyperparameters.get("warmup_steps", 0)), steps // 2)
    places = np.arange(steps)
    left = (steps - places) / max(steps - warmup, 1)
    level = {
        "linear": left,
        "cosine": (1 - np.cos(np.pi * left)) / 2,
        "constant": np.ones(steps),
    }[hyperparameters.get("schedule", "linear")]
    rates = np.where(places < warmup, (places + 1) / (warmup + 1), level)
    return np.concatenate([[0.0], np.cumsum(rates)])


def _rule(run: _Run, ended: bool) -> tuple[Fit, list[str], float]:
    """The verdict, its evidence, and the factor by which the learning rate is to change."""
    for alarm in (_diverged, _oscillates, _overfits):
        if found := alarm(run):
            return found
    if run.training.size < FEWEST_STEPS:
        return Fit.UNKNOWN, [f"{run.training.size} steps are too few; {FEWEST_STEPS} are the least."], 1.0
    if ended and (found := _learnt_nothing(run)):
        return found
    if run.few and run.passes > 1:
        text = (
            f"After {run.passes} passes the training loss does not show what was learnt and what was learnt by heart; "
            f"that takes {ENOUGH_VALIDATIONS} validations or more, with the one before the first step."
        )
        return Fit.UNKNOWN, [text], 1.0
    if found := _slow(run) if ended or run.late else None:
        return found
    if not ended:
        of = f" of {run.steps:,}" if run.steps > run.done else ""
        so_far = f"Step {run.done:,}{of}: nothing is wrong so far; how it ends can't be known yet."
        return Fit.UNKNOWN, [so_far], 1.0
    return _converged(run)


Found = tuple[Fit, list[str], float]


def _diverged(run: _Run) -> Found | None:
    if not (np.isfinite(run.training).all() and np.isfinite(run.validation).all()):
        return Fit.RATE_TOO_HIGH, ["A loss is no longer a number: the training diverged."], 0.1
    if run.training.size < 5:
        return None
    start = max(run.start, float(run.training[0]))
    if run.peak > (1 + BLOWN_UP) * start + 2 * run.noise / math.sqrt(5):
        text = f"The training loss rose from {start:.3f} to {run.peak:.3f}: the first steps destroyed what was known."
        return Fit.RATE_TOO_HIGH, [text], 0.1
    if run.training_end > run.training_start + 4 * run.training_error + SET_BACK * start:
        text = f"The training loss is {run.training_end:.3f} now, above the {run.training_start:.3f} it began with."
        return Fit.RATE_TOO_HIGH, [text], 0.1
    return None


def _oscillates(run: _Run) -> Found | None:
    if run.validation.size < 3:
        return None
    highest = float(run.validation[: run.lowest + 1].max())
    if highest > (1 + SET_BACK) * run.validation[0]:
        text = f"The validation loss rose from {run.validation[0]:.3f} to {highest:.3f} before it fell."
        return Fit.RATE_TOO_HIGH, [text], 0.3
    if run.validation.size > ENOUGH_VALIDATIONS and run.rises > OSCILLATION * run.drop > 0:
        text = f"The validation loss went up and down: by {run.rises:.3f} up on a way of {run.drop:.3f} down."
        return Fit.RATE_TOO_HIGH, [text], 0.3
    drop, quarter, _ = run.shares
    if run.validation.size > ENOUGH_VALIDATIONS and quarter < 0 and drop > HELD_UP_DROP:
        text = "The validation loss stood above its start for the first quarter of the learning time."
        return Fit.RATE_TOO_HIGH, [text], 0.3
    return None


def _overfits(run: _Run) -> Found | None:
    if run.validation.size < 2 or run.training.size < 5:
        return None
    rise = float(run.validation[-1] - run.validation.min())
    fell = run.training_start - run.training_end
    if fell <= 3 * run.training_error or run.training_end > run.start:
        return None
    if rise > RISE * max(run.drop, RISE * fell):
        text = (
            f"The validation loss was lowest, {run.validation.min():.3f}, after epoch {run.best_epoch}, and ended at "
            f"{run.validation[-1]:.3f}, while the training loss fell to {run.training_end:.3f}."
        )
        return Fit.OVERFITTING, [text], 1.0
    return None


def _learnt_nothing(run: _Run) -> Found | None:
    """Whether no validation loss was lower than the first; then either the steps undid it or they were too small."""
    if run.validation.size < 2 or run.drop > NO_DROP * run.validation[0]:
        return None
    rise = float(run.validation.max() - run.validation[0])
    if rise > NO_DROP * run.validation[0]:
        text = f"The validation loss rose by {rise:.3f} and never came below its start: the steps only did harm."
        return Fit.RATE_TOO_HIGH, [text], 0.1
    text = f"The validation loss stayed at {run.validation[0]:.3f}: the steps were too small, or all was known before."
    return Fit.RATE_TOO_LOW, [text], 10.0


def _slow(run: _Run) -> Found | None:
    if not _small_steps(run, run.doubt):
        return None
    drop, quarter, half = run.shares
    text = (
        f"The loss came down by only {drop:.1%} of its start, {quarter:.0%} of that in the first quarter of the "
        f"learning time and {half:.0%} in the first half (in a straight line 25% and 50%), evenly: the steps were too "
        "small to get far."
    )
    return Fit.RATE_TOO_LOW, [text], 10.0 if half < 0.6 else 3.0


def _small_steps(run: _Run, doubt: float) -> bool:
    """Whether the steps were too small: for sure with a doubt above 0, at least perhaps with one below."""
    drop, quarter, half = run.shares
    if drop == 0 or (run.validation.size and run.rises > SMOOTH * run.drop) or _underfits(run):
        return False
    if run.start >= NOTHING:
        return drop < MUCH_FROM_NOTHING and quarter < STRAIGHT - doubt
    held_up = quarter < HELD_UP_LORA + doubt if run.rank else quarter < HELD_UP_FULL + doubt and drop > TRIFLE
    even = 1 - half < (SETTLED_LATE - doubt) * (1 - quarter) ** 2
    return drop < LITTLE and not held_up and even and half < BENT - doubt


def _underfits(run: _Run) -> bool:
    drop, _, half = run.shares
    return 0 < run.rank <= LOW_RANK and run.passes >= PASSES and SOME <= drop < MODEST and half >= LEVEL


def _converged(run: _Run) -> Found:
    drop, _, half = run.shares
    fall = f"The loss came down by {drop:.1%} of its start, {1 - half:.0%} of that in the second half of learning time"
    if _underfits(run):
        text = f"{fall}: LoRA of rank {run.rank} learnt no more of it in {run.passes} passes."
        return Fit.UNDERFITTING, [text], 1.0
    if half >= STUCK + run.doubt and run.training_half >= STUCK:
        return Fit.RATE_TOO_HIGH, [f"{fall}: large steps brought it down and could not settle."], 0.1
    falling = 1 - half - run.lag / 2 - STILL_FALLING
    if run.doubt and falling > 0 and _small_steps(run, -run.doubt):
        text = (
            f"{fall}: whether small steps or few passes kept it from falling farther, {run.doubt:.0%} of noise hides."
        )
        return Fit.UNKNOWN, [text], 1.0
    if falling > run.doubt:
        return Fit.NOT_CONVERGED, [f"{fall}: it was still falling when the rate ended it."], 1.0
    if falling > -run.doubt:
        text = f"{fall}, give or take {run.doubt:.0%}: the batches differ too much to see more without validation."
        return Fit.UNKNOWN, [text], 1.0
    followed = "no record was seen twice" if run.few else "validation did not rise"
    return Fit.GOOD, [f"{fall}; {followed}."], 1.0


def _array(losses: Iterable[float | None]) -> Values:
    return np.array([loss for loss in losses if loss is not None], dtype=np.float64)
