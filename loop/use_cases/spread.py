"""Spread the queue over tasks that show like things: Label Studio serves the group that least was done of first."""

from __future__ import annotations

import numpy as np

from loop.decisions.embedding import Kind, Space, Vectors
from loop.decisions.grouping import NONE, renumbered, task_groups
from loop.parts import Parts


def spread(parts: Parts, project_id: int, space: Space, *, seed: int = 0) -> str:
    """
    Group the tasks anew and write the groups; where they are not wanted any more, take them back.

    Raises MilvusDown, and UpstreamError where Label Studio does not answer: the next discovery goes on.
    """
    known = parts.groups.all(project_id)
    if not parts.policies.is_spread:
        if not known:
            return ""
        changed = _write(parts, project_id, None)
        parts.groups.replace(project_id, {})
        return f"{changed} predictions are in no group any more"
    groups = renumbered(task_groups(_means(parts, project_id, space), seed=seed), known)
    if not groups and not known:
        return ""
    parts.groups.replace(project_id, groups)
    changed = write_groups(parts, project_id)
    return f"{len(groups)} tasks in {len(set(groups.values()))} groups, {changed} predictions changed"


def write_groups(parts: Parts, project_id: int) -> int:
    """
    Write the group of every open task into the champion's predictions; return how many were changed.

    A task that is in no group is in one with all others of that kind. A project without groups is left alone.
    """
    groups = parts.groups.all(project_id)
    return _write(parts, project_id, groups) if groups and parts.policies.is_spread else 0


def _write(parts: Parts, project_id: int, groups: dict[int, int] | None) -> int:
    champion = parts.registry.champion(project_id)
    changed = 0
    for task in parts.label_studio.open_tasks(project_id) if champion else ():
        wanted = None if groups is None else groups.get(task["id"], NONE)
        for prediction in task.get("predictions") or []:
            is_ours = champion is not None and prediction.get("model_version") == champion.name
            if is_ours and prediction.get("cluster") != wanted:
                parts.label_studio.update_prediction(prediction["id"], cluster=wanted)
                changed += 1
    return changed


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
