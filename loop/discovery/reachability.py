"""Distances at which clusters part from the rest, in the tree that HDBSCAN cuts. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree

from loop.discovery.neighbour_graph import Graph, Labels


def core_distances(graph: Graph, min_samples: int) -> NDArray[np.float64]:
    """The distance to the neighbour number *min_samples*, counting the vector itself, as in HDBSCAN."""
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
    The distance at which each cluster parts from the rest, in the tree of mutual reachability.

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
        small, large = sorted((_root(parents, int(tree.row[at])), _root(parents, int(tree.col[at]))), key=sizes.item)
        for own, other in ((small, large), (large, small)):
            others = sizes[other]
            for label, count in inside[own].items():
                if count > needed[label] and others - inside[other].get(label, 0) >= least:
                    distances[label] = min(distances[label], float(tree.data[at]))
        for label, count in inside[small].items():
            inside[large][label] = inside[large].get(label, 0) + count
        parents[small], sizes[large] = large, sizes[large] + sizes[small]
    return distances


def _root(parents: list[int], node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node
