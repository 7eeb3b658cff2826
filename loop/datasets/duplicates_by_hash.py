"""Which images look alike by their perceptual hashes: who is near whom among many. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

BATCH = 1_000_000  # pairs in memory at a time

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]


class Looks:
    """The perceptual hashes of many images; a task is its place in the list. None looks like nothing."""

    def __init__(self, looks: Sequence[int | None], widest: int) -> None:
        self.widest = widest
        self._known = np.array([look is not None for look in looks], dtype=bool)
        self._hashes = np.array([look or 0 for look in looks], dtype=np.uint64)

    def linked(self, members: Ints, width: int) -> Ints:
        """
        Label *members*: equal where a chain leads from one to the other, no step of which changes over *width* bits.

        A negative width links nothing, not even what is equal.
        """
        labels = np.arange(len(members)) + len(members)
        known = self._known[members]
        if width >= 0 and known.any():
            hashes, place = np.unique(self._hashes[members[known]], return_inverse=True)
            labels[known] = _chained(hashes, width)[place]
        return labels

    def nearest(self, ones: Ints, others: Ints, width: int) -> list[tuple[int, int, str]]:
        """Pair each of *ones* that has one with the nearest of *others* within *width* bits: one, other, how near."""
        ones, others = ones[self._known[ones]], others[self._known[others]]
        found = []
        for one in ones if len(others) else ():
            distances = np.bitwise_count(self._hashes[others] ^ self._hashes[one])
            at = int(distances.argmin())
            if distances[at] <= width:
                found.append((int(one), int(others[at]), f"{distances[at]} bits apart"))
        return found


def _chained(hashes: Hashes, width: int) -> Ints:
    labels = np.arange(len(hashes))
    for first, second in _near(hashes, width):
        graph = coo_matrix((np.ones(len(first), bool), (labels[first], labels[second])), shape=(len(hashes),) * 2)
        labels = connected_components(graph, directed=False)[1][labels]
    return labels.astype(np.int64)


def _near(hashes: Hashes, width: int) -> Iterator[tuple[Ints, Ints]]:
    """
    Yield all pairs that differ in at most *width* bits, in batches; a pair may come more than once.

    Of *width* + 1 bands of bits, such a pair has at least one in common. So only what shares a band is compared.
    """
    cuts = np.linspace(0, 64, width + 2).astype(int)
    batch: list[tuple[Ints, Ints]] = []
    held = 0
    for low, high in pairwise(cuts.tolist()):
        band = (hashes >> np.uint64(low)) & np.uint64((1 << high - low) - 1)
        order = np.argsort(band, kind="stable")
        end = np.searchsorted(band[order], band[order], side="right")
        at = np.arange(len(hashes))
        for step in range(1, len(hashes)):
            at = at[at + step < end[at]]
            if not len(at):
                break
            first, second = order[at], order[at + step]
            is_near = np.bitwise_count(hashes[first] ^ hashes[second]) <= width
            batch.append((first[is_near], second[is_near]))
            held += len(batch[-1][0])
            if held > BATCH:
                yield _joined(batch)
                batch, held = [], 0
    if batch:
        yield _joined(batch)


def _joined(batch: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    return np.concatenate([first for first, _ in batch]), np.concatenate([second for _, second in batch])
