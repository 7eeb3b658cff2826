"""Finds the only new category of a project, by clustering the unknown together with references. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loop.discovery.cluster_policy import ClusterPolicy
from loop.discovery.clustering import Clustering, VectorCluster, cluster
from loop.discovery.neighbour_graph import NOISE, Vectors

LEAST = 50  # least number of references in the clustering, if that many exist
DENSE = 0.2  # least persistence: on synthetic vectors, noise is below it and a single group is mostly above


def cluster_beside(vectors: Vectors, references: Vectors, policy: ClusterPolicy | None = None) -> Clustering:
    """
    Cluster vectors (n, dimension) together with about as many references; return clusters that are mostly *vectors*.

    Density clustering finds a cluster only if it is apart from other vectors. Forty boxes of one new category alone
    are no cluster; with references beside them, they are one.
    """
    policy = policy or ClusterPolicy()
    count, least = len(vectors), policy.least(len(vectors))
    if count < max(3, least):
        return cluster(vectors, policy)
    both = np.concatenate([vectors, references[: max(LEAST, count)]])
    clustering = cluster(both, replace(policy, least_members=least))
    labels = np.full(count, NOISE, np.intp)
    mostly_new: list[VectorCluster] = []
    for candidate in clustering.clusters:
        own = candidate.members[candidate.members < count]
        if len(own) >= max(least, candidate.size / 2) and (candidate.persistence or 0.0) >= DENSE:
            labels[own] = len(mostly_new)
            medoid = candidate.medoid if candidate.medoid < count else int(own[0])
            mostly_new.append(replace(candidate, members=own, medoid=medoid))
    return Clustering(labels, tuple(mostly_new))
