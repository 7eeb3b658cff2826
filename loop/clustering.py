"""Groups among vectors that no reference explains. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree

from loop.errors import PayloadError
from loop.neighbour_graph import Graph, Vectors, in_one_piece, neighbour_graph

NOISE = -1

Labels = NDArray[np.intp]  # the cluster of each vector, NOISE where it is in none


class Method(StrEnum):
    """How clusters are found."""

    HDBSCAN = "hdbscan"  # finds how many there are, and leaves out what is in none
    KMEANS = "kmeans"  # as many as asked, everything in one


@dataclass(frozen=True, slots=True)
class ClusterPolicy:
    """What counts as a cluster. *least_members* None: grows with the logarithm of the number of vectors."""

    method: Method = Method.HDBSCAN
    least_members: int | None = None
    min_samples: int = 5  # neighbours that say how dense a place is
    clusters: int = 10  # of k-means
    dimensions: int = 50  # principal components kept; 0 keeps the vectors as they are
    neighbours: int = 20  # edges of the graph from each vector
    resamples: int = 10
    share: float = 0.8  # of the vectors in a resample
    seed: int = 0

    def __post_init__(self) -> None:
        if self.min_samples < 1 or self.neighbours < self.min_samples:
            raise PayloadError("min_samples", "1 or more, not above `neighbours`", self.min_samples)
        if self.least_members is not None and self.least_members < 2:
            raise PayloadError("least_members", "2 or more", self.least_members)
        if self.clusters < 1:
            raise PayloadError("clusters", "1 or more", self.clusters)

    def least(self, count: int) -> int:
        """The least members of a cluster among *count* vectors."""
        return self.least_members or max(5, round(2 * math.log2(max(2, count))))


@dataclass(frozen=True, eq=False)
class Cluster:
    """
    One cluster; *members* are rows of the vectors, nearest to the medoid first.

    *persistence* in [0, 1] says how much denser the members lie than where the cluster parts from the rest: the mean of
    1 - core distance / parting distance; None by k-means. *stability* is the mean over resamples of the best Jaccard
    index between it and a cluster of the resample (C. Hennig, 2007): above 0.75 it is one, under 0.5 it dissolves.
    """

    members: NDArray[np.intp]
    medoid: int
    persistence: float | None
    stability: float

    @property
    def size(self) -> int:
        """How many members it has."""
        return len(self.members)


@dataclass(frozen=True, eq=False)
class Clustering:
    """The clusters of some vectors, the largest first; *labels* are places among them."""

    labels: Labels
    clusters: tuple[Cluster, ...]


def cluster(vectors: Vectors, policy: ClusterPolicy | None = None) -> Clustering:
    """
    Find the clusters of vectors (n, dimension), any finite floats; the same vectors and policy give the same.

    They are scaled to unit length, centred, reduced to principal components, and scaled again. Fewer vectors than
    a cluster's least members give none.
    """
    policy = policy or ClusterPolicy()
    if len(vectors) < max(3, policy.least(len(vectors))):
        return Clustering(np.full(len(vectors), NOISE), ())
    found = reduced(vectors, policy.dimensions, seed=policy.seed)
    graph = neighbour_graph(found, policy.neighbours)
    labels = _by_size(_labels(found, graph, policy))
    apart = parting_distances(mutual_reachability(graph, policy.min_samples), labels, policy.least(len(found)))
    core = core_distances(graph, policy.min_samples)
    steady = stabilities(found, graph, labels, policy)
    is_density = policy.method is Method.HDBSCAN
    return Clustering(
        labels,
        tuple(
            _described(found, np.flatnonzero(labels == one), core, apart[one] if is_density else None, steady[one])
            for one in range(labels.max() + 1)
        ),
    )


def reduced(vectors: Vectors, dimensions: int, *, seed: int = 0) -> Vectors:
    """Centre unit vectors, keep their first principal components, and scale to unit length again."""
    found = _unit(np.asarray(vectors, np.float32))
    found = found - found.mean(axis=0)
    if 0 < dimensions < min(found.shape):
        from sklearn.decomposition import PCA

        found = PCA(dimensions, svd_solver="randomized", random_state=seed).fit_transform(found)
    return _unit(found)


def core_distances(graph: Graph, min_samples: int) -> NDArray[np.float64]:
    """The distance to the neighbour that makes *min_samples*, the vector itself counted as one, as HDBSCAN does."""
    nth = max(0, min_samples - 2)
    found = np.zeros(graph.shape[0])
    for row in range(graph.shape[0]):
        near = np.sort(graph.data[graph.indptr[row] : graph.indptr[row + 1]])
        found[row] = near[min(nth, len(near) - 1)] if len(near) else 0.0
    return found


def mutual_reachability(graph: Graph, min_samples: int) -> Graph:
    """Raise each edge to the core distances of both its ends."""
    core = core_distances(graph, min_samples)
    edges = graph.tocoo(copy=True)
    edges.data = np.maximum(edges.data, np.maximum(core[edges.row], core[edges.col]))
    return edges.tocsr()


def parting_distances(graph: Graph, labels: Labels, least: int) -> list[float]:
    """
    How far the clusters are, in the tree of mutual reachability, from what they part from.

    Edges are followed from the shortest: a cluster's is the first that joins most of it to at least *least* others.
    """
    tree = minimum_spanning_tree(graph).tocoo()
    clusters = int(labels.max()) + 1
    parents = list(range(len(labels)))
    sizes = np.ones(len(labels), np.intp)
    inside = [{int(label): 1} if label >= 0 else {} for label in labels]
    needed = np.bincount(labels[labels >= 0], minlength=clusters) / 2
    found = [float(tree.data.max(initial=0.0))] * clusters
    for at in np.argsort(tree.data, kind="stable"):
        small, large = sorted((_root(parents, int(tree.row[at])), _root(parents, int(tree.col[at]))), key=sizes.item)
        for ours, theirs in ((small, large), (large, small)):
            others = sizes[theirs]
            for one, count in inside[ours].items():
                if count > needed[one] and others - inside[theirs].get(one, 0) >= least:
                    found[one] = min(found[one], float(tree.data[at]))
        for one, count in inside[small].items():
            inside[large][one] = inside[large].get(one, 0) + count
        parents[small], sizes[large] = large, sizes[large] + sizes[small]
    return found


def stabilities(vectors: Vectors, graph: Graph, labels: Labels, policy: ClusterPolicy) -> list[float]:
    """The mean over resamples without replacement of each cluster's best Jaccard index with a cluster found there."""
    clusters = int(labels.max()) + 1
    rng = np.random.default_rng(policy.seed)
    sums, seen = np.zeros(clusters), np.zeros(clusters)
    for _ in range(policy.resamples if clusters else 0):
        drawn = np.sort(rng.choice(len(labels), max(3, round(policy.share * len(labels))), replace=False))
        part = in_one_piece(graph[drawn][:, drawn], vectors[drawn])
        again = _labels(vectors[drawn], part, policy, least=round(policy.share * policy.least(len(labels))))
        for one in range(clusters):
            ours = labels[drawn] == one
            if ours.any():
                seen[one] += 1
                sums[one] += max((_jaccard(ours, again == other) for other in range(again.max() + 1)), default=0.0)
    return [float(one) for one in sums / np.maximum(seen, 1)]


