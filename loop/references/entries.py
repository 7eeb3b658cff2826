"""The entries of the vector collections: the kinds of collections, keys, and the scalars beside a vector. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from loop.regions import Box
from loop.vision.embedding import Space

SAME_PLACE = 4  # decimals of the image; Label Studio rounds the numbers that it stores


class CollectionKind(StrEnum):
    """The two kinds of collections."""

    REFERENCES = "references"  # boxes that a person confirmed, corrected or drew
    DETECTIONS = "detections"  # boxes that the detector predicted, shown or held back


@dataclass(frozen=True, slots=True)
class Entry:
    """
    The scalars beside one vector: its task and region, and the facts about its box.

    *label* is the reviewed label of a reference, the predicted label of a detection. *verdict* is empty if nobody
    reviewed the box, *node* if the taxonomy has not placed it, *version* if a person drew it. *score* is 0 without a
    confidence.
    """

    key: str
    task: int
    region: str
    label: str
    version: str = ""
    score: float = 0.0
    verdict: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An entry near a vector, with the cosine of the angle between the two."""

    entry: Entry
    similarity: float


def crop_key(image: str, box: Box) -> str:
    """Return the key of a place on an image: of the address, and of the box to a ten-thousandth of the image."""
    sides = (round(side, SAME_PLACE) + 0.0 for side in box.sides)
    return _short_hash(image, *(f"{side:.{SAME_PLACE}f}" for side in sides))


def entry_key(crop: str, task_id: int, space: Space) -> str:
    """Return the key of a vector: of its crop, its task (two tasks may show one image), and its embedder."""
    return _short_hash(crop, str(task_id), space.fingerprint)


def _short_hash(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]
