"""Plan from the records which vectors should exist, and by which embedder; compute none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from loop.label_studio.payloads import Review
from loop.label_studio.projects import Project
from loop.references.room import ReferencesRoom
from loop.references.wanted import TaskFacts, TaskPrediction, TaskReview, list_wanted
from loop.storage.queries import chunked
from loop.vision.embedding import Space

AT_ONCE = 50  # tasks per transaction: a long transaction would block events, which have a second


@dataclass(frozen=True, slots=True)
class EmbedderSource:
    """The space of new vectors, and the weights that serve."""

    space: Space
    weights: Path | None
    image_size: int | None = None  # of the version


def is_due(references: ReferencesRoom, project: Project) -> bool:
    """Return whether a vector is missing, or no longer wanted."""
    source = find_source(references, project.id)
    if source is None:
        return False
    return references.vectors.is_due(project.id, source.space) or bool(
        references.task_states.find_changed(project.id, source.space)
    )


def find_source(references: ReferencesRoom, project_id: int) -> EmbedderSource | None:
    """Return the source of a project's vectors while its champion serves; None without an embedder."""
    if references.vision.embedders.is_off:
        return None
    champion = references.registry.versions.champion(project_id)
    weights = references.registry.versions.bring(champion) if champion else references.registry.detectors.base_if_here()
    size = champion.image_size if champion else None
    space = references.vision.embedders.space(references.registry.version_name(champion), weights, size)
    return EmbedderSource(space, weights, size) if space else None


def plan(references: ReferencesRoom, project_id: int, space: Space) -> int:
    """Plan the vectors of every task whose records changed; return the number of tasks."""
    changed = references.task_states.find_changed(project_id, space)
    for ids in chunked(changed, AT_ONCE):
        facts = _collect_facts(references, project_id, ids)
        plans = {task.task_id: (changed[task.task_id], list_wanted(task, space)) for task in facts}
        references.vectors.plan(project_id, space, plans)
    return len(changed)


def _collect_facts(references: ReferencesRoom, project_id: int, task_ids: Sequence[int]) -> list[TaskFacts]:
    """Collect the facts that decide which vectors tasks have."""
    image_key = references.studio.projects.get(project_id).config().image_key
    newest = references.predictions.newest(project_id, task_ids)
    standing = references.task_states.read_newest_predictions(project_id, task_ids)
    counted = references.reviews.store.find_counted(project_id, task_ids)
    judged = references.task_states.read_judged(project_id, task_ids)
    named = references.task_states.read_named(project_id, task_ids)
    facts = []
    for task_id in task_ids:
        prediction, review = newest.get(task_id), counted.get(task_id)
        image = review.image(image_key) if review else None
        shown = prediction if prediction and prediction.id in standing else None
        facts.append(
            TaskFacts(
                task_id,
                TaskPrediction(shown.image, shown.version, shown.boxes) if shown else None,
                _describe_review(review.review, image) if review and image else None,
                tuple(judged.get(task_id, ())),
                tuple(named.get(task_id, ())),
            )
        )
    return facts


def _describe_review(review: Review, image: str) -> TaskReview:
    """Return the review with the earliest time at which its last edit began: lead times of all edits add up."""
    ended = review.updated_at
    return TaskReview(image, review.regions, ended - timedelta(seconds=review.lead_time or 0.0), ended)
