"""The stored report of a comparison of two versions, for people and for programs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.gate.comparison import Comparison, Latency, MetricChange, Mistakes, Part, Sides
from loop.gate.evaluation import Evaluation
from loop.gate.rule import GateOutcome, GatePolicy, Ruling, is_dropped, needed_share
from loop.rates.intervals import Interval
from loop.regions import Box

PICTURES = 6  # of images fixed, and as many of images newly broken


@dataclass(frozen=True, slots=True)
class ComparedVersion:
    """One of the two versions compared; *snapshot* is the snapshot it was trained on."""

    name: str
    sha256: str
    snapshot: str | None


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """One box in a picture; a true box has no confidence."""

    label: str
    box: Box
    confidence: float | None
    is_right: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """One image as a small JPEG of *width* by *height* pixels, with the true boxes and the boxes of each side."""

    mistakes: Mistakes
    jpeg: bytes
    width: int
    height: int
    truth: tuple[DrawnBox, ...]
    champion: tuple[DrawnBox, ...]
    candidate: tuple[DrawnBox, ...]


@dataclass(frozen=True, slots=True)
class GateReport:
    """
    A comparison with its inputs; *ruling* is None where the gate was not asked.

    *held_out* is the digest of the held-out images with their labels: reports with the same one were measured on the
    same images. It is empty in a report that was written before it was kept. *thresholds* are the least confidences
    that champion and candidate show.
    """

    project_id: int
    champion: ComparedVersion
    candidate: ComparedVersion
    snapshot: str
    made_at: datetime
    thresholds: Sides
    policy: GatePolicy
    comparison: Comparison
    ruling: Ruling | None = None
    pictures: tuple[Picture, ...] = ()
    held_out: str = ""

    @property
    def threshold(self) -> float:
        """The least confidence that the candidate shows."""
        return self.thresholds[1]

    @property
    def key(self) -> str:
        """The name of the report in its project: the judged version, or both versions that were only compared."""
        return self.candidate.name if self.ruling else name_pair(self.champion.name, self.candidate.name)

    def outcome(self) -> GateOutcome | None:
        """The outcome of the gate; None if it was not asked."""
        return self.ruling.outcome if self.ruling else None


def name_pair(first: str, second: str) -> str:
    """Return the name of the report on two versions that were compared; no version has a + in its name."""
    return f"{first}+{second}"


def list_fixed(mistakes: Sequence[Mistakes]) -> list[Mistakes]:
    """The images on which the candidate has fewer boxes wrong than the champion, the most improved first."""
    return sorted(
        (one for one in mistakes if one.candidate < one.champion), key=lambda one: one.candidate - one.champion
    )


def list_broken(mistakes: Sequence[Mistakes]) -> list[Mistakes]:
    """The images on which the candidate has more boxes wrong than the champion, the worst first."""
    return sorted(
        (one for one in mistakes if one.candidate > one.champion), key=lambda one: one.champion - one.candidate
    )


def list_boxes(
    evaluation: Evaluation, image: str, is_shown: NDArray[np.bool_]
) -> tuple[tuple[DrawnBox, ...], tuple[DrawnBox, ...]]:
    """The true boxes of an image, and its shown boxes, see `Evaluation.shown`; a box is right by IoU 0.5."""
    at = evaluation.images.index(image)
    names, labels, detections = evaluation.class_names, evaluation.labels, evaluation.detections
    truth = [
        DrawnBox(names[labels.class_id[n]], Box(*map(float, labels.box[n])), None, is_right=True)
        for n in np.flatnonzero(labels.image == at)
    ]
    shown = [
        DrawnBox(
            names[detections.class_id[n]],
            Box(*map(float, detections.box[n])).clip(),
            float(detections.confidence[n]),
            is_right=bool(detections.hits[n, 0]),
        )
        for n in np.flatnonzero((detections.image == at) & is_shown)
    ]
    return tuple(truth), tuple(shown)


def as_json(report: GateReport) -> dict[str, Any]:
    """The report as plain JSON, without the pictures."""
    comparison = report.comparison
    return {
        "project": report.project_id,
        "made_at": report.made_at.isoformat(),
        "outcome": report.outcome(),
        "reason": report.ruling.reason if report.ruling else None,
        "reasons": report.ruling.reasons if report.ruling else None,
        "champion": asdict(report.champion) | {"metrics": asdict(comparison.champion)},
        "candidate": asdict(report.candidate) | {"metrics": asdict(comparison.candidate)},
        "snapshot": report.snapshot,
        "held_out": report.held_out,
        "resamples": comparison.resamples,
        "ahead_in_needed": needed_share(comparison, report.policy),
        "overall": _change_json(comparison.overall),
        "classes": [_part_json(one) | {"is_dropped": is_dropped(one, report.policy)} for one in comparison.classes],
        "measured_before_the_champion_was_made": _part_json(comparison.known) if comparison.known else None,
        "measured_since": _part_json(comparison.fresh) if comparison.fresh else None,
        "latency_ms": _latency_json(comparison.latency),
        "display_threshold": report.threshold,
        "champion_display_threshold": report.thresholds[0],
        "shown": [asdict(one) for one in comparison.shown],
        "fixed": [asdict(one) for one in list_fixed(comparison.mistakes)],
        "broken": [asdict(one) for one in list_broken(comparison.mistakes)],
        "policy": asdict(report.policy),
    }


def _part_json(part: Part) -> dict[str, Any]:
    return {"name": part.name, "images": part.images, "boxes": part.boxes, **_change_json(part.change)}


def _change_json(change: MetricChange) -> dict[str, Any]:
    return {
        "champion": change.champion,
        "candidate": change.candidate,
        "lead": change.lead,
        "interval": [change.low, change.high],
        "ahead_in": change.better,
        "champion_interval": _ends(change.champion_interval),
        "candidate_interval": _ends(change.candidate_interval),
    }


def _ends(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]


def _latency_json(latency: Latency | None) -> dict[str, float] | None:
    return None if latency is None else asdict(latency) | {"ratio": latency.ratio}
