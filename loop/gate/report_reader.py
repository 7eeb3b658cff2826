"""Stored reports back to dataclasses, and their pictures as JSON and back. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from loop.errors import PayloadError
from loop.gate.comparison import Comparison, Latency, MetricChange, Mistakes, Part, Sides
from loop.gate.evaluation import Metrics, ShownBoxes
from loop.gate.report import ComparedVersion, DrawnBox, GateReport, Picture
from loop.gate.rule import GateOutcome, GatePolicy, Ruling
from loop.rates.intervals import Interval
from loop.regions import Box

Shape = TypeVar("Shape", GatePolicy, Metrics, ShownBoxes)


def read_report(text: str, pictures: str | None = None) -> GateReport:
    """
    Read the JSON of a report, and of its *pictures*, which reports of earlier versions of this program lack.

    Its mistakes are only those of images on which the two versions differ. Raises PayloadError.
    """
    try:
        content = json.loads(text)
        return _read_report(content, tuple(map(_read_picture, json.loads(pictures))) if pictures else ())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PayloadError("report.json", "a report of the gate", f"{type(error).__name__}: {error}") from error


def write_pictures(report: GateReport) -> str:
    """Return the pictures of a report as JSON."""
    return json.dumps([_write_picture(picture) for picture in report.pictures])


def _read_report(content: Mapping[str, Any], pictures: tuple[Picture, ...]) -> GateReport:
    champion, candidate = (_read_version(content[side]) for side in ("champion", "candidate"))
    reasons = content.get("reasons") or [content["reason"]]
    outcome = content["outcome"]
    return GateReport(
        project_id=content["project"],
        champion=champion,
        candidate=candidate,
        snapshot=content["snapshot"],
        made_at=datetime.fromisoformat(content["made_at"]),
        thresholds=_read_thresholds(content),
        policy=_fill(GatePolicy, content["policy"]),
        comparison=_read_comparison(content),
        ruling=Ruling(GateOutcome(outcome), tuple(map(str, reasons))) if outcome else None,
        pictures=pictures,
        held_out=str(content.get("held_out", "")),
    )


def _read_thresholds(content: Mapping[str, Any]) -> Sides:
    own = float(content["display_threshold"])
    return float(content.get("champion_display_threshold", own)), own  # one for both sides in older reports


def _read_version(content: Mapping[str, Any]) -> ComparedVersion:
    return ComparedVersion(content["name"], content["sha256"], content["snapshot"])


def _read_comparison(content: Mapping[str, Any]) -> Comparison:
    known, fresh, latency = (
        content[name] for name in ("measured_before_the_champion_was_made", "measured_since", "latency_ms")
    )
    return Comparison(
        champion=_fill(Metrics, content["champion"]["metrics"]),
        candidate=_fill(Metrics, content["candidate"]["metrics"]),
        overall=_read_change(content["overall"]),
        classes=tuple(_read_part(part) for part in content["classes"]),
        known=_read_part(known) if known else None,
        fresh=_read_part(fresh) if fresh else None,
        mistakes=tuple(Mistakes(**mistakes) for name in ("fixed", "broken") for mistakes in content[name]),
        latency=Latency(latency["champion"], latency["candidate"]) if latency else None,
        resamples=content["resamples"],
        shown=tuple(_fill(ShownBoxes, one) for one in content.get("shown", ())),
    )


def _read_part(content: Mapping[str, Any]) -> Part:
    return Part(str(content["name"]), int(content["images"]), int(content["boxes"]), _read_change(content))


def _read_change(content: Mapping[str, Any]) -> MetricChange:
    low, high = map(float, content["interval"])
    ends = [content.get(f"{side}_interval") for side in ("champion", "candidate")]
    champion, candidate = (Interval(*map(float, each)) if each else None for each in ends)
    sides, ahead = (float(content["champion"]), float(content["candidate"])), float(content["ahead_in"])
    return MetricChange(*sides, low, high, ahead, champion, candidate)


def _write_picture(picture: Picture) -> dict[str, Any]:
    sides = {name: [asdict(drawn) for drawn in getattr(picture, name)] for name in _SIDES}
    jpeg = base64.b64encode(picture.jpeg).decode()
    size = {"width": picture.width, "height": picture.height}
    return {"mistakes": asdict(picture.mistakes), "jpeg": jpeg, **size, **sides}


def _read_picture(content: Mapping[str, Any]) -> Picture:
    jpeg, mistakes = base64.b64decode(content["jpeg"]), Mistakes(**content["mistakes"])
    sides = {name: tuple(map(_read_drawn, content[name])) for name in _SIDES}
    return Picture(mistakes, jpeg, int(content["width"]), int(content["height"]), **sides)


def _fill(kind: type[Shape], content: Mapping[str, Any]) -> Shape:
    """Return an object of numbers; numbers that it does not have are passed over."""
    return kind(**{name: content[name] for name in content if name in kind.__dataclass_fields__})


_SIDES = ("truth", "champion", "candidate")


def _read_drawn(content: Mapping[str, Any]) -> DrawnBox:
    confidence = content["confidence"]
    return DrawnBox(
        label=str(content["label"]),
        box=Box(**content["box"]),
        confidence=None if confidence is None else float(confidence),
        is_right=bool(content["is_right"]),
    )
