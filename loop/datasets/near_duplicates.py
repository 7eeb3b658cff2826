"""Finds images that look alike, by their perceptual hashes, by the vectors of an embedder, or by either. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from loop.datasets.splits import Ints, NearDuplicates, join_labels

BATCH = 1_000_000  # pairs in memory at a time
TILE = 1024  # images compared at a time with as many others
SHORT = 8  # times shorter are the projections by which pairs are ruled out
FEW = 4096  # vectors of which all pairs are compared at once
SAMPLE, TURNS = 2048, 3  # vectors from which the directions of a projection are learnt, and steps of that
SLACK = 1e-4  # more than the rounding of a product
STEPS = 4  # in which the width shrinks for a family that is too large
ALIKE = 10  # most bits in which the hashes of two files of one picture differ
EQUAL = 0.999  # least cosine of two vectors of one image, made in different batches and stored in half precision

Hashes = NDArray[np.uint64]
Halves = NDArray[np.float16]  # (images, dimension), each row of unit length


def are_unlike(first: int | None, second: int | None) -> bool:
    """Whether two perceptual hashes are of different pictures; None is unlike nothing."""
    return first is not None and second is not None and (first ^ second).bit_count() > ALIKE


class NearByHash:
    """The perceptual hashes of many images; a task is its place in the list. None is near nothing."""

    def __init__(self, looks: Sequence[int | None], widest: int) -> None:
        self.widest = widest
        self._known = np.array([look is not None for look in looks], dtype=bool)
        self._hashes = np.array([look or 0 for look in looks], dtype=np.uint64)

    def link_chains(self, members: Ints, width: int) -> Ints:
        """
        Label *members*: equal for images linked by a chain whose steps each change at most *width* bits.

        A negative width links nothing, not even equal hashes.
        """
        labels = np.arange(len(members)) + len(members)
        known = self._known[members]
        if width >= 0 and known.any():
            hashes, place = np.unique(self._hashes[members[known]], return_inverse=True)
            labels[known] = _label_hash_chains(hashes, width)[place]
        return labels

    def pair_nearest(self, tasks: Ints, others: Ints, width: int) -> list[tuple[int, int, str]]:
        """Pair each of *tasks* with its nearest of *others* within *width* bits, if any: task, other, how near."""
        tasks, others = tasks[self._known[tasks]], others[self._known[others]]
        pairs = []
        for task in tasks if len(others) else ():
            distances = np.bitwise_count(self._hashes[others] ^ self._hashes[task])
            at = int(distances.argmin())
            if distances[at] <= width:
                pairs.append((int(task), int(others[at]), f"{distances[at]} bits apart"))
        return pairs


@dataclass(frozen=True, slots=True)
class ImageVectors:
    """Vectors of whole images by one embedder, the row of each task, and the least cosine of near-duplicates."""

    rows: Mapping[int, int]
    vectors: Halves
    least: float

    def among(self, task_ids: Sequence[int]) -> NearByVector:
        """The near-duplicates among tasks; each task is its place in the list."""
        return NearByVector(
            self.vectors, np.array([self.rows.get(task, -1) for task in task_ids], np.int64), self.least
        )


class NearByVector:
    """
    Near-duplicates by the cosine of their vectors; a task is its place in *rows*, -1 where it has no vector.

    The least cosine is *least* at the widest width, and EQUAL at 0. All pairs are compared, a tile at a time. Of more
    than *few* vectors most pairs are ruled out by projections (see `_project`); the result is the same.
    """

    widest = STEPS

    def __init__(self, vectors: Halves, rows: Ints, least: float, *, tile: int = TILE, few: int = FEW) -> None:
        self._vectors, self._rows, self._least, self._tile, self._few = vectors, rows, least, tile, few

    def link_chains(self, members: Ints, width: int) -> Ints:
        """Label *members*: equal for tasks linked by a chain of near-duplicates."""
        labels: Ints = np.arange(len(members)) + len(members)
        known = self._rows[members] >= 0
        if width >= 0:
            labels[known] = self._label_vector_chains(self._rows[members[known]], self._cosine(width))
        return labels

    def pair_nearest(self, tasks: Ints, others: Ints, width: int) -> list[tuple[int, int, str]]:
        """Pair each of *tasks* with its nearest of *others* within *width*, if any: task, other, how near."""
        tasks, others = tasks[self._rows[tasks] >= 0], others[self._rows[others] >= 0]
        if width < 0 or not len(tasks) or not len(others):
            return []
        best, at = np.full(len(tasks), -np.inf, np.float32), np.zeros(len(tasks), np.int64)
        for block, other_block in _tiles(len(tasks), len(others), self._tile):
            cosines = self._of(self._rows[tasks[block]]) @ self._of(self._rows[others[other_block]]).T
            nearest = cosines.argmax(axis=1)
            cosine = cosines[np.arange(len(nearest)), nearest]
            is_nearer = cosine > best[block]
            best[block][is_nearer] = cosine[is_nearer]
            at[block][is_nearer] = nearest[is_nearer] + other_block.start
        near = np.flatnonzero(best >= self._cosine(width))
        return [(int(tasks[task]), int(others[at[task]]), f"cosine {min(1.0, float(best[task])):.3f}") for task in near]

    def _cosine(self, width: int) -> float:
        """The least cosine within a width."""
        equal = max(EQUAL, self._least)
        return equal - (equal - self._least) * min(width, STEPS) / STEPS

    def _label_vector_chains(self, rows: Ints, least: float) -> Ints:
        labels: Ints = np.arange(len(rows))
        short = self._project(rows) if len(rows) > self._few else None
        for block, other_block in _tiles(len(rows), len(rows), self._tile):
            if other_block.start < block.start:
                continue
            if short is None:
                is_near = self._of(rows[block]) @ self._of(rows[other_block]).T >= least
            else:
                is_near = short[block] @ short[other_block].T >= least - SLACK
            if not is_near.any():
                continue
            is_near &= labels[block][:, None] != labels[other_block]  # skip pairs that are linked already
            first, second = np.nonzero(is_near)
            if short is not None and len(first):
                is_linked = self._compare(rows[block], rows[other_block], first, second) >= least
                first, second = first[is_linked], second[is_linked]
            if len(first):
                ends = labels[block][first], labels[other_block][second]
                graph = coo_matrix((np.ones(len(first), bool), ends), shape=(len(rows),) * 2)
                labels = connected_components(graph, directed=False)[1][labels].astype(np.int64)
        return labels

    def _project(self, rows: Ints) -> NDArray[np.float32]:
        """
        Return shorter vectors whose products are never below the cosines of the vectors.

        A vector has two parts: its projection to a few directions, and the rest. The product of two rests is at most
        that of their lengths (Cauchy and Schwarz), so a projection is followed by the length of its rest. The
        directions are those in which a sample varies most; any others would be right, too, but rule out fewer pairs.
        """
        sample = self._of(rows[:: -(-len(rows) // SAMPLE)])
        count = max(1, sample.shape[1] // SHORT)
        directions = np.random.default_rng(0).normal(size=(sample.shape[1], count)).astype(np.float32)
        for _ in range(TURNS):  # power iteration: far faster than all directions of the sample in their order
            directions = np.linalg.qr(sample.T @ (sample @ directions))[0]
        short = np.empty((len(rows), directions.shape[1] + 1), np.float32)
        for block, _ in _tiles(len(rows), 1, self._tile):
            vectors = self._of(rows[block])
            short[block, :-1] = vectors @ directions
            # the rest itself: the root of a difference of squares would be wrong by more than SLACK
            short[block, -1] = np.linalg.norm(vectors - short[block, :-1] @ directions.T, axis=1)
        return short

    def _compare(self, rows: Ints, others: Ints, first: Ints, second: Ints) -> NDArray[np.float32]:
        """Return the cosines of pairs, by their places in two tiles."""
        if len(first) > len(rows):  # many: the product of all is faster
            return (self._of(rows) @ self._of(others).T)[first, second]
        cosines: NDArray[np.float32] = np.einsum("ij,ij->i", self._of(rows[first]), self._of(others[second]))
        return cosines

    def _of(self, rows: Ints) -> NDArray[np.float32]:
        return self._vectors[rows].astype(np.float32)


class NearByEither:
    """Near-duplicates by any of several measures; each measure uses at most its own widest width."""

    def __init__(self, *ways: NearDuplicates) -> None:
        self._ways = ways
        self.widest = max(way.widest for way in ways)

    def link_chains(self, members: Ints, width: int) -> Ints:
        """Label *members*: equal for tasks linked by a chain whose steps may use different measures."""
        labels: Ints = np.arange(len(members))
        for way in self._ways:
            labels = join_labels(labels, way.link_chains(members, min(width, way.widest)))
        return labels

    def pair_nearest(self, tasks: Ints, others: Ints, width: int) -> list[tuple[int, int, str]]:
        """Pair each of *tasks* with its nearest of *others*, by the first measure that finds any."""
        pairs: dict[int, tuple[int, int, str]] = {}
        for way in self._ways:
            left = np.array([task for task in tasks.tolist() if task not in pairs], np.int64)
            pairs |= {pair[0]: pair for pair in way.pair_nearest(left, others, min(width, way.widest))}
        return list(pairs.values())


def _label_hash_chains(hashes: Hashes, width: int) -> Ints:
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


def _tiles(rows: int, columns: int, size: int) -> Iterator[tuple[slice, slice]]:
    for top in range(0, rows, size):
        for left in range(0, columns, size):
            yield slice(top, min(rows, top + size)), slice(left, min(columns, left + size))
