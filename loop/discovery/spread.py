"""Spreads the queue over groups of similar tasks; Label Studio serves the least reviewed group first."""

from __future__ import annotations

import numpy as np

from loop.discovery.grouping import group_tasks, keep_numbers
from loop.discovery.room import DiscoveryRoom
from loop.references.entries import CollectionKind
from loop.serving.write_groups import write, write_groups
from loop.vision.embedding import Space, Vectors


def spread_queue(discovery: DiscoveryRoom, project_id: int, space: Space, *, seed: int = 0) -> str:
    """
    Group the tasks again and write the groups into the predictions; remove the groups if spreading is switched off.

    Raises MilvusDown, and UpstreamError if Label Studio does not answer; the next discovery continues.
    """
    before = discovery.serving.groups.all(project_id)
    if not discovery.serving.policy.is_spread:
        if not before:
            return ""
        changed = write(discovery.serving, project_id, None, None)
        discovery.serving.groups.replace(project_id, {})
        return f"{changed} predictions are in no group any more"
    groups = keep_numbers(group_tasks(_sum_vectors(discovery, project_id, space), seed=seed), before)
    if not groups and not before:
        return ""
    discovery.serving.groups.replace(project_id, groups)
    changed = write_groups(discovery.serving, project_id)
    return f"{len(groups)} tasks in {len(set(groups.values()))} groups, {changed} predictions changed"


def _sum_vectors(discovery: DiscoveryRoom, project_id: int, space: Space) -> dict[int, Vectors]:
    """Return the sum of the vectors of each task's detections, weighted by score, float32 (dimension,)."""
    sums: dict[int, Vectors] = {}
    collection = discovery.references.milvus.find(project_id, CollectionKind.DETECTIONS, space)
    for entries, vectors in collection.pages() if collection else ():
        for entry, vector in zip(entries, vectors, strict=True):
            weighed = np.float32(entry.score) * vector
            if entry.task in sums:
                sums[entry.task] += weighed
            else:
                sums[entry.task] = weighed
    return sums
