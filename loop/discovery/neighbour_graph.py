"""The k nearest neighbours of each vector, as a sparse graph that fits tens of thousands. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

CELLS = 2**24  # distances in memory at a time
LEAST = 1e-6  # a distance of zero would be no edge
NOISE = -1  # the label of a vector in no cluster

Vectors = NDArray[np.float32]
Labels = NDArray[np.intp]  # the cluster of each vector
Graph = Any  # scipy.sparse.csr_array of float64 distances, symmetric


def neighbour_graph(vectors: Vectors, k: int) -> Graph:
    """
    Join each vector to its *k* nearest by Euclidean distance, both ways; exact, and connected.

    Separate pieces are joined by the shortest edge between a few of their members, so that a spanning tree exists.
    """
    n = len(vectors)
    k = min(k, n - 1)
    if k < 1:
        return sparse.csr_array((n, n), dtype=np.float64)
    rows, columns, distances = [], [], []
    squares = (vectors**2).sum(axis=1)
    step = max(1, CELLS // n)
    for start in range(0, n, step):
        part = vectors[start : start + step]
        squared = squares[start : start + step, None] + squares - 2 * part @ vectors.T
        squared[np.arange(len(part)), start + np.arange(len(part))] = np.inf
        near = np.argpartition(squared, k - 1, axis=1)[:, :k]
        rows.append(np.repeat(np.arange(start, start + len(part)), k))
        columns.append(near.ravel())
        distances.append(np.sqrt(np.take_along_axis(squared, near, 1).clip(0)).ravel())
    edges = np.concatenate(distances).clip(LEAST).astype(np.float64)
    graph = sparse.csr_array((edges, (np.concatenate(rows), np.concatenate(columns))), shape=(n, n))
    return in_one_piece(graph.maximum(graph.T).tocsr(), vectors)


def in_one_piece(graph: Graph, vectors: Vectors) -> Graph:
    """Join each piece of a graph to its nearest other piece, by a few members of each, until it is connected."""
    pieces, piece = connected_components(graph, directed=False)
    while pieces > 1:
        members_of = [np.flatnonzero(piece == one) for one in range(pieces)]
        members = max(1, 4096 // pieces)
        samples = [one[:: -(-len(one) // members)] for one in members_of]
        joints = [
            _joint(one, np.concatenate(samples[:at] + samples[at + 1 :]), vectors) for at, one in enumerate(samples)
        ]
        ends, others, distances = (np.array(column) for column in zip(*joints, strict=True))
        added = sparse.csr_array((distances.clip(LEAST), (ends, others)), shape=graph.shape)
        graph = graph.maximum(added).maximum(added.T).tocsr()
        pieces, piece = connected_components(graph, directed=False)
    return graph


def _joint(rows: NDArray[np.intp], others: NDArray[np.intp], vectors: Vectors) -> tuple[int, int, float]:
    """The shortest edge from some vectors to others: both ends and the distance."""
    squared = (
        (vectors[rows] ** 2).sum(1)[:, None] + (vectors[others] ** 2).sum(1) - 2 * vectors[rows] @ vectors[others].T
    )
    at, other = divmod(int(squared.argmin()), len(others))
    return int(rows[at]), int(others[other]), float(np.sqrt(max(0.0, squared[at, other])))
