"""Logs a suggestion that shows other labels by references, and changes the prediction in Label Studio."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from loop.errors import Refused
from loop.label_studio.match_control import write_notes
from loop.label_studio.projects import Project
from loop.label_studio.result_format import write_result
from loop.label_studio.tasks import StoredPrediction, StoredTask
from loop.regions import Region
from loop.serving.predict import Suggestion
from loop.serving.store import QUEUE, LoggedPrediction
from loop.taxonomy.result import TaskMatches
from loop.taxonomy.room import TaxonomyRoom

log = logging.getLogger(__name__)


def change_prediction(
    taxonomies: TaxonomyRoom,
    project: Project,
    entry: LoggedPrediction,
    suggestion: Suggestion,
    task: StoredTask,
    matches: TaskMatches | None,
) -> bool:
    """
    Log a suggestion if it shows other boxes, and change the prediction in Label Studio; return whether it changed.

    The prediction keeps its id, so that a person who has the task open can submit it. If Label Studio refuses the
    change, the log says again what it shows.
    """
    is_new = _list_ids(suggestion.shown) != _list_ids(entry.regions)
    logged = _renew(entry, suggestion) if is_new else entry
    outdated = [each for each in task.predictions_of(entry.version) if each.id and _differs(each, logged)]
    size = entry.size or task.image_size()  # entries of older code have none
    if not outdated or size is None:
        return False
    if is_new:
        taxonomies.predictions.append([logged])
    result = write_notes(write_result(suggestion.shown, project.config(), size), suggestion.notes())
    result = matches.write_into(result, entry.version) if matches else result
    score = None if suggestion.says_nothing else logged.score
    try:
        for prediction in outdated:
            taxonomies.studio.client.update_prediction(
                prediction.id or 0, result=result, score=score, task_id=task.id, project_id=project.id
            )
    except Refused as error:
        log.warning("project %d task %d keeps its boxes: %s", project.id, task.id, error)
        taxonomies.predictions.append([replace(entry, served_at=datetime.now(UTC))])
        return False
    return True


def _renew(entry: LoggedPrediction, suggestion: Suggestion) -> LoggedPrediction:
    """Return the log entry of a suggestion; only the score of a task in the queue depends on its boxes."""
    return replace(
        entry,
        regions=suggestion.shown,
        candidates=suggestion.hidden,
        foreign=suggestion.foreign,
        score=entry.score if entry.stream != QUEUE else suggestion.score,
        served_at=datetime.now(UTC),
        execution=str(uuid.uuid4()),
    )


def _differs(prediction: StoredPrediction, logged: LoggedPrediction) -> bool:
    """Return whether a prediction in Label Studio shows other boxes than the log says."""
    return {str(item.get("id")) for item in prediction.result} != _list_ids(logged.regions)


def _list_ids(regions: Sequence[Region]) -> set[str]:
    return {region.id for region in regions}
