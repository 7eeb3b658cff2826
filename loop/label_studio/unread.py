"""What is not read of a review or prediction, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Why(StrEnum):
    """Why something in a result is not read."""

    NO_CONFIG = "the label config of the project is refused"
    NO_RESULT = "the review holds no list of regions"
    UNKNOWN_LABEL = "a box has a label that is not in the class list"
    NO_LABEL = "a box has no label"
    BROKEN = "a box is not four finite numbers on the image"
    SHAPE = "something was drawn that is not read as a box"


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that may show one of our objects and was not read; *text* says where, what, and what to do."""

    why: Why
    text: str
    label: str = ""  # where it is the label that nobody knows
