"""Pseudo-random numbers that follow from words, the same at every time. Pure."""

from __future__ import annotations

import hashlib


def draw_number(*words: object) -> float:
    """Return a number in [0, 1) that follows from *words* alone; different words spread evenly."""
    return draw_pair(*words)[0]


def draw_pair(*words: object) -> tuple[float, float]:
    """Return two such numbers that are independent of each other."""
    digest = hashlib.sha256(":".join(map(str, words)).encode()).digest()
    first, second = (int.from_bytes(digest[at : at + 8]) / 2**64 for at in (0, 8))
    return first, second
