"""Which reviewed tasks train and which measure; a task never changes sides. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from enum import StrEnum


class Side(StrEnum):
    """The two sides of the split."""

    TRAIN = "train"
    HELD_OUT = "held_out"


def assign(known: Mapping[int, Side], task_ids: Iterable[int], *, project_id: int, share: float) -> dict[int, Side]:
    """
    Return the sides of the *task_ids* that have none yet.

    The side follows from the ids alone. Two tasks are the least there is to split: while there are as many and a side
    would stay empty, the task closest to the line goes over.
    """
    draws = {task_id: _draw(project_id, task_id) for task_id in task_ids if task_id not in known}
    sides = {task_id: Side.HELD_OUT if draw < share else Side.TRAIN for task_id, draw in draws.items()}
    total = {**known, **sides}
    if len(total) >= 2 and sides:
        for missing in set(Side) - set(total.values()):
            closest = min(draws, key=lambda task_id: abs(draws[task_id] - share))
            sides[closest] = missing
    return sides


def _draw(project_id: int, task_id: int) -> float:
    digest = hashlib.sha256(f"split:{project_id}:{task_id}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
