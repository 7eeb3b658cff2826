"""Writes the groups of tasks into their predictions: Label Studio serves the least reviewed group first."""

from __future__ import annotations

from loop.failures import Fault, attempt
from loop.label_studio.tasks import StoredPrediction
from loop.serving.queue_order import NO_GROUP
from loop.serving.room import ServingRoom

MOST = 2000  # predictions, from the start of the queue; Label Studio takes 0.16 s for each


def write_groups(serving: ServingRoom, project_id: int, most: int = MOST) -> int:
    """
    Write the groups of the *most* open tasks with the lowest scores into the champion's predictions for them.

    Returns how many predictions were changed. All tasks without a group are one group. A project without groups is left
    alone.
    """
    groups = serving.groups.all(project_id)
    return write(serving, project_id, groups, most) if groups and serving.policy.is_spread else 0


def write(serving: ServingRoom, project_id: int, groups: dict[int, int] | None, most: int | None) -> int:
    """Write groups, or with None remove them, to the *most* lowest scores; return how many predictions were changed."""
    champion = serving.registry.versions.champion(project_id)
    if champion is None:
        return 0
    predictions: list[tuple[StoredPrediction, int | None]] = []
    for task in serving.studio.client.open_tasks(project_id):
        group = None if groups is None else groups.get(task.id, NO_GROUP)
        predictions += [(prediction, group) for prediction in task.predictions_of(champion.name)]
    least_certain = sorted(predictions, key=lambda pair: pair[0].score)[:most]
    outdated = [(prediction.id or 0, group) for prediction, group in least_certain if prediction.group != group]
    return sum(_write_group(serving, prediction_id, group) for prediction_id, group in outdated)


def _write_group(serving: ServingRoom, prediction_id: int, group: int | None) -> bool:
    fault = attempt(lambda: serving.studio.client.update_prediction(prediction_id, group=group))
    if isinstance(fault, Fault):  # removed since, or refused by Label Studio
        fault.log(f"the group of prediction {prediction_id}")
    return not isinstance(fault, Fault)
