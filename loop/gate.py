"""Whether a candidate may replace the champion. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metrics:
    """What a detector reaches on a split: mean average precision over classes and, for map50_95, IoU 0.5 to 0.95."""

    map50: float
    map50_95: float
    images: int
    boxes: int


@dataclass(frozen=True, slots=True)
class Ruling:
    """The gate's answer, with both sides of the comparison."""

    is_passed: bool
    reason: str
    candidate: Metrics
    champion: Metrics


def rule(candidate: Metrics, champion: Metrics) -> Ruling:
    """Pass a candidate whose mAP50-95 on the same held-out split is better than the champion's."""
    if (candidate.images, candidate.boxes) != (champion.images, champion.boxes):
        raise ValueError(f"measured on different splits: {candidate} and {champion}")
    passed = candidate.map50_95 > champion.map50_95
    word = "better than" if passed else "not better than"
    reason = (
        f"mAP50-95 {candidate.map50_95:.3f} is {word} the champion's {champion.map50_95:.3f} "
        f"on {candidate.images} held-out images with {candidate.boxes} boxes"
    )
    return Ruling(passed, reason, candidate, champion)