def _labels(vectors: Vectors, graph: Graph, policy: ClusterPolicy, least: int | None = None) -> Labels:
    from sklearn.cluster import HDBSCAN, KMeans

    if policy.method is Method.KMEANS:
        means = KMeans(min(policy.clusters, len(vectors)), n_init=5, random_state=policy.seed)
        return np.asarray(means.fit_predict(vectors), np.intp)
    density = HDBSCAN(
        min_cluster_size=max(2, least or policy.least(len(vectors))),
        min_samples=max(1, policy.min_samples - 1),  # the graph has no vector as its own neighbour
        metric="precomputed",
        copy=True,
    )
    return np.asarray(density.fit_predict(graph), np.intp)


def _by_size(labels: Labels) -> Labels:
    """Number the clusters anew, the largest first, of equals the one with the first vector."""
    sizes = np.bincount(labels[labels >= 0]) if (labels >= 0).any() else np.zeros(0, np.intp)
    places = np.full(len(sizes) + 1, NOISE)  # NOISE is -1, the last
    first = [int(np.flatnonzero(labels == one)[0]) for one in range(len(sizes))]
    places[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    found: Labels = places[labels]
    return found


def _described(
    vectors: Vectors, members: NDArray[np.intp], core: NDArray[np.float64], apart: float | None, stability: float
) -> Cluster:
    own = vectors[members]
    likeness = own @ own.sum(axis=0)  # of unit vectors: the medoid is the one nearest to all others
    medoid = int(likeness.argmax())
    order = np.argsort(-(own @ own[medoid]), kind="stable")
    persistence = None if apart is None else float(np.clip(1 - core[members] / max(apart, 1e-12), 0, 1).mean())
    return Cluster(members[order], int(members[medoid]), persistence, stability)


def _jaccard(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def _root(parents: list[int], node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


def _unit(vectors: Vectors) -> Vectors:
    found: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return found
