"""The work of a review: its seconds, and its boxes by verdict. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WorkKind(StrEnum):
    """The parts of the work of a review."""

    IMAGE = "image"  # to look at it, and to submit
    LEFT = "left"
    MOVED = "moved"
    RELABELLED = "relabelled"
    DRAWN = "drawn"
    DELETED = "deleted"


WORKS = tuple(WorkKind)
SUGGESTED = (WorkKind.LEFT, WorkKind.MOVED, WorkKind.RELABELLED, WorkKind.DELETED)


@dataclass(frozen=True, slots=True)
class ReviewWork:
    """
    The seconds of a review and its boxes by work, in the order of WORKS: one image; a box may be moved and relabelled.

    *suggested* is the number of its objects that had a suggestion. *is_shown*: boxes were shown at its start.
    """

    seconds: float
    counts: tuple[int, ...]
    suggested: int = 0
    is_shown: bool = True
