"""Spread the queue over tasks that show like things: Label Studio serves the group that least was done of first."""

from __future__ import annotations

import numpy as np

from loop.discovery.grouping import renumbered, task_groups
from loop.parts import Parts
from loop.serving.write_groups import write, write_groups
from loop.vision.embedding import Kind, Space, Vectors


def spread(parts: Parts, project_id: int, space: Space, *, seed: int = 0) -> str:
    """
    Group the tasks anew and write the groups; where they are not wanted any more, take them back.

    Raises MilvusDown, and UpstreamError where Label Studio does not answer: the next discovery goes on.
    """
    known = parts.groups.all(project_id)
    if not parts.policies.is_spread:
        if not known:
            return ""
        changed = write(parts, project_id, None, None)
        parts.groups.replace(project_id, {})
        return f"{changed} predictions are in no group any more"
    groups = renumbered(task_groups(_means(parts, project_id, space), seed=seed), known)
    if not groups and not known:
        return ""
    parts.groups.replace(project_id, groups)
    changed = write_groups(parts, project_id)
    return f"{len(groups)} tasks in {len(set(groups.values()))} groups, {changed} predictions changed"


def _means(parts: Parts, project_id: int, space: Space) -> dict[int, Vectors]:
    """The mean vector of what was found on each task, the surer the heavier, float32 (dimension,)."""
    sums: dict[int, Vectors] = {}
    collection = parts.references.find(project_id, Kind.DETECTIONS, space)
    for entries, vectors in collection.pages() if collection else ():
        for entry, vector in zip(entries, vectors, strict=True):
            weighed = np.float32(entry.score) * vector
            if entry.task in sums:
                sums[entry.task] += weighed
            else:
                sums[entry.task] = weighed
    return sums
