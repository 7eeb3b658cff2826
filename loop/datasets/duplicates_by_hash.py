"""Finds images that look alike by their perceptual hashes. Pure."""

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
    """The perceptual hashes of many images; a task is its place in the list. None is near nothing."""

    def __init__(self, looks: Sequence[int | None], widest: int) -> None:
        self.widest = widest
        self._known = np.array([look is not None for look in looks], dtype=bool)
        self._hashes = np.array([look or 0 for look in looks], dtype=np.uint64)

    def linked(self, members: Ints, width: int) -> Ints:
        """
        Label *members*: equal for images linked by a chain whose steps each change at most *width* bits.

        A negative width links nothing, not even equal hashes.
        """
        labels = np.arange(len(members)) + len(members)
        known = self._known[members]
        if width >= 0 and known.any():
            hashes, place = np.unique(self._hashes[members[known]], return_inverse=True)
            labels[known] = _label_chains(hashes, width)[place]
        return labels

    def nearest(self, ones: Ints, others: Ints, width: int) -> list[tuple[int, int, str]]:
        """Pair each of *ones* with its nearest of *others* within *width* bits, if any: one, other, how near."""
        ones, others = ones[self._known[ones]], others[self._known[others]]
        pairs = []
        for one in ones if len(others) else ():
            distances = np.bitwise_count(self._hashes[others] ^ self._hashes[one])
            at = int(distances.argmin())
            if distances[at] <= width:
                pairs.append((int(one), int(others[at]), f"{distances[at]} bits apart"))
        return pairs


def _label_chains(hashes: Hashes, width: int) -> Ints:
    labels = np.arange(len(hashes))
    for first, second in _near_pairs(hashes, width):
        graph = coo_matrix((np.ones(len(first), bool), (labels[first], labels[second])), shape=(len(hashes),) * 2)
        labels = connected_components(graph, directed=False)[1][labels]
    return labels.astype(np.int64)


def _near_pairs(hashes: Hashes, width: int) -> Iterator[tuple[Ints, Ints]]:
    """
    Yield all pairs that differ in at most *width* bits, in batches; a pair may come more than once.

    Such a pair shares at least one of *width* + 1 bands of bits. Only hashes that share a band are compared.
    """
    cuts = np.linspace(0, 64, width + 2).astype(int)
    batch: list[tuple[Ints, Ints]] = []
    pairs = 0
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
            pairs += len(batch[-1][0])
            if pairs > BATCH:
                yield _concatenate(batch)
                batch, pairs = [], 0
    if batch:
        yield _concatenate(batch)


def _concatenate(batch: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    return np.concatenate([first for first, _ in batch]), np.concatenate([second for _, second in batch])
