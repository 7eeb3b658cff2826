"""Vectors on a plane, for a map. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loop.discovery.clustering import reduced
from loop.discovery.neighbour_graph import Vectors

MOST = 5000  # vectors; t-SNE takes minutes for more
DIMENSIONS = 50


def coordinates(vectors: Vectors, *, seed: int = 0) -> NDArray[np.float32]:
    """
    Lay vectors (n, dimension) out as float32 (n, 2) in [0, 1]; the same vectors and seed give the same.

    Neighbours stay neighbours, by t-SNE; distances between groups mean little. Of more than MOST vectors, or fewer than
    10, the two principal components are taken. openTSNE is 1.4 times as fast, and has no wheel for Linux on ARM.
    """
    if len(vectors) < 3:
        return np.linspace(0.25, 0.75, 2 * len(vectors), dtype=np.float32).reshape(-1, 2)
    found = reduced(vectors, DIMENSIONS, seed=seed)
    if not 10 <= len(vectors) <= MOST:
        from sklearn.decomposition import PCA

        plane = PCA(2, random_state=seed).fit_transform(found)
    else:
        from sklearn.manifold import TSNE

        plane = TSNE(perplexity=min(30.0, len(found) / 4), init="pca", random_state=seed).fit_transform(found)
    low, high = plane.min(axis=0), plane.max(axis=0)
    scaled: NDArray[np.float32] = ((plane - low) / np.maximum(high - low, 1e-12)).astype(np.float32)
    return scaled
