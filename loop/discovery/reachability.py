"""How far clusters are from what they part from, in the tree that HDBSCAN cuts. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree

from loop.discovery.neighbour_graph import Graph, Labels


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


def _root(parents: list[int], node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node
