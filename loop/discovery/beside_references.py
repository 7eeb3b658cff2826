"""A category that is all there is of the unknown, told from what is known. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loop.discovery.clustering import Cluster, Clustering, ClusterPolicy, cluster
from loop.discovery.neighbour_graph import NOISE, Vectors

LEAST = 50  # references that the unknown is set beside, where there are as many
DENSE = 0.2  # least persistence: on made-up vectors scattered ones stay under it, one group is mostly above


def cluster_beside(vectors: Vectors, references: Vectors, policy: ClusterPolicy | None = None) -> Clustering:
    """
    Cluster vectors (n, dimension) together with about as many references; keep the clusters that are mostly of them.

    By density a cluster is what is apart from something else: forty boxes of one new category and nothing beside them
    have none, and are one beside others.
    """
    policy = policy or ClusterPolicy()
    count, least = len(vectors), policy.least(len(vectors))
    if count < max(3, least):
        return cluster(vectors, policy)
    both = np.concatenate([vectors, references[: max(LEAST, count)]])
    found = cluster(both, replace(policy, least_members=least))
    labels = np.full(count, NOISE, np.intp)
    kept: list[Cluster] = []
    for one in found.clusters:
        own = one.members[one.members < count]
        if len(own) >= max(least, one.size / 2) and (one.persistence or 0.0) >= DENSE:
            labels[own] = len(kept)
            medoid = one.medoid if one.medoid < count else int(own[0])
            kept.append(replace(one, members=own, medoid=medoid))
    return Clustering(labels, tuple(kept))
