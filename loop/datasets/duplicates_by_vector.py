"""Finds images that look alike by the vectors of an embedder. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from loop.datasets.splits import Ints, Twins, joined

TILE = 1024  # images compared at a time with as many others
STEPS = 4  # in which the width shrinks for a family that is too large
EQUAL = 0.999  # least cosine of two vectors of one image, made in different batches and stored in half precision

Halves = NDArray[np.float16]  # (images, dimension), each row of unit length


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of whole images by one embedder, the row of each task with a vector, and the least cosine of twins."""

    rows: Mapping[int, int]
    vectors: Halves
    least: float

    def among(self, task_ids: Sequence[int]) -> Alike:
        """The near-duplicates among tasks; each task is its place in the list."""
        return Alike(self.vectors, np.array([self.rows.get(one, -1) for one in task_ids], np.int64), self.least)


class Alike:
    """
    Near-duplicates by the cosine of their vectors; a task is its place in *rows*, -1 where it has no vector.

    The least cosine is *least* at the widest width, and EQUAL at 0. All pairs are compared, a tile at a time.
    """

    widest = STEPS

    def __init__(self, vectors: Halves, rows: Ints, least: float, *, tile: int = TILE) -> None:
        self._vectors, self._rows, self._least, self._tile = vectors, rows, least, tile

    def linked(self, members: Ints, width: int) -> Ints:
        """Label *members*: equal for tasks linked by a chain of near-duplicates."""
        labels: Ints = np.arange(len(members)) + len(members)
        known = self._rows[members] >= 0
        if width >= 0:
            labels[known] = self._label_chains(self._rows[members[known]], self._cosine(width))
        return labels

    def nearest(self, ones: Ints, others: Ints, width: int) -> list[tuple[int, int, str]]:
        """Pair each of *ones* with its nearest of *others* within *width*, if any: one, other, how near."""
        ones, others = ones[self._rows[ones] >= 0], others[self._rows[others] >= 0]
        if width < 0 or not len(ones) or not len(others):
            return []
        best, at = np.full(len(ones), -np.inf, np.float32), np.zeros(len(ones), np.int64)
        for block, other_block in _tiles(len(ones), len(others), self._tile):
            cosines = self._of(self._rows[ones[block]]) @ self._of(self._rows[others[other_block]]).T
            nearest = cosines.argmax(axis=1)
            cosine = cosines[np.arange(len(nearest)), nearest]
            is_nearer = cosine > best[block]
            best[block][is_nearer] = cosine[is_nearer]
            at[block][is_nearer] = nearest[is_nearer] + other_block.start
        near = np.flatnonzero(best >= self._cosine(width))
        return [(int(ones[one]), int(others[at[one]]), f"cosine {min(1.0, float(best[one])):.3f}") for one in near]

    def _cosine(self, width: int) -> float:
        """The least cosine within a width."""
        equal = max(EQUAL, self._least)
        return equal - (equal - self._least) * min(width, STEPS) / STEPS

    def _label_chains(self, rows: Ints, least: float) -> Ints:
        labels: Ints = np.arange(len(rows))
        for block, other_block in _tiles(len(rows), len(rows), self._tile):
            if other_block.start < block.start:
                continue
            is_near = self._of(rows[block]) @ self._of(rows[other_block]).T >= least
            is_near &= labels[block][:, None] != labels[other_block]  # skip pairs that are linked already
            first, second = np.nonzero(is_near)
            if len(first):
                ends = labels[block][first], labels[other_block][second]
                graph = coo_matrix((np.ones(len(first), bool), ends), shape=(len(rows),) * 2)
                labels = connected_components(graph, directed=False)[1][labels].astype(np.int64)
        return labels

    def _of(self, rows: Ints) -> NDArray[np.float32]:
        return self._vectors[rows].astype(np.float32)


class Either:
    """Near-duplicates by any of several measures; each measure uses at most its own widest width."""

    def __init__(self, *ways: Twins) -> None:
        self._ways = ways
        self.widest = max(way.widest for way in ways)

    def linked(self, members: Ints, width: int) -> Ints:
        """Label *members*: equal for tasks linked by a chain whose steps may use different measures."""
        labels: Ints = np.arange(len(members))
        for way in self._ways:
            labels = joined(labels, way.linked(members, min(width, way.widest)))
        return labels

    def nearest(self, ones: Ints, others: Ints, width: int) -> list[tuple[int, int, str]]:
        """Pair each of *ones* with its nearest of *others*, by the first measure that finds any."""
        pairs: dict[int, tuple[int, int, str]] = {}
        for way in self._ways:
            left = np.array([one for one in ones.tolist() if one not in pairs], np.int64)
            pairs |= {pair[0]: pair for pair in way.nearest(left, others, min(width, way.widest))}
        return list(pairs.values())


def _tiles(rows: int, columns: int, size: int) -> Iterator[tuple[slice, slice]]:
    for top in range(0, rows, size):
        for left in range(0, columns, size):
            yield slice(top, min(rows, top + size)), slice(left, min(columns, left + size))
