"""Decides which stored predictions of former champions may be removed from a task. Pure."""

from __future__ import annotations

from collections.abc import Collection

from loop.label_studio.tasks import StoredTask


def find_removable(task: StoredTask, champion: str, old: Collection[str]) -> list[int]:
    """
    Return the ids of the predictions of *old* versions, if nobody has begun the task and the *champion* predicted it.

    A task without the counts of its annotations or drafts counts as begun.
    """
    if task.is_begun or champion in old or not task.has(champion):
        return []
    predictions = [prediction for version in sorted(set(old)) for prediction in task.predictions_of(version)]
    return [prediction.id for prediction in predictions if prediction.id]
