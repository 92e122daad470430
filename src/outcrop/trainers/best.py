"""The weights of the best validation so far, and whether there has been none better for too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from outcrop.domain.models import CurvePoint
from outcrop.models.network import Network
from outcrop.trainers.protocol import StopMetric


class BestWeights:
    """Follows the validations of a run; the one before the first step counts for nothing, since nothing is learnt.

    Args:
        weights: What is trained, by name.
        stop_metric: What decides; None for the validation loss.
    """

    def __init__(self, weights: Mapping[str, Tensor], stop_metric: StopMetric | None) -> None:
        self._weights = weights
        self._stop_metric = stop_metric
        self._points: list[CurvePoint] = []
        self._copies: dict[str, Tensor] = {}

    def measure(self, network: Network) -> float | None:
        """The stop metric's figure of a network; None where the loss decides."""
        return None if self._stop_metric is None else self._stop_metric.measure(network)

    def see(self, point: CurvePoint, *, copy: bool) -> None:
        """Take note of a validation; ``copy`` keeps the weights as they are, if it is the best."""
        if point.step == 0:
            return
        self._points.append(point)
        if self._best() is not point:
            return
        self._copies = {}
        if copy:
            self._copies = {name: weight.detach().clone() for name, weight in self._weights.items()}

    def ran_out(self, patience: int, threshold: float) -> bool:
        """Whether the last ``patience`` validations did not better the best before them by more than ``threshold``."""
        if patience == 0:
            return False
        best, waited = float("inf"), 0
        for point in self._points:
            waited = 0 if self._badness(point) < best - threshold else waited + 1
            best = min(best, self._badness(point))
        return waited >= patience

    def put_back(self, step: int) -> int:
        """Give the network the best weights again; the step they come from, which is the last without validation."""
        best = self._best()
        if best is None or best.step == step or not self._copies:
            return step
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(self._copies[name])
        return best.step

    def tensors(self, step: int) -> dict[str, Tensor]:
        """What a checkpoint of that step needs beside the weights themselves."""
        best = self._best()
        if best is None or best.step == step:
            return {}
        return {f"best.{name}": tensor.cpu().clone() for name, tensor in self._copies.items()}

    def restore(self, curve: Sequence[CurvePoint], step: int, tensors: Mapping[str, Tensor]) -> None:
        """Go on from a checkpoint of that step, whose weights are in place already."""
        self._points = [point for point in curve if point.validation_loss is not None and point.step > 0]
        best = self._best()
        if best is not None and best.step == step:
            self._copies = {name: weight.detach().clone() for name, weight in self._weights.items()}
        else:
            self._copies = {
                name: tensors[f"best.{name}"].to(weight.device)
                for name, weight in self._weights.items()
                if f"best.{name}" in tensors
            }

    def _best(self) -> CurvePoint | None:
        """The best point, the first of equals."""
        return min(self._points, key=self._badness, default=None)

    def _badness(self, point: CurvePoint) -> float:
        if self._stop_metric is None or point.validation_metric is None:
            assert point.validation_loss is not None
            return point.validation_loss
        return -point.validation_metric if self._stop_metric.higher_is_better else point.validation_metric
