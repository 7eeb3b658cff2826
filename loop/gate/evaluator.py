"""Evaluates weights on a labelled dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from loop.registry.detectors import Detectors
from loop.vision.tiling.tiles import AS_TRAINED, Framing

if TYPE_CHECKING:
    from loop.gate.evaluate import LabelMap
    from loop.gate.evaluation import Evaluation, Metrics


class Evaluator:
    """Measures weights on the held-out side of a dataset."""

    def __init__(self, detectors: Detectors) -> None:
        self._detectors = detectors

    def measure(self, weights: Path, data: Path) -> Metrics:
        """Measure weights on the held-out side of a dataset."""
        return self.evaluate(weights, data).metrics

    def evaluate(
        self, weights: Path, data: Path, framing: Framing = AS_TRAINED, labels: LabelMap | None = None
    ) -> Evaluation:
        """
        Run weights, in the framing in which they serve, on the held-out side of a dataset; keep it by image.

        *labels* returns the labels that classes of another name mean.
        """
        from loop.gate.evaluate import evaluate

        return evaluate(self._detectors.load(weights, framing), data, labels)
