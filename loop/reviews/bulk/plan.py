"""What one operation needs of Label Studio, given what is there: an act to do, or the finding that it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from loop.errors import ImageError, PayloadError, Refused
from loop.label_studio.annotations import Annotation, AnnotationChanges
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.projects import Project
from loop.label_studio.tasks import StoredTask
from loop.reviews.bulk import regions as bulk_review
from loop.reviews.bulk.operations import Create, Delete, Operation, Update, digest
from loop.reviews.bulk.regions import Ground, unique_id
from loop.reviews.operation_store import StoredOperation
from loop.reviews.room import ReviewsRoom

NOTHING = LabelConfig("", "", "", ())


@dataclass(frozen=True, slots=True)
class Plan:
    """An operation that can be asked for; *act* does so and returns what is then known of it."""

    kept: StoredOperation
    act: Callable[[], StoredOperation]


class Planner:
    """Plans the operations of one project; the tasks they name are asked for together."""

    def __init__(self, reviews: ReviewsRoom, project: Project) -> None:
        self._reviews, self._project, self._config = reviews, project, project.config()
        self._tasks: dict[int, StoredTask] = {}

    def look_up(self, task_ids: Iterable[int]) -> None:
        """Get some tasks, and forget all others. Raises UpstreamError."""
        self._tasks = self._reviews.studio.client.named_tasks(self._project.id, sorted(set(task_ids)))

    def plan(
        self, operation: Operation, where: str, key: str, was_started: StoredOperation | None
    ) -> Plan | StoredOperation:
        """
        What is to be done; or, of one that *was started* and cut off, what turns out to be done already.

        Raises PayloadError where it cannot be done, ImageError, UpstreamError.
        """
        kept = StoredOperation(
            project_id=self._project.id,
            key=key,
            operation=operation.operation,
            digest=digest(operation),
            actor=operation.actor,
            confidence=operation.confidence,
            reasoning=operation.reasoning,
        )
        if isinstance(operation, Create):
            return self._creation(operation, where, replace(kept, task_id=operation.task))
        found = self._annotation(operation, where, is_gone_fine=isinstance(operation, Delete) and was_started)
        if isinstance(operation, Delete):
            return self._deletion(kept, found, was_started)
        assert found is not None
        return self._update(operation, where, kept, found, was_started)

    def _creation(self, operation: Create, where: str, kept: StoredOperation) -> Plan:
        ground = self._ground(operation.task, where)
        written = self._write(operation, ground, where, kept.key)
        fields = AnnotationChanges(
            result=written.result,
            unique_id=unique_id(self._project.id, kept.key),
            parent_prediction=written.parent_prediction,
            lead_time=operation.lead_time,
            is_skipped=False,
        )

        def act() -> StoredOperation:
            client = self._reviews.studio.client
            try:
                return _ended(kept, client.create_annotation(operation.task, **fields))
            except Refused as error:
                if error.status != 409:
                    raise
            made = client.annotation_of(self._project.id, operation.task, fields["unique_id"])
            if made is None:
                raise PayloadError(f"{where}.key", "a new one", f"one of another annotation: {kept.key}")
            is_ours = made.result == written.result
            return _ended(kept, made) if is_ours else replace(_ended(kept, made), changed_at=None)

        return Plan(kept, act)

    def _update(
        self,
        operation: Update,
        where: str,
        kept: StoredOperation,
        found: Annotation,
        was_started: StoredOperation | None,
    ) -> Plan | StoredOperation:
        before = _ended(kept, found)
        ground = self._ground(found.task_id or 0, where, found.result)
        written = self._write(operation, ground, where, kept.key)
        if was_started and was_started.changed_at != before.changed_at:
            if found.result == written.result:
                return before
            raise PayloadError(f"{where}.annotation", "what it was when the operation began", "a later state")
        changes = AnnotationChanges(result=written.result, is_skipped=False)
        if operation.lead_time is not None:
            changes["lead_time"] = operation.lead_time
        is_timed = operation.lead_time is not None or found.is_timed
        if written.parent_prediction is not None or not (written.result or is_timed):
            changes["parent_prediction"] = written.parent_prediction  # else it would look like a bulk accept
        client = self._reviews.studio.client
        return Plan(before, lambda: _ended(kept, client.update_annotation(operation.annotation, **changes)))

    def _deletion(
        self, kept: StoredOperation, found: Annotation | None, was_started: StoredOperation | None
    ) -> Plan | StoredOperation:
        if found is None and was_started:
            return replace(was_started, error=None)
        assert found is not None
        before = _ended(kept, found)
        if was_started and was_started.made_at != before.made_at:
            return was_started  # it is gone, and its id was given out again

        def act() -> StoredOperation:
            self._reviews.studio.client.delete_annotation(before.annotation_id or 0)
            return before

        return Plan(before, act)

    def _annotation(self, operation: Update | Delete, where: str, *, is_gone_fine: object) -> Annotation | None:
        try:
            found = self._reviews.studio.client.annotation(operation.annotation)
        except Refused as error:
            if error.status != 404:
                raise
            found = Annotation({})
        if found.project_id != self._project.id:
            if is_gone_fine:
                return None
            raise PayloadError(
                f"{where}.annotation", f"an annotation of project {self._project.id}", operation.annotation
            )
        if operation.task not in (None, found.task_id):
            raise PayloadError(f"{where}.task", f"{found.task_id}, the annotation's own", operation.task)
        return found

    def _ground(self, task_id: int, where: str, existing: object = None) -> Ground:
        if task_id not in self._tasks:
            self._tasks |= self._reviews.studio.client.named_tasks(self._project.id, [task_id])
        if task_id not in self._tasks:
            raise PayloadError(f"{where}.task", f"a task of project {self._project.id}", task_id)
        logged = [one.regions for one in self._reviews.predictions.of_task(self._project.id, task_id)]
        return bulk_review.ground(self._tasks[task_id], logged, self._config, existing)

    def _write(self, operation: Create | Update, ground: Ground, where: str, key: str) -> bulk_review.Written:
        if bulk_review.needs_size(operation, ground):
            ground = replace(ground, size=self._size(ground.task_id))
        seed = f"{self._project.id}:{key}"
        return bulk_review.write(operation, ground, self._config, where=where, seed=seed)

    def _size(self, task_id: int) -> tuple[int, int]:
        """Width and height of a task's image, read from the image itself. Raises ImageError."""
        (image,) = self._reviews.vision.images.load([self._tasks[task_id].read(self._config.image_key)])
        if isinstance(image, ImageError):
            raise image
        return int(image.shape[1]), int(image.shape[0])


def _ended(kept: StoredOperation, annotation: Annotation) -> StoredOperation:
    """What is known of an operation by the annotation it is about."""
    review = annotation.read(NOTHING, project_id=kept.project_id)  # whatever its regions are
    return replace(
        kept, task_id=review.task_id, annotation_id=review.id, made_at=review.created_at, changed_at=review.updated_at
    )
