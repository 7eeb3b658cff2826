"""What an embedding is: one unit vector for one box on one image, by one embedder. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from loop.regions import Box, Pixels

Vectors = NDArray[np.float32]  # (n, dimension), each row of unit length

SAME_PLACE = 4  # decimals of the image; Label Studio rounds what it stores


class Kind(StrEnum):
    """The two kinds of collections."""

    REFERENCES = "references"  # what a person confirmed, corrected or drew
    DETECTIONS = "detections"  # what the detector found, shown or held back


@dataclass(frozen=True, slots=True)
class Space:
    """
    The space that vectors of one embedder lie in: only vectors of the same space can be compared.

    *fingerprint* changes whenever the same crop could get another vector: other weights, another preparation.
    """

    name: str
    fingerprint: str


class Embedder(Protocol):
    """Makes vectors of boxes."""

    space: Space
    dimension: int

    def embed(self, images: Sequence[Pixels], boxes: Sequence[Sequence[Box]]) -> list[Vectors]:
        """Embed the boxes of each image; float32 (boxes, dimension) an image, unit length, in the order given."""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One vector's scalars: whose it is and what is known about it.

    *label* is the reviewed one of a reference, the predicted one of a detection. *verdict* is empty where nobody
    reviewed it, *node* where the taxonomy has not placed it, *version* where a person drew it. *score* is 0 without a
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
    """One entry found near a vector, with the cosine of the angle between the two."""

    entry: Entry
    similarity: float


def crop_key(image: str, box: Box) -> str:
    """What is looked at: a place on an image, by the image's address and the box to a ten-thousandth of it."""
    sides = (round(side, SAME_PLACE) + 0.0 for side in (box.x0, box.y0, box.x1, box.y1))
    return _short_hash(image, *(f"{side:.{SAME_PLACE}f}" for side in sides))


def entry_key(crop: str, task_id: int, space: Space) -> str:
    """The key of a vector: the crop, the task it is on (two tasks may show one image), and the embedder."""
    return _short_hash(crop, str(task_id), space.fingerprint)


def normalised(raw: NDArray[np.floating]) -> Vectors:
    """Scale each row to unit length; a row without direction gets the same one every time."""
    found = np.nan_to_num(np.asarray(raw, np.float32))
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    found = np.where(lengths > 0, found, 1.0)
    unit: Vectors = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _short_hash(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]
