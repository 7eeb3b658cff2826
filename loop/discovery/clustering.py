"""Groups among vectors that no reference explains. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from loop.discovery.neighbour_graph import CELLS, NOISE, Graph, Labels, Vectors, in_one_piece, neighbour_graph
from loop.discovery.reachability import core_distances, mutual_reachability, parting_distances
from loop.errors import PayloadError

VOTERS = 5  # clustered neighbours that say where noise belongs


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
    merge: float = 0.2  # mean cosine between two clusters' members from which on they are one; above 1: never
    attach: float = 0.5  # mean cosine to clustered neighbours from which on noise joins them; above 1: never
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
        return self.least_members or max(5, round(math.log2(max(2, count))))


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


def cluster(vectors: Vectors, policy: ClusterPolicy | None = None, *, references: Vectors | None = None) -> Clustering:
    """
    Find the clusters of vectors (n, dimension), any finite floats; the same vectors and policy give the same.

    They are scaled to unit length, centred, reduced to principal components, and scaled again; *references*, what is
    known already, take part in the centre and the components only. Fewer vectors than a cluster's least members give
    none. HDBSCAN's leaves, small and pure, are then merged by average linkage for as long as their members are alike;
    noise whose nearest clustered vectors are nearly all in one cluster joins it.
    """
    policy = policy or ClusterPolicy()
    if len(vectors) < max(3, policy.least(len(vectors))):
        return Clustering(np.full(len(vectors), NOISE, np.intp), ())
    found = reduced(vectors, policy.dimensions, seed=policy.seed, references=references)
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


def reduced(vectors: Vectors, dimensions: int, *, seed: int = 0, references: Vectors | None = None) -> Vectors:
    """Centre unit vectors, keep the first principal components of them and the references, scale to unit length."""
    found = _unit(np.asarray(vectors, np.float32))
    known = found if references is None else np.concatenate([found, _unit(np.asarray(references, np.float32))])
    if 0 < dimensions < min(known.shape):
        from sklearn.decomposition import PCA

        found = PCA(dimensions, svd_solver="randomized", random_state=seed).fit(known).transform(found)
    else:
        found = found - known.mean(axis=0)
    return _unit(found)


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
        cluster_selection_method="leaf",
        metric="precomputed",
        copy=True,
    )
    leaves = np.asarray(density.fit_predict(graph), np.intp)
    return attached(vectors, merged(vectors, leaves, policy.merge), policy.attach)


def merged(vectors: Vectors, labels: Labels, likeness: float) -> Labels:
    """
    Join clusters of unit vectors while the mean cosine between the members of any two is at least *likeness*.

    The most alike first: average linkage, in which the mean cosine is the product of the clusters' means.
    """
    found = labels.copy()
    names = [int(one) for one in np.unique(labels[labels != NOISE])]
    if len(names) < 2:
        return found
    means = np.stack([vectors[labels == one].mean(axis=0) for one in names])
    sizes = np.array([(labels == one).sum() for one in names], np.float64)
    alike = means @ means.T
    np.fill_diagonal(alike, -np.inf)
    while alike.max() >= likeness:
        one, other = (int(at) for at in np.unravel_index(alike.argmax(), alike.shape))
        found[found == names[other]] = names[one]
        both = (sizes[one] * alike[one] + sizes[other] * alike[other]) / (sizes[one] + sizes[other])
        sizes[one] += sizes[other]
        alike[one], alike[:, one] = both, both
        alike[other], alike[:, other], alike[one, one] = -np.inf, -np.inf, -np.inf
    return np.unique(found, return_inverse=True)[1] - int((found == NOISE).any())


def attached(vectors: Vectors, labels: Labels, likeness: float) -> Labels:
    """
    Let a unit vector in no cluster join the one that all but one of its VOTERS nearest clustered vectors are in.

    Only where their mean cosine to it is at least *likeness*. HDBSCAN alone leaves out what lies at a cluster's edge,
    however plainly it is the cluster's.
    """
    found = labels.copy()
    inside, outside = np.flatnonzero(labels != NOISE), np.flatnonzero(labels == NOISE)
    if len(inside) < VOTERS or likeness > 1:
        return found
    for rows in np.array_split(outside, -(-len(outside) * len(inside) // CELLS) or 1):
        alike = vectors[rows] @ vectors[inside].T
        near = np.argpartition(-alike, VOTERS - 1, axis=1)[:, :VOTERS]
        votes = np.sort(labels[inside][near], axis=1)
        most = votes[:, VOTERS // 2]  # the middle one is of the majority, if there is one
        is_one = (votes == most[:, None]).sum(axis=1) >= VOTERS - 1
        found[rows] = np.where(is_one & (np.take_along_axis(alike, near, 1).mean(axis=1) >= likeness), most, NOISE)
    return found


def _by_size(labels: Labels) -> Labels:
    """Number the clusters anew, the largest first, of equals the one with the first vector."""
    sizes = np.bincount(labels[labels >= 0]) if (labels >= 0).any() else np.zeros(0, np.intp)
    places = np.full(len(sizes) + 1, NOISE)  # NOISE is -1, the last
    first = [int(np.flatnonzero(labels == one)[0]) for one in range(len(sizes))]
    places[np.lexsort((np.array(first), -sizes))] = np.arange(len(sizes))
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


def _unit(vectors: Vectors) -> Vectors:
    found: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return found
