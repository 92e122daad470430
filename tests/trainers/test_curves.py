"""A curve's tables: what a script written for Bedrock reads, and where it reads it."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from outcrop.domain.models import CurvePoint
from outcrop.trainers.curves import VALIDATION_FILES, write_curves

CURVE = (
    CurvePoint(0, 0, validation_loss=3.5),
    CurvePoint(1, 0, training_loss=3.25),
    CurvePoint(2, 0, training_loss=1 / 3),
    CurvePoint(2, 0, validation_loss=3.0),
    CurvePoint(3, 1, training_loss=1200.0),
    CurvePoint(4, 1, training_loss=0.0),
    CurvePoint(4, 1, validation_loss=2.0),
)
TRAINING = "training_artifacts/step_wise_training_metrics.csv"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_training_counts_steps_and_epochs_from_0(tmp_path: Path) -> None:
    write_curves(CURVE, tmp_path)
    rows = read(tmp_path / TRAINING)
    assert list(rows[0]) == ["step_number", "epoch_number", "training_loss", "perplexity"]
    assert [(row["step_number"], row["epoch_number"]) for row in rows] == [
        ("0", "0"),
        ("1", "0"),
        ("2", "1"),
        ("3", "1"),
    ]


def test_losses_keep_their_digits_and_perplexity_may_be_infinite(tmp_path: Path) -> None:
    write_curves(CURVE, tmp_path)
    rows = read(tmp_path / TRAINING)
    assert [float(row["training_loss"]) for row in rows] == [3.25, 1 / 3, 1200.0, 0.0]
    # e to 3.25 and to a third, from tables.
    assert abs(float(rows[0]["perplexity"]) - 25.790339917193062) < 1e-12
    assert abs(float(rows[1]["perplexity"]) - 1.3956124250860895) < 1e-14
    assert rows[2]["perplexity"] == "inf"
    assert rows[3]["perplexity"] == "1.0"


def test_validation_stands_at_the_step_it_follows_in_all_three_places(tmp_path: Path) -> None:
    written = write_curves(CURVE, tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in written} == {
        TRAINING,
        "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv",
        "validation_artifacts/post_fine_tuning_validation/validation/validation_metrics.csv",
        "validation_artifacts/validation_metrics.csv",
    }
    texts = {(tmp_path / path).read_bytes() for path in VALIDATION_FILES}
    assert len(texts) == 1
    rows = read(tmp_path / VALIDATION_FILES[0])
    assert list(rows[0]) == ["step_number", "epoch_number", "validation_loss", "perplexity"]
    assert [(row["step_number"], row["epoch_number"], row["validation_loss"]) for row in rows] == [
        ("1", "0", "3.0"),
        ("3", "1", "2.0"),
    ]
    steps = {row["step_number"] for row in read(tmp_path / TRAINING)}
    assert {row["step_number"] for row in rows} <= steps


def test_without_validation_there_is_no_validation_table(tmp_path: Path) -> None:
    curve = [CurvePoint(1, 0, training_loss=math.nan)]
    assert write_curves(curve, tmp_path) == [tmp_path / TRAINING]
    assert read(tmp_path / TRAINING)[0]["perplexity"] == "nan"
    assert not (tmp_path / "validation_artifacts").exists()
