"""A version in memory: its name, its detector and its thresholds."""

from __future__ import annotations

from dataclasses import dataclass

from loop.label_studio.label_config import LabelConfig
from loop.vision.detector import Detector

TRAINED, EXPORTED, EXPORTED_8 = "torch", "OpenVINO", "OpenVINO INT8"  # runtimes: trained weights, exports, in 8 bits


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The least confidence of a box that is logged (*floor*), and of a box that is shown (*display*)."""

    floor: float = 0.05
    display: float = 0.25

    def under(self, config: LabelConfig) -> Thresholds:
        """Return the same with the label config's own threshold in force; the floor is never above it."""
        display = self.display if config.score_threshold is None else config.score_threshold
        return Thresholds(min(self.floor, max(display, 0.001)), display)


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """
    A version with its detector and thresholds in one object: no prediction can have the name of another version.

    *runtime* is the library that runs the detector. *is_registered* is False for start weights that are no version yet.
    """

    version: str
    detector: Detector | None  # None without any weights, or for the reason in *error*
    thresholds: Thresholds = Thresholds()
    error: str | None = None
    runtime: str = TRAINED
    is_registered: bool = True

    def is_of(self, version: str) -> bool:
        """Whether this is a registered version of this name."""
        return self.is_registered and self.version == version
