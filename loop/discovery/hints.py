"""Suggests the category of a cluster of the unknown, and its likely further members. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.discovery.clustering import Cluster
from loop.discovery.neighbour_graph import CELLS, NOISE, Labels, Vectors


@dataclass(frozen=True, slots=True)
class Suggestion:
    """
    A hint for a person about a cluster.

    *nearest* is the node whose references' mean is nearest to the cluster's, *likeness* the cosine; None without
    references. *name* is the most frequent label of the members, empty without labels; *agreement* is its share.
    """

    nearest: str | None
    likeness: float
    name: str
    agreement: float


def suggest(
    cluster: Cluster, vectors: Vectors, means: Mapping[str, NDArray[np.float32]], labels: Sequence[str]
) -> Suggestion:
    """
    Describe a cluster of *vectors*; *means* as `node_means` gives them, *labels* those of all vectors, empty for none.

    A label is only a hint: a detector gave it below its threshold, or a reviewer gave it to a similar object.
    """
    mean = _unit(vectors[cluster.members].mean(axis=0))
    likeness = {node: float(mean @ other) for node, other in means.items()}
    nearest = max(likeness, key=likeness.__getitem__) if likeness else None
    named = Counter(label for label in (labels[member] for member in cluster.members) if label)
    name, times = min(named.items(), key=lambda one: (-one[1], one[0])) if named else ("", 0)
    return Suggestion(nearest, likeness[nearest] if nearest is not None else 0.0, name, times / cluster.size)


def node_means(vectors: Vectors, nodes: Sequence[str | None]) -> dict[str, NDArray[np.float32]]:
    """The mean direction of each node's references, of unit length; references of no node are left out."""
    named = np.array([node or "" for node in nodes])
    return {str(node): _unit(vectors[named == node].mean(axis=0)) for node in np.unique(named) if node}


def likely_members(vectors: Vectors, labels: Labels, *, nearest: int = 5, quantile: float = 0.9) -> Labels:
    """
    Assign vectors in no cluster to the cluster that most of their *nearest* clustered vectors are in, if near enough.

    Near enough means as near as the *quantile* of the cluster's own members are to each other. The result serves a view
    of likely members, which a person decides on.
    """
    likely = labels.copy()
    inside, outside = np.flatnonzero(labels != NOISE), np.flatnonzero(labels == NOISE)
    if not len(inside) or not len(outside):
        return likely
    limits = _reach(vectors, labels, inside, nearest, quantile)
    clusters = int(labels.max()) + 1
    for rows in np.array_split(outside, -(-len(outside) * len(inside) // CELLS)):
        likeness = vectors[rows] @ vectors[inside].T
        near = np.argpartition(-likeness, min(nearest, len(inside)) - 1, axis=1)[:, :nearest]
        votes = np.stack([(labels[inside][near] == one).sum(axis=1) for one in range(clusters)], axis=1)
        best = votes.argmax(axis=1)
        is_voted = labels[inside][near] == best[:, None]
        closeness = (np.take_along_axis(likeness, near, 1) * is_voted).sum(axis=1) / is_voted.sum(axis=1)
        likely[rows] = np.where(closeness >= limits[best], best, NOISE)
    return likely


def is_dismissed(members: Sequence[str], dismissed: Sequence[frozenset[str]], overlap: float = 0.5) -> bool:
    """
    Whether a cluster, by its members' keys, was dismissed before.

    It was if at least the share *overlap* of its members is in one *dismissed* cluster.
    """
    own = frozenset(members)
    return any(len(own & other) >= overlap * len(own) for other in dismissed) if own else False


def cluster_id(members: Sequence[str]) -> str:
    """The id of a cluster, from its members' keys in any order; the same members give the same id."""
    return hashlib.sha256("\n".join(sorted(members)).encode()).hexdigest()[:8]


def _reach(
    vectors: Vectors, labels: Labels, inside: NDArray[np.intp], nearest: int, quantile: float
) -> NDArray[np.float32]:
    """For each cluster, the quantile of its members' mean cosine to their nearest fellow members."""
    limits = np.ones(int(labels.max()) + 1, np.float32)
    for label in range(len(limits)):
        own = vectors[inside[labels[inside] == label]][:2000]
        near = -np.sort(-(own @ own.T), axis=1)[:, 1 : nearest + 1]
        limits[label] = np.quantile(near.mean(axis=1), 1 - quantile) if near.shape[1] else 1.0
    return limits


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return unit
