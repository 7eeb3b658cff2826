"""Which boxes of a task should have a vector, and what should stand beside it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from loop.regions import Box, Region
from loop.reviews.verdicts import Decision
from loop.vision.embedding import Entry, Kind, Space, crop_key, entry_key

NAMED = "named"  # the verdict of a box that a person named as one of a cluster


@dataclass(frozen=True, slots=True)
class Shown:
    """What one version said about a task's *image*: the regions shown and those held back."""

    image: str
    version: str
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the review that counts left on the *image*; *began* is when it was last begun."""

    image: str
    regions: tuple[Region, ...]
    began: datetime | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A box that nobody drew, and that a person named at some moment as a member of a cluster."""

    image: str
    region: Region
    at: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """One verdict, with the version it is on; a missed box has no *predicted*, a false positive no *reviewed*."""

    decision: Decision
    predicted: Region | None
    reviewed: Region | None
    image: str
    version: str


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """
    All that decides which vectors a task has.

    *newest* is the prediction that stands, None where there is none or the task was deleted. *drawn* is the review
    that counts.
    """

    task_id: int
    newest: Shown | None = None
    drawn: Drawn | None = None
    judged: tuple[Judged, ...] = ()
    named: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """One vector that should be there: of a box on an image, with its scalars, in one kind of collection."""

    kind: Kind
    crop: str
    image: str
    box: Box
    entry: Entry


def wanted(facts: TaskFacts, space: Space) -> list[Wanted]:
    """
    Everything that should have a vector in *space*; each key once a kind.

    References are the labelled boxes of the review that counts, whether a prediction was kept, corrected or missing,
    and the boxes that a person named since: a review that was begun later knows the label, and says more than they do.
    Detections are those of the newest prediction, shown or held back, and every one that was judged: a deleted one
    stays as an example of what is not there.
    """
    found: dict[tuple[Kind, str], Wanted] = {}
    for one in (*_named(facts, space), *_references(facts, space), *_detections(facts, space)):
        found.setdefault((one.kind, one.entry.key), one)
    return list(found.values())


def _named(facts: TaskFacts, space: Space) -> Iterator[Wanted]:
    for one in facts.named:
        is_answered = facts.drawn and facts.drawn.began and facts.drawn.began >= one.at
        is_there = facts.newest is None or facts.newest.image == one.image
        if is_there and not is_answered:
            yield _wanted(Kind.REFERENCES, facts.task_id, one.image, one.region, space, "", NAMED)


def _references(facts: TaskFacts, space: Space) -> Iterator[Wanted]:
    if facts.drawn is None:
        return
    verdicts = {(one.reviewed.id, one.reviewed.box): one for one in facts.judged if one.reviewed}
    for region in _usable(facts.drawn.regions):
        judged = verdicts.get((region.id, region.box))
        decision = judged.decision if judged else Decision.MISSED  # nothing was predicted there
        version = judged.version if judged and judged.predicted else ""
        yield _wanted(Kind.REFERENCES, facts.task_id, facts.drawn.image, region, space, version, decision)


def _detections(facts: TaskFacts, space: Space) -> Iterator[Wanted]:
    for one in facts.judged:
        for region in _usable([one.predicted] if one.predicted else []):
            yield _wanted(Kind.DETECTIONS, facts.task_id, one.image, region, space, one.version, one.decision)
    if facts.newest:
        for region in _usable(facts.newest.regions):
            yield _wanted(Kind.DETECTIONS, facts.task_id, facts.newest.image, region, space, facts.newest.version, "")


def _usable(regions: Sequence[Region]) -> Iterable[Region]:
    """The regions that have a label and show something of the image."""
    return (one for one in regions if one.label and one.box.clipped().area > 0)


def _wanted(kind: Kind, task_id: int, image: str, region: Region, space: Space, version: str, verdict: str) -> Wanted:
    box = region.box.clipped()
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
    return Wanted(kind, crop, image, box, entry)
