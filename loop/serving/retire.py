"""Remove from Label Studio what versions that serve no more have predicted for tasks that nobody has begun."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from loop.errors import Refused
from loop.label_studio.projects import Project
from loop.serving.old_predictions import removable
from loop.serving.room import ServingRoom

SECONDS = 60.0  # of a run; what is left is removed by the next


def retire(serving: ServingRoom, project_id: int, *, seconds: float = SECONDS) -> str:
    """
    Remove the stored predictions of old versions; our own log keeps them. Return how many were removed.

    A task keeps them until it has the champion's prediction; for good, once it has an annotation, a skip or a draft.
    They stay for a while after a promotion: Label Studio refuses the annotation of somebody who opened a task before
    its prediction was removed. Whatever this is killed in the middle of, the next run goes on. Raises UpstreamError.
    """
    project, champion = serving.studio.projects.get(project_id), serving.registry.versions.champion(project_id)
    old = _old_versions(serving, project, champion.name) if champion else set()
    if champion is None or not old:
        return "no old predictions to remove"
    deadline, removed = time.monotonic() + seconds, 0
    for task in serving.studio.client.untouched_tasks(project_id):
        for prediction_id in removable(task, champion.name, old):
            if time.monotonic() > deadline:
                return f"{removed} old predictions removed, and there are more"
            removed += _is_removed(serving, prediction_id)
    return f"{removed} old predictions removed"


def _old_versions(serving: ServingRoom, project: Project, champion: str) -> set[str]:
    """The names of our versions that have not served for as long as the setting says, and are no shadow."""
    keep = serving.policy.keep_predictions
    base = serving.registry.version_name(None)  # what predicted before there was a version
    retired = serving.registry.moves.retired(project.id, before=base)
    if keep < 0 or not retired:
        return set()
    until, last_move = datetime.now(UTC) - timedelta(seconds=keep), max(retired.values())
    ours = {base, *(version.name for version in serving.registry.versions.list(project.id))} - {
        champion,
        project.shadow,
    }
    return {name for name in ours if retired.get(name, last_move) <= until}  # a shadow of old has never served


def _is_removed(serving: ServingRoom, prediction_id: int) -> bool:
    try:
        serving.studio.client.delete_prediction(prediction_id)
    except Refused as error:
        if error.status != 404:  # somebody else removed it
            raise
        return False
    return True
