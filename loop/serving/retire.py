"""Removes predictions of former champions from the tasks in Label Studio that nobody has begun."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from loop.label_studio.projects import Project
from loop.serving.old_predictions import find_removable
from loop.serving.room import ServingRoom

SECONDS = 60.0  # of a run; the next run goes on


def retire(serving: ServingRoom, project_id: int, *, seconds: float = SECONDS) -> str:
    """
    Remove the stored predictions of old versions; our own log keeps them. Return how many were removed.

    A task keeps them until it has the champion's prediction, and for good once it has an annotation, a skip or a draft.
    They stay for a while after a promotion, because Label Studio refuses an annotation whose task was opened before its
    prediction was removed. Where a run is killed, the next run goes on. Raises UpstreamError.
    """
    project, champion = serving.studio.projects.get(project_id), serving.registry.versions.champion(project_id)
    old = _old_versions(serving, project, champion.name) if champion else set()
    if champion is None or not old:
        return "no old predictions to remove"
    deadline, removed = time.monotonic() + seconds, 0
    for task in serving.studio.client.untouched_tasks(project_id):
        for prediction_id in find_removable(task, champion.name, old):
            if time.monotonic() > deadline:
                return f"{removed} old predictions removed, and there are more"
            removed += serving.studio.client.delete_prediction(prediction_id)
    return f"{removed} old predictions removed"


def _old_versions(serving: ServingRoom, project: Project, champion: str) -> set[str]:
    """Return the names of versions that stopped serving longer ago than the setting says, and are no shadow."""
    keep = serving.policy.keep_predictions
    base = serving.registry.version_name(None)  # the start weights, which predict before the first version
    retired = serving.registry.moves.former_champions(project.id, before=base)
    if keep < 0 or not retired:
        return set()
    until, last_move = datetime.now(UTC) - timedelta(seconds=keep), max(retired.values())
    ours = {base, *(version.name for version in serving.registry.versions.list(project.id))} - {
        champion,
        project.shadow,
    }
    return {name for name in ours if retired.get(name, last_move) <= until}  # a former shadow has never served
