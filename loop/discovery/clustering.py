"""Clusters vectors that match no reference. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.discovery.cluster_policy import ClusterPolicy, Method
from loop.discovery.neighbour_graph import (
    NOISE,
    Graph,
    Labels,
    Vectors,
    build_graph,
    connect_pieces,
    core_distances,
    find_nearest,
    mutual_reachability,
    parting_distances,
)

VOTERS = 5  # clustered neighbours that decide which cluster a vector in no cluster joins


@dataclass(frozen=True, eq=False)
class VectorCluster:
    """
    One cluster; *members* are rows of the vectors, nearest to the medoid first.

    *persistence* in [0, 1] compares the density of the members with the density where the cluster parts from the rest:
    the mean of 1 - core distance / parting distance; None by k-means. *stability* is the mean over resamples of the
    best Jaccard index between it and a cluster of the resample (C. Hennig, 2007): above 0.75 it is stable, below 0.5 it
    dissolves.
    """

    members: NDArray[np.intp]
    medoid: int
    persistence: float | None
    stability: float

    @property
    def size(self) -> int:
        """The number of members."""
        return len(self.members)


@dataclass(frozen=True, eq=False)
class Clustering:
    """The clusters of some vectors, the largest first; *labels* holds the place among them of each vector."""

    labels: Labels
    clusters: tuple[VectorCluster, ...]


def cluster(vectors: Vectors, policy: ClusterPolicy | None = None, *, references: Vectors | None = None) -> Clustering:
    """
    Find the clusters of vectors (n, dimension), any finite floats. The same vectors and policy give the same clusters.

    Vectors are scaled to unit length, centred, reduced to principal components, and scaled again. *references* are
    known vectors that count for the centre and the components only. Fewer vectors than a cluster's least members give
    no cluster. The leaves of HDBSCAN, small and pure, are merged by average linkage while their members are alike.
    Noise whose nearest clustered vectors are nearly all in one cluster joins it.
    """
    policy = policy or ClusterPolicy()
    if len(vectors) < max(3, policy.least(len(vectors))):
        return Clustering(np.full(len(vectors), NOISE, np.intp), ())
    points = reduce_dimensions(vectors, policy.dimensions, references=references)
    graph = build_graph(points, policy.neighbours)
    labels = _sort_by_size(_assign_labels(points, graph, policy))
    core = core_distances(graph, policy.min_samples)
    stability = measure_stability(points, graph, labels, policy)
    apart: Sequence[float | None] = [None] * len(stability)
    if policy.method is Method.HDBSCAN:
        apart = parting_distances(mutual_reachability(graph, policy.min_samples), labels, policy.least(len(points)))
    clusters = (
        _make_cluster(points, np.flatnonzero(labels == label), core, apart[label], stability[label])
        for label in range(len(stability))
    )
    return Clustering(labels, tuple(clusters))


def reduce_dimensions(vectors: Vectors, dimensions: int, *, references: Vectors | None = None) -> Vectors:
    """Centre unit vectors, keep the first principal components of them and the references, scale to unit length."""
    points = _unit(np.asarray(vectors, np.float32))
    fitted = points if references is None else np.concatenate([points, _unit(np.asarray(references, np.float32))])
    if 0 < dimensions < min(fitted.shape):
        from sklearn.decomposition import PCA

        points = PCA(dimensions, svd_solver="covariance_eigh").fit(fitted).transform(points)
    else:
        points = points - fitted.mean(axis=0)
    return _unit(points)


def measure_stability(vectors: Vectors, graph: Graph, labels: Labels, policy: ClusterPolicy) -> list[float]:
    """Return each cluster's mean, over resamples without replacement, of its best Jaccard index with a new cluster."""
    clusters = int(labels.max()) + 1
    rng = np.random.default_rng(policy.seed)
    sums, draws = np.zeros(clusters), np.zeros(clusters)
    for _ in range(policy.resamples if clusters else 0):
        drawn = np.sort(rng.choice(len(labels), max(3, round(policy.share * len(labels))), replace=False))
        part = connect_pieces(graph[drawn][:, drawn], vectors[drawn])
        new_labels = _assign_labels(vectors[drawn], part, policy, least=round(policy.share * policy.least(len(labels))))
        for label in range(clusters):
            is_own = labels[drawn] == label
            if is_own.any():
                draws[label] += 1
                sums[label] += max(
                    (_jaccard(is_own, new_labels == other) for other in range(new_labels.max() + 1)), default=0.0
                )
    return [float(mean) for mean in sums / np.maximum(draws, 1)]


