"""The k nearest neighbours of each vector as a sparse graph, and distances in its spanning tree. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

LEAST = 1e-6  # a distance of zero would be no edge
NOISE = -1  # the label of a vector in no cluster
SAMPLE = 4096  # members that are compared to connect pieces

Vectors = NDArray[np.float32]
Labels = NDArray[np.intp]  # the cluster of each vector
Graph = Any  # scipy.sparse.csr_array of float64 distances, symmetric


def build_graph(vectors: Vectors, k: int) -> Graph:
    """
    Join each vector to its *k* nearest neighbours by Euclidean distance, both ways; exact, and connected.

    Tens of thousands of vectors fit. Separate pieces are joined by the shortest edge between a few of their members, so
    that a spanning tree exists.
    """
    n = len(vectors)
    k = min(k, n - 1)
    if k < 1:
        return sparse.csr_array((n, n), dtype=np.float64)
    import faiss

    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors, np.float32))
    squares, near = index.search(np.ascontiguousarray(vectors, np.float32), k + 1)
    is_self = near == np.arange(n)[:, None]
    is_self[~is_self.any(axis=1), -1] = True  # a vector with more than k equals is not always among its own nearest
    edges = np.sqrt(squares[~is_self].clip(0)).clip(LEAST).astype(np.float64)
    graph = sparse.csr_array((edges, (np.repeat(np.arange(n), k), near[~is_self])), shape=(n, n))
    return connect_pieces(graph.maximum(graph.T).tocsr(), vectors)


def find_nearest(vectors: Vectors, questions: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """
    Find the *k* vectors with the largest inner product to each question, exactly: products and rows, largest first.

    Both have the shape (questions, k); *k* is at most the number of vectors.
    """
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors, np.float32))
    products, rows = index.search(np.ascontiguousarray(questions, np.float32), k)
    return products, rows


def connect_pieces(graph: Graph, vectors: Vectors) -> Graph:
    """Join each piece of a graph to its nearest other piece, by a few members of each, until it is connected."""
    count, piece_of = connected_components(graph, directed=False)
    while count > 1:
        pieces = [np.flatnonzero(piece_of == piece) for piece in range(count)]
        members = max(1, SAMPLE // count)
        samples = [piece[:: -(-len(piece) // members)] for piece in pieces]
        edges = [
            _find_shortest_edge(sample, np.concatenate(samples[:at] + samples[at + 1 :]), vectors)
            for at, sample in enumerate(samples)
        ]
        ends, others, distances = (np.array(column) for column in zip(*edges, strict=True))
        added = sparse.csr_array((distances.clip(LEAST), (ends, others)), shape=graph.shape)
        graph = graph.maximum(added).maximum(added.T).tocsr()
        count, piece_of = connected_components(graph, directed=False)
    return graph


def core_distances(graph: Graph, min_samples: int) -> NDArray[np.float64]:
    """Return the distance to the neighbour number *min_samples*, counting the vector itself, as in HDBSCAN."""
    nth = max(0, min_samples - 2)
    distances = np.zeros(graph.shape[0])
    for row in range(graph.shape[0]):
        near = np.sort(graph.data[graph.indptr[row] : graph.indptr[row + 1]])
        distances[row] = near[min(nth, len(near) - 1)] if len(near) else 0.0
    return distances


def mutual_reachability(graph: Graph, min_samples: int) -> Graph:
    """Raise each edge to the core distances of both its ends."""
    core = core_distances(graph, min_samples)
    edges = graph.tocoo(copy=True)
    edges.data = np.maximum(edges.data, np.maximum(core[edges.row], core[edges.col]))
    return edges.tocsr()


def parting_distances(graph: Graph, labels: Labels, least: int) -> list[float]:
    """
    Return the distance at which each cluster parts from the rest, in the tree of mutual reachability that HDBSCAN cuts.

    It is the shortest edge that joins most of the cluster to at least *least* other vectors.
    """
    tree = minimum_spanning_tree(graph).tocoo()
    clusters = int(labels.max()) + 1
    parents = list(range(len(labels)))
    sizes = np.ones(len(labels), np.intp)
    inside = [{int(label): 1} if label >= 0 else {} for label in labels]
    needed = np.bincount(labels[labels >= 0], minlength=clusters) / 2
    distances = [float(tree.data.max(initial=0.0))] * clusters
    for at in np.argsort(tree.data, kind="stable"):
        ends = (_find_root(parents, int(tree.row[at])), _find_root(parents, int(tree.col[at])))
        small, large = sorted(ends, key=sizes.item)
        for own, other in ((small, large), (large, small)):
            others = sizes[other]
            for label, count in inside[own].items():
                if count > needed[label] and others - inside[other].get(label, 0) >= least:
                    distances[label] = min(distances[label], float(tree.data[at]))
        for label, count in inside[small].items():
            inside[large][label] = inside[large].get(label, 0) + count
        parents[small], sizes[large] = large, sizes[large] + sizes[small]
    return distances


def _find_shortest_edge(rows: NDArray[np.intp], others: NDArray[np.intp], vectors: Vectors) -> tuple[int, int, float]:
    """Return the shortest edge from some vectors to others: both ends and the distance."""
    squared = (
        (vectors[rows] ** 2).sum(1)[:, None] + (vectors[others] ** 2).sum(1) - 2 * vectors[rows] @ vectors[others].T
    )
    at, other = divmod(int(squared.argmin()), len(others))
    return int(rows[at]), int(others[other]), float(np.sqrt(max(0.0, squared[at, other])))


def _find_root(parents: list[int], node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node
