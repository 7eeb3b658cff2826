"""How the unknown is clustered. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from loop.errors import PayloadError


class Method(StrEnum):
    """The algorithm that finds clusters."""

    HDBSCAN = "hdbscan"  # finds the number of clusters, and leaves out noise
    KMEANS = "kmeans"  # a given number of clusters, without noise


@dataclass(frozen=True, slots=True)
class ClusterPolicy:
    """The settings of a clustering. *least_members* None grows with the logarithm of the number of vectors."""

    method: Method = Method.HDBSCAN
    least_members: int | None = None
    min_samples: int = 5  # neighbours that measure the density of a place
    merge: float = 0.2  # least mean cosine between the members of two clusters that are merged; above 1: never
    attach: float = 0.5  # least mean cosine to clustered neighbours at which noise joins them; above 1: never
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
        """Return the least number of members of a cluster among *count* vectors."""
        return self.least_members or max(5, round(math.log2(max(2, count))))
