"""What data is for, as commands take it."""

from __future__ import annotations

from enum import StrEnum


class TrainingAim(StrEnum):
    """What training data is for."""

    FINE_TUNING = "fine-tuning"
    PRE_TRAINING = "pre-training"


class Aim(StrEnum):
    """What data is for."""

    FINE_TUNING = "fine-tuning"
    PRE_TRAINING = "pre-training"
    EVALUATION = "evaluation"
