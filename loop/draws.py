"""Numbers as if drawn by lot that anybody can draw again. Pure."""

from __future__ import annotations

import hashlib


def draw_number(*words: object) -> float:
    """A number in [0, 1) that follows from *words* alone, evenly spread over different ones."""
    return draw_pair(*words)[0]


def draw_pair(*words: object) -> tuple[float, float]:
    """Two such numbers that do not follow from each other."""
    digest = hashlib.sha256(":".join(map(str, words)).encode()).digest()
    first, second = (int.from_bytes(digest[at : at + 8]) / 2**64 for at in (0, 8))
    return first, second
