"""The vectors that a task should have, with their scalars. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from loop.references.entries import CollectionKind, Entry, crop_key, entry_key
from loop.regions import SAME_OBJECT, Box, Region
from loop.reviews.verdicts import Decision
from loop.vision.embedding import Space

NAMED = "named"  # the verdict of a box that a person named as a member of a cluster


@dataclass(frozen=True, slots=True)
class TaskPrediction:
    """The prediction of one version on a task's *image*: shown and held-back regions."""

    image: str
    version: str
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class TaskReview:
    """The regions of the review that counts on the *image*; its last edit *began* and *ended* at these times."""

    image: str
    regions: tuple[Region, ...]
    began: datetime | None = None
    ended: datetime | None = None

    def replaces(self, named: NamedBox) -> bool:
        """Whether it says more of a named box: it began after the naming, or it ended after it and labels the box."""
        if self.began is None or self.ended is None or self.ended < named.at:
            return False
        boxes = (region.box for region in _choose_usable(self.regions))
        return self.began >= named.at or any(box.iou(named.region.box) >= SAME_OBJECT for box in boxes)


@dataclass(frozen=True, slots=True)
class NamedBox:
    """A box that nobody drew, and that a person named as a member of a cluster at the time *at*."""

    image: str
    region: Region
    at: datetime


@dataclass(frozen=True, slots=True)
class JudgedRegion:
    """One verdict on a version. A missed box has no *predicted* region, a false positive no *reviewed* region."""

    decision: Decision
    predicted: Region | None
    reviewed: Region | None
    image: str
    version: str


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """
    The facts that decide which vectors a task has.

    *newest* is the standing prediction; None without a prediction or after the task was deleted. *drawn* is the review
    that counts.
    """

    task_id: int
    newest: TaskPrediction | None = None
    drawn: TaskReview | None = None
    judged: tuple[JudgedRegion, ...] = ()
    named: tuple[NamedBox, ...] = ()


@dataclass(frozen=True, slots=True)
class WantedVector:
    """One vector that should exist: of a box on an image, with its scalars, in one kind of collection."""

    kind: CollectionKind
    crop: str
    image: str
    box: Box
    entry: Entry


def list_wanted(facts: TaskFacts, space: Space) -> list[WantedVector]:
    """
    Return the vectors that a task should have in *space*, each key once per kind.

    References are the labelled boxes of the review that counts, predicted or not, and the boxes that a person named
    since. A review that began after the naming replaces the named boxes, one that ended after it those that it labels.
    Detections are the regions of the newest prediction, shown or held back, and every judged region: a deleted region
    stays as an example of a false positive.
    """
    vectors: dict[tuple[CollectionKind, str], WantedVector] = {}
    for vector in (*_list_named(facts, space), *_list_references(facts, space), *_list_detections(facts, space)):
        vectors.setdefault((vector.kind, vector.entry.key), vector)
    return list(vectors.values())


def _list_named(facts: TaskFacts, space: Space) -> Iterator[WantedVector]:
    for box in facts.named:
        is_reviewed = facts.drawn is not None and facts.drawn.replaces(box)
        is_current = facts.newest is None or facts.newest.image == box.image
        if is_current and not is_reviewed:
            yield _make_wanted(CollectionKind.REFERENCES, facts.task_id, box.image, box.region, space, "", NAMED)


def _list_references(facts: TaskFacts, space: Space) -> Iterator[WantedVector]:
    if facts.drawn is None:
        return
    verdicts = {_name(verdict.reviewed): verdict for verdict in facts.judged if verdict.reviewed}
    for region in _choose_usable(facts.drawn.regions):
        judged = verdicts.get(_name(region))
        decision = judged.decision if judged else Decision.MISSED  # no box was predicted at its place
        version = judged.version if judged and judged.predicted else ""
        yield _make_wanted(
            CollectionKind.REFERENCES, facts.task_id, facts.drawn.image, region, space, version, decision
        )


def _name(region: Region) -> tuple[str, Box, str]:
    return region.id, region.box, region.label


def _list_detections(facts: TaskFacts, space: Space) -> Iterator[WantedVector]:
    for verdict in facts.judged:
        for region in _choose_usable([verdict.predicted] if verdict.predicted else []):
            image, version = verdict.image, verdict.version
            yield _make_wanted(
                CollectionKind.DETECTIONS, facts.task_id, image, region, space, version, verdict.decision
            )
    if facts.newest:
        for region in _choose_usable(facts.newest.regions):
            yield _make_wanted(
                CollectionKind.DETECTIONS, facts.task_id, facts.newest.image, region, space, facts.newest.version, ""
            )


def _choose_usable(regions: Sequence[Region]) -> Iterable[Region]:
    """Return the regions that have a label and lie on the image at least partly."""
    return (region for region in regions if region.label and region.box.clip().area > 0)


def _make_wanted(
    kind: CollectionKind, task_id: int, image: str, region: Region, space: Space, version: str, verdict: str
) -> WantedVector:
    box = region.box.clip()
    crop = crop_key(image, box)
    entry = Entry(
        key=entry_key(crop, task_id, space),
        task=task_id,
        region=region.id,
        label=region.label,
        version=version,
        score=region.score or 0.0,
        verdict=str(verdict),
    )
    return WantedVector(kind, crop, image, box, entry)
