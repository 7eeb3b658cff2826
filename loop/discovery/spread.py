"""Spread the queue over tasks that show like things: Label Studio serves the group that least was done of first."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np

from loop.discovery.grouping import NONE, renumbered, task_groups
from loop.isolation import Fault, attempt
from loop.label_studio.payloads import predictions_of
from loop.parts import Parts
from loop.vision.embedding import Kind, Space, Vectors

# Of predictions written, the least certain, with which the queue begins: Label Studio takes 0.16 s for each.
MOST = 2000


def spread(parts: Parts, project_id: int, space: Space, *, seed: int = 0) -> str:
    """
    Group the tasks anew and write the groups; where they are not wanted any more, take them back.

    Raises MilvusDown, and UpstreamError where Label Studio does not answer: the next discovery goes on.
    """
    known = parts.groups.all(project_id)
    if not parts.policies.is_spread:
        if not known:
            return ""
        changed = _write(parts, project_id, None, None)
        parts.groups.replace(project_id, {})
        return f"{changed} predictions are in no group any more"
    groups = renumbered(task_groups(_means(parts, project_id, space), seed=seed), known)
    if not groups and not known:
        return ""
    parts.groups.replace(project_id, groups)
    changed = write_groups(parts, project_id)
    return f"{len(groups)} tasks in {len(set(groups.values()))} groups, {changed} predictions changed"


def write_groups(parts: Parts, project_id: int, most: int = MOST) -> int:
    """
    Write the groups of the *most* open tasks that the champion is least certain of into what it predicted for them.

    Returns how many predictions were changed. A task that is in no group is in one with all others of that kind. A
    project without groups is left alone.
    """
    groups = parts.groups.all(project_id)
    return _write(parts, project_id, groups, most) if groups and parts.policies.is_spread else 0


def _write(parts: Parts, project_id: int, groups: dict[int, int] | None, most: int | None) -> int:
    champion = parts.registry.champion(project_id)
    found = []
    for task in parts.label_studio.open_tasks(project_id) if champion else ():
        wanted = None if groups is None else groups.get(task["id"], NONE)
        for prediction in predictions_of(task, champion.name) if champion else ():
            score = prediction.get("score")
            certainty = float(score) if isinstance(score, int | float) else 0.0
            found.append((certainty, prediction.get("id"), wanted, prediction.get("cluster") == wanted))
    wrong = [one for one in sorted(found, key=itemgetter(0))[:most] if not one[-1]]
    return sum(_write_group(parts, prediction_id, wanted) for _, prediction_id, wanted, _ in wrong)


def _write_group(parts: Parts, prediction_id: Any, group: int | None) -> bool:
    fault = attempt(lambda: parts.label_studio.update_prediction(prediction_id, cluster=group))
    if isinstance(fault, Fault):  # it is gone since, or Label Studio does not take it
        fault.log(f"the group of prediction {prediction_id}")
    return not isinstance(fault, Fault)


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
