"""Decides which stored predictions of former champions may be removed from a task. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from loop.label_studio.payloads import predictions_of

Json = Mapping[str, Any]


def find_removable(task: Json, champion: str, old: Collection[str]) -> list[int]:
    """
    Return the ids of the predictions of *old* versions, if nobody has begun the task and the *champion* predicted it.

    A task without the counts of its annotations or drafts counts as begun.
    """
    if is_begun(task) or champion in old or not predictions_of(dict(task), champion):
        return []
    predictions = [prediction for version in sorted(set(old)) for prediction in predictions_of(dict(task), version)]
    return [prediction["id"] for prediction in predictions if isinstance(prediction.get("id"), int)]


def is_begun(task: Json) -> bool:
    """Whether a task, as Label Studio lists it, has an annotation, a skip or anybody's draft."""
    counts = [task.get("total_annotations", 1), task.get("cancelled_annotations", 1), task.get("draft_exists", True)]
    return any(counts) or bool(task.get("annotations")) or bool(task.get("drafts"))
