"""Training curves as files: the CSV tables that Bedrock leaves beside a custom model, and where it puts them."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from outcrop.domain.models import CurvePoint

TRAINING_FILE = "training_artifacts/step_wise_training_metrics.csv"

#: Where scripts written for Bedrock look: the user guide's path, and those of its samples for Nova and for Llama.
VALIDATION_FILES = (
    "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv",
    "validation_artifacts/post_fine_tuning_validation/validation/validation_metrics.csv",
    "validation_artifacts/validation_metrics.csv",
)


def write_curves(curve: Iterable[CurvePoint], folder: Path) -> list[Path]:
    """Write a curve as Bedrock's tables under a folder; the files that were written.

    ``training_artifacts/step_wise_training_metrics.csv`` has the columns ``step_number``, ``epoch_number``,
    ``training_loss`` and ``perplexity``. ``validation_metrics.csv`` has ``validation_loss`` for ``training_loss``; it
    is written to all three paths in use, or to none where nothing was validated.

    Steps and epochs count from 0, so the first optimiser step, a curve's step 1, is ``step_number`` 0, and a validation
    has the number of the step that it follows: both tables join on ``step_number``. What was validated before the first
    step has no number there and stays in the curve alone. Losses are nats per token and keep all their digits;
    perplexity is e to the loss, ``inf`` where that is beyond a float.

    Raises:
        OSError: A file can't be written.
    """
    points = list(curve)
    training = [(point, point.training_loss) for point in points if point.training_loss is not None]
    validation = [
        (point, point.validation_loss) for point in points if point.validation_loss is not None and point.step
    ]
    written = [_write(folder / TRAINING_FILE, "training_loss", training)]
    if validation:
        written += [_write(folder / path, "validation_loss", validation) for path in VALIDATION_FILES]
    return written


def perplexity(loss: float) -> float:
    """E to a loss in nats per token; infinite beyond what a float holds."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def smoothed(losses: Sequence[float], window: int | None = None) -> list[float]:
    """A running mean over ``window`` losses around each, an odd number; a twentieth of them where not given.

    Near an end the window shrinks evenly on both sides, so that a falling curve is not bent there.
    """
    size = window or len(losses) // 20 | 1
    sums = np.concatenate([[0.0], np.cumsum(np.asarray(losses, dtype=np.float64))])
    places = np.arange(len(losses))
    half = np.minimum(np.minimum(places, len(losses) - 1 - places), size // 2)
    means: list[float] = ((sums[places + half + 1] - sums[places - half]) / (2 * half + 1)).tolist()
    return means


def _write(path: Path, column: str, rows: Sequence[tuple[CurvePoint, float]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("step_number", "epoch_number", column, "perplexity"))
        for point, loss in rows:
            table.writerow((point.step - 1, point.epoch, repr(float(loss)), repr(perplexity(loss))))
    return path
