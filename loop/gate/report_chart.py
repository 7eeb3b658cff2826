"""Places of the drawings in a report: intervals on one scale, and captions of boxes over an image. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loop.gate.comparison import MetricChange
from loop.gate.report import DrawnBox, Picture


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale of differences of AP, *width* pixels wide: zero is in the middle, *reach* at the right end."""

    reach: float
    width: int = 300

    def x(self, value: float) -> float:
        """The place of a difference, in pixels from the left."""
        return 8 + (self.width - 16) * (value + self.reach) / (2 * self.reach)


def make_scale(changes: Sequence[MetricChange], floor: float) -> Scale:
    """Return the scale on which all intervals of *changes* and the allowed fall *floor* have room."""
    widest = max((abs(end) for change in changes for end in (change.low, change.high, change.lead)), default=0.0)
    return Scale(max(widest, floor) * 1.08)


@dataclass(frozen=True, slots=True)
class Caption:
    """The text above a box, with its place and its width in pixels of the picture."""

    text: str
    left: float
    top: float
    width: float


def make_caption(drawn: DrawnBox, picture: Picture) -> Caption:
    """Return the caption of a box, moved to lie within the picture."""
    text = f"{drawn.label} {drawn.confidence or 0:.2f}"
    width = 7.6 * len(text) + 8
    left = min(max(0.0, drawn.box.x0 * picture.width), max(0.0, picture.width - width))
    return Caption(text, left, max(0.0, drawn.box.y0 * picture.height - 19), width)