def _assign_labels(vectors: Vectors, graph: Graph, policy: ClusterPolicy, least: int | None = None) -> Labels:
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
    return attach_noise(vectors, merge_clusters(vectors, leaves, policy.merge), policy.attach)


def merge_clusters(vectors: Vectors, labels: Labels, likeness: float) -> Labels:
    """
    Merge clusters of unit vectors while the mean cosine between the members of any two is at least *likeness*.

    The two most alike are merged first (average linkage). Their mean cosine is the product of their means.
    """
    joined = labels.copy()
    names = [int(name) for name in np.unique(labels[labels != NOISE])]
    if len(names) < 2:
        return joined
    means = np.stack([vectors[labels == name].mean(axis=0) for name in names])
    sizes = np.array([(labels == name).sum() for name in names], np.float64)
    alike = means @ means.T
    np.fill_diagonal(alike, -np.inf)
    while alike.max() >= likeness:
        first, second = (int(at) for at in np.unravel_index(alike.argmax(), alike.shape))
        joined[joined == names[second]] = names[first]
        mean = (sizes[first] * alike[first] + sizes[second] * alike[second]) / (sizes[first] + sizes[second])
        sizes[first] += sizes[second]
        alike[first], alike[:, first] = mean, mean
        alike[second], alike[:, second], alike[first, first] = -np.inf, -np.inf, -np.inf
    return np.unique(joined, return_inverse=True)[1] - int((joined == NOISE).any())


def attach_noise(vectors: Vectors, labels: Labels, likeness: float) -> Labels:
    """
    Add a unit vector that is in no cluster to the cluster of all but one of its VOTERS nearest clustered vectors.

    Their mean cosine to the vector must be at least *likeness*. HDBSCAN alone leaves out vectors at the edge of a
    cluster that clearly belong to it.
    """
    joined = labels.copy()
    inside, outside = np.flatnonzero(labels != NOISE), np.flatnonzero(labels == NOISE)
    if not len(outside) or len(inside) < VOTERS or likeness > 1:
        return joined
    alike, near = find_nearest(vectors[inside], vectors[outside], VOTERS)
    votes = np.sort(labels[inside][near], axis=1)
    most = votes[:, VOTERS // 2]  # the middle vote is the majority's, if a majority exists
    is_majority = (votes == most[:, None]).sum(axis=1) >= VOTERS - 1
    joined[outside] = np.where(is_majority & (alike.mean(axis=1) >= likeness), most, NOISE)
    return joined


def _sort_by_size(labels: Labels) -> Labels:
    """Renumber the clusters by size, largest first, then by their first vector."""
    sizes = np.bincount(labels[labels >= 0]) if (labels >= 0).any() else np.zeros(0, np.intp)
    places = np.full(len(sizes) + 1, NOISE)  # NOISE is -1, the last
    first = [int(np.flatnonzero(labels == label)[0]) for label in range(len(sizes))]
    places[np.lexsort((np.array(first), -sizes))] = np.arange(len(sizes))
    renumbered: Labels = places[labels]
    return renumbered


def _make_cluster(
    vectors: Vectors, members: NDArray[np.intp], core: NDArray[np.float64], apart: float | None, stability: float
) -> VectorCluster:
    own = vectors[members]
    likeness = own @ own.sum(axis=0)  # of unit vectors: the medoid is the one nearest to all others
    medoid = int(likeness.argmax())
    order = np.argsort(-(own @ own[medoid]), kind="stable")
    persistence = None if apart is None else float(np.clip(1 - core[members] / max(apart, 1e-12), 0, 1).mean())
    return VectorCluster(members[order], int(members[medoid]), persistence, stability)


def _jaccard(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return float((first & second).sum() / max(1, (first | second).sum()))


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit
