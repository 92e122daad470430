"""The page of one training run: what is to be made of it, its curve, its figures and how it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from outcrop.domain.models import CurvePoint
from outcrop.reports.curves import curve_svg
from outcrop.reports.html import MOST_POINTS, environment
from outcrop.reports.sections import thinned
from outcrop.trainers.diagnosis import Diagnosis
from outcrop.trainers.remedies import Fit

#: Which colour of a verdict's box says what: green where nothing is to be done, grey where nothing can be said.
TONES = {Fit.GOOD: "better", Fit.UNKNOWN: "undecided", Fit.RATE_TOO_HIGH: "worse", Fit.OVERFITTING: "worse"}


@dataclass(frozen=True)
class TrainingRun:
    """A customization job as its page and the terminal show it.

    Attributes:
        name: The custom model's name.
        job: The job's id.
        base: The base model's name.
        method: ``lora`` or ``full``.
        status: The job's, such as ``running`` or ``done``.
        steps: Optimiser steps planned.
        data: Where the training records are, with their hash.
        curve: The points so far.
        hyperparameters: By name.
        figures: Efficiency figures, by name.
        versions: Of the programs that trained it.
        diagnosis: What the curve says.
    """

    name: str
    job: str
    base: str
    method: str
    status: str
    steps: int
    data: str
    curve: tuple[CurvePoint, ...]
    hyperparameters: Mapping[str, Any]
    diagnosis: Diagnosis
    figures: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Optimiser steps done."""
        return max((point.step for point in self.curve), default=0)


def render_training_html(run: TrainingRun) -> str:
    """The run as one HTML document that needs nothing else; the points of its table are evenly picked if many."""
    page = environment().get_template("training.html.j2")
    return page.render(
        run=run,
        tone=TONES.get(run.diagnosis.verdict, "alone"),
        chart=Markup(curve_svg(run.curve, run.name, "curve")),
        points=thinned(run.curve, MOST_POINTS),
    )
