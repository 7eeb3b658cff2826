"""Hints for a person about a cluster of the unknown: its name, its nearest category, its likely members. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from loop.discovery.clustering import VectorCluster
from loop.discovery.neighbour_graph import NOISE, Labels, Vectors, find_nearest
from loop.discovery.tracking import NameHint


def make_hint(
    cluster: VectorCluster, vectors: Vectors, means: Mapping[str, NDArray[np.float32]], labels: Sequence[str]
) -> NameHint:
    """
    Make the hint about a cluster of *vectors*; *means* come from `node_means`, *labels* has one per vector or "".

    A label is only a hint: a detector gave it below its threshold, or a reviewer gave it to a similar object.
    """
    mean = _unit(vectors[cluster.members].mean(axis=0))
    likeness = {node: float(mean @ other) for node, other in means.items()}
    nearest = max(likeness, key=likeness.__getitem__) if likeness else None
    counts = Counter(label for label in (labels[member] for member in cluster.members) if label)
    name, times = min(counts.items(), key=lambda item: (-item[1], item[0])) if counts else ("", 0)
    return NameHint(nearest, likeness[nearest] if nearest is not None else 0.0, name, times / cluster.size)


def node_means(vectors: Vectors, nodes: Sequence[str | None]) -> dict[str, NDArray[np.float32]]:
    """Return the mean direction of each node's references, of unit length, without references of no node."""
    names = np.array([node or "" for node in nodes])
    return {str(node): _unit(vectors[names == node].mean(axis=0)) for node in np.unique(names) if node}


def find_likely_members(vectors: Vectors, labels: Labels, *, nearest: int = 5, quantile: float = 0.9) -> Labels:
    """
    Assign each vector in no cluster to the cluster of most of its *nearest* clustered vectors, if it is near enough.

    Near enough means as near as the *quantile* of the cluster's own members are to each other. A person decides about
    likely members.
    """
    likely = labels.copy()
    inside, outside = np.flatnonzero(labels != NOISE), np.flatnonzero(labels == NOISE)
    if not len(inside) or not len(outside):
        return likely
    limits = _find_limits(vectors, labels, inside, nearest, quantile)
    clusters = int(labels.max()) + 1
    likeness, near = find_nearest(vectors[inside], vectors[outside], min(nearest, len(inside)))
    votes = np.stack([(labels[inside][near] == cluster).sum(axis=1) for cluster in range(clusters)], axis=1)
    best = votes.argmax(axis=1)
    is_voted = labels[inside][near] == best[:, None]
    closeness = (likeness * is_voted).sum(axis=1) / is_voted.sum(axis=1)
    likely[outside] = np.where(closeness >= limits[best], best, NOISE)
    return likely


def make_cluster_id(members: Sequence[str]) -> str:
    """Make the id of a cluster from its members' keys, in any order; the same members give the same id."""
    return hashlib.sha256("\n".join(sorted(members)).encode()).hexdigest()[:8]


def _find_limits(
    vectors: Vectors, labels: Labels, inside: NDArray[np.intp], nearest: int, quantile: float
) -> NDArray[np.float32]:
    """Return for each cluster the quantile of its members' mean cosine to their nearest fellow members."""
    limits = np.ones(int(labels.max()) + 1, np.float32)
    for label in range(len(limits)):
        own = vectors[inside[labels[inside] == label]][:2000]
        near = -np.sort(-(own @ own.T), axis=1)[:, 1 : nearest + 1]
        limits[label] = np.quantile(near.mean(axis=1), 1 - quantile) if near.shape[1] else 1.0
    return limits


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return unit
