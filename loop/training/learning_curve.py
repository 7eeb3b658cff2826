"""How the versions of a project got better with its labelled images and its annotators' hours."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate

from loop.datasets.snapshots import Reason
from loop.gate.comparison import MetricChange
from loop.gate.report import GateReport
from loop.rates.intervals import Interval
from loop.rates.review_times import SecondsPolicy
from loop.reviews.review_facts import LeadTime
from loop.training.outlook.more_images import BEGUN, DOUBLED, CurveStep, Gain, Outlook, forecast
from loop.training.room import TrainingRoom
from loop.training.store import Training

LABELLED_TOO = (Reason.RESTING.value, Reason.BACKGROUND.value)  # of the images that a dataset leaves out


@dataclass(frozen=True, slots=True)
class Measured:
    """An average precision with its 95% interval over resamples of the images; None in reports of old versions."""

    value: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class ClassPoint:
    """The AP of one class, on the *images* that show it with so many *boxes*."""

    name: str
    images: int
    boxes: int
    measured: Measured


@dataclass(frozen=True, slots=True)
class HeldOutSet:
    """
    The held-out images that a version was measured on, by a number; the split grows, so there are several.

    Two versions measured on the set of one *number* were measured on the same images.
    """

    number: int
    images: int
    boxes: int


@dataclass(frozen=True, slots=True)
class WorkDone:
    """The work of annotators until a moment: reviews with their hours, and reviews that no hours are known of."""

    reviews: int
    hours: float
    too_long: int  # open for longer than half an hour: left out, as the annotator was away
    unknown: int


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """
    One trained version, measured on its held-out images by its gate's report.

    *images* were labelled by then. *before* is the version that served then, measured on the same held-out images, and
    *lead* is how much better this version is, with the interval of that difference.
    """

    version: str
    made_at: datetime
    status: str
    images: int | None
    work: WorkDone
    held_out: HeldOutSet
    measured: Measured
    before_name: str
    before: Measured
    lead: Measured
    classes: tuple[ClassPoint, ...]


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """
    The points in the order of the trainings, the trained versions without a report, and the work until today.

    *outlook* is what more labelled images may bring; None where that cannot be told.
    """

    points: tuple[CurvePoint, ...]
    unmeasured: tuple[str, ...]
    work: WorkDone
    outlook: Outlook | None = None

    def list_classes(self) -> list[str]:
        """Return the classes of all points, those with most boxes on the newest point first."""
        boxes = {part.name: part.boxes for point in self.points for part in point.classes}
        return sorted(boxes, key=lambda name: (-boxes[name], name))


def draw_curve(trainings: TrainingRoom, project_id: int, most: int = 200) -> LearningCurve:
    """Return the curve of the newest *most* trained versions of a project. Raises UnknownProject, StoreDown."""
    trainings.studio.projects.get(project_id)
    made = [training for training in trainings.store.all(project_id) if training.version][-most:]
    reports = trainings.gate.reports.read_all(project_id)
    spent = trainings.reviews.facts.read_lead_times(project_id)
    measured = [(training, reports[training.version or ""]) for training in made if training.version in reports]
    sets = _number_sets(report for _, report in measured)
    totals = _Totals(spent)
    points = tuple(_make_point(training, report, sets, totals) for training, report in measured)
    return LearningCurve(
        points=points,
        unmeasured=tuple(str(training.version) for training in made if training.version not in reports),
        work=totals.until(None),
        outlook=look_ahead(points),
    )


def look_ahead(points: Sequence[CurvePoint]) -> Outlook | None:
    """
    Return the outlook from the newest of some *points* of a learning curve.

    None where the curve has hardly begun, and where the interval says neither that more images help nor that they bring
    little.
    """
    steps = find_steps(points)
    outlook = forecast(steps) if steps and points[-1].measured.value >= BEGUN else None
    if outlook is None or not outlook.tells:
        return None
    by_images = {point.images: point for point in reversed(points)}
    first, last = by_images[outlook.first].work, points[-1].work
    timed = (last.reviews - last.too_long - last.unknown) - (first.reviews - first.too_long - first.unknown)
    spent = last.hours - first.hours
    hours = outlook.more * spent / timed if timed > 0 and spent > 0 else None
    return replace(outlook, hours=hours)


def find_steps(points: Sequence[CurvePoint]) -> list[CurveStep]:
    """Return the steps back from the newest point, newest first, until the images have doubled."""
    by_name = {point.version: point for point in points[:-1]}
    point, steps = points[-1] if points else None, list[CurveStep]()
    while point and point.images and (before := by_name.pop(point.before_name, None)) and before.images:
        interval = point.lead.interval
        if interval is None:
            break
        steps.append(CurveStep(before.images, point.images, Gain(point.lead.value, interval)))
        if steps[0].after >= DOUBLED * before.images:
            break
        point = before
    return steps


class _Totals:
    """The work summed up review by review, so that the work until any moment is looked up."""

    def __init__(self, spent: Sequence[LeadTime]) -> None:
        longest = SecondsPolicy().longest
        seconds = [review.seconds if review.seconds and review.seconds > 0 else None for review in spent]
        self._moments = [review.ended_at for review in spent]
        self._hours = [0.0, *accumulate((each / 3600 if each and each <= longest else 0.0) for each in seconds)]
        self._long = [0, *accumulate(each is not None and each > longest for each in seconds)]
        self._unknown = [0, *accumulate(each is None for each in seconds)]

    def until(self, moment: datetime | None) -> WorkDone:
        at = len(self._moments) if moment is None else bisect_right(self._moments, moment)
        return WorkDone(at, self._hours[at], self._long[at], self._unknown[at])


def _number_sets(reports: Iterator[GateReport]) -> Mapping[str, int]:
    """Number the sets of held-out images in the order in which they were first measured on."""
    keys = dict.fromkeys(map(_identify_set, reports))
    return {key: number for number, key in enumerate(keys, start=1)}


def _identify_set(report: GateReport) -> str:
    """The digest of the held-out images; in a report that lacks it, the snapshot, which has one set of them."""
    return report.held_out or report.snapshot


def _make_point(training: Training, report: GateReport, sets: Mapping[str, int], totals: _Totals) -> CurvePoint:
    comparison = report.comparison
    size = comparison.candidate
    return CurvePoint(
        version=report.candidate.name,
        made_at=report.made_at,
        status=training.status,
        images=count_labelled(training),
        work=totals.until(training.reviews_until or training.started_at),
        held_out=HeldOutSet(sets[_identify_set(report)], size.images, size.boxes),
        measured=_of_candidate(comparison.overall),
        before_name=report.champion.name,
        before=Measured(comparison.overall.champion, comparison.overall.champion_interval),
        lead=Measured(comparison.overall.lead, Interval(comparison.overall.low, comparison.overall.high)),
        classes=tuple(
            ClassPoint(part.name, part.images, part.boxes, _of_candidate(part.change)) for part in comparison.classes
        ),
    )


def _of_candidate(change: MetricChange) -> Measured:
    return Measured(change.candidate, change.candidate_interval)


def count_labelled(training: Training) -> int | None:
    """Return the labelled images of a training's dataset: all that it holds, and those not repeated this time."""
    counts = (training.report or {}).get("snapshot")
    if not counts:
        return None
    left_out = counts.get("left_out_counts", {})
    return int(sum(counts.get("images", {}).values())) + sum(int(left_out.get(reason, 0)) for reason in LABELLED_TOO)
