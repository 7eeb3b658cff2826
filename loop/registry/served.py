"""A version in memory: its detector with its name and thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from loop.label_studio.label_config import LabelConfig
from loop.regions import Detection, Pixels


class Detects(Protocol):
    """What is asked of a detector."""

    class_names: tuple[str, ...]

    def detect(self, images: Sequence[Pixels], floor: float) -> list[list[Detection]]:
        """
        Detect on BGR images; every detection of at least *floor*, most confident first.

        Raises DetectionFailed at an image that it cannot work on, DetectorBroken where it works on none any more.
        """


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Least confidence that is kept (*floor*) and that is shown (*display*)."""

    floor: float = 0.05
    display: float = 0.25

    def under(self, config: LabelConfig) -> Thresholds:
        """The same with the label config's own threshold in force; the floor is never above it."""
        display = self.display if config.score_threshold is None else config.score_threshold
        return Thresholds(min(self.floor, max(display, 0.001)), display)


@dataclass(frozen=True, slots=True)
class Served:
    """A version together with its detector and thresholds, so that a prediction can never carry the wrong version."""

    version: str
    detector: Detects | None  # None: nothing has been trained and there is nothing to start from, or *error* says why
    thresholds: Thresholds = Thresholds()
    error: str | None = None
