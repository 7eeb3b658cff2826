"""Plan one operation by the state of Label Studio: an action to take, or the finding that it is done already."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from loop.errors import ImageError, PayloadError, Refused
from loop.label_studio.annotations import Annotation, AnnotationChanges, has_origins
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.projects import Project
from loop.label_studio.tasks import StoredTask
from loop.reviews.bulk import regions as bulk_review
from loop.reviews.bulk.operations import Create, Delete, Operation, Update, digest
from loop.reviews.bulk.regions import ReviewContext, unique_id
from loop.reviews.operation_store import StoredOperation
from loop.reviews.room import ReviewsRoom

NOTHING = LabelConfig("", "", "", ())


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """An operation that can be done; *act* does it and returns its new record."""

    operation: StoredOperation
    act: Callable[[], StoredOperation]


class OperationPlanner:
    """Plans the operations of one project; their tasks are fetched together."""

    def __init__(self, reviews: ReviewsRoom, project: Project) -> None:
        self._reviews, self._project, self._config = reviews, project, project.config()
        self._tasks: dict[int, StoredTask] = {}

    def look_up(self, task_ids: Iterable[int]) -> None:
        """Fetch these tasks, and forget all others. Raises UpstreamError."""
        self._tasks = self._reviews.studio.client.named_tasks(self._project.id, sorted(set(task_ids)))

    def plan(
        self, operation: Operation, where: str, key: str, was_started: StoredOperation | None
    ) -> OperationPlan | StoredOperation:
        """
        Return the plan of an operation, or its record if one that *was_started* turns out to be done already.

        Raises PayloadError if it cannot be done, ImageError, UpstreamError.
        """
        stored = StoredOperation(
            project_id=self._project.id,
            key=key,
            operation=operation.operation,
            digest=digest(operation),
            actor=operation.actor,
            confidence=operation.confidence,
            reasoning=operation.reasoning,
        )
        if isinstance(operation, Create):
            return self._plan_creation(operation, where, replace(stored, task_id=operation.task))
        annotation = self._find_annotation(operation, where, may_be_gone=isinstance(operation, Delete) and was_started)
        if isinstance(operation, Delete):
            return self._plan_deletion(stored, annotation, was_started)
        assert annotation is not None
        return self._plan_update(operation, where, stored, annotation, was_started)

    def _plan_creation(self, operation: Create, where: str, stored: StoredOperation) -> OperationPlan:
        context = self._read_context(operation.task, where)
        written = self._write(operation, context, where, stored.key)
        fields = AnnotationChanges(
            result=written.result,
            unique_id=unique_id(self._project.id, stored.key),
            parent_prediction=written.parent_prediction,
            lead_time=operation.lead_time,
            is_skipped=False,
        )

        def act() -> StoredOperation:
            client = self._reviews.studio.client
            try:
                return _fill_in(stored, client.create_annotation(operation.task, **fields))
            except Refused as error:
                if error.status != 409:
                    raise
            made = client.annotation_of(self._project.id, operation.task, fields["unique_id"])
            if made is None:
                raise PayloadError(f"{where}.key", "a new one", f"one of another annotation: {stored.key}")
            is_ours = made.result == written.result
            return _fill_in(stored, made) if is_ours else replace(_fill_in(stored, made), changed_at=None)

        return OperationPlan(stored, act)

    def _plan_update(
        self,
        operation: Update,
        where: str,
        stored: StoredOperation,
        annotation: Annotation,
        was_started: StoredOperation | None,
    ) -> OperationPlan | StoredOperation:
        before = _fill_in(stored, annotation)
        context = self._read_context(annotation.task_id or 0, where, annotation.result)
        written = self._write(operation, context, where, stored.key)
        if was_started and was_started.changed_at != before.changed_at:
            if annotation.result == written.result:
                return before
            raise PayloadError(f"{where}.annotation", "its state from when the operation began", "a later state")
        changes = AnnotationChanges(result=written.result, is_skipped=False)
        if operation.lead_time is not None:
            changes["lead_time"] = operation.lead_time
        is_timed = operation.lead_time is not None or annotation.is_timed
        if written.parent_prediction is not None or not (has_origins(written.result) or is_timed):
            changes["parent_prediction"] = written.parent_prediction  # else it would look like a bulk accept
        client = self._reviews.studio.client
        return OperationPlan(
            before, lambda: _fill_in(stored, client.update_annotation(operation.annotation, **changes))
        )

    def _plan_deletion(
        self, stored: StoredOperation, annotation: Annotation | None, was_started: StoredOperation | None
    ) -> OperationPlan | StoredOperation:
        if annotation is None and was_started:
            return replace(was_started, error=None)
        assert annotation is not None
        before = _fill_in(stored, annotation)
        if was_started and was_started.made_at != before.made_at:
            return was_started  # it is gone, and its id was given out again

        def act() -> StoredOperation:
            self._reviews.studio.client.delete_annotation(before.annotation_id or 0)
            return before

        return OperationPlan(before, act)

    def _find_annotation(self, operation: Update | Delete, where: str, *, may_be_gone: object) -> Annotation | None:
        try:
            annotation = self._reviews.studio.client.annotation(operation.annotation)
        except Refused as error:
            if error.status != 404:
                raise
            annotation = Annotation({})
        if annotation.project_id != self._project.id:
            if may_be_gone:
                return None
            raise PayloadError(
                f"{where}.annotation", f"an annotation of project {self._project.id}", operation.annotation
            )
        if operation.task not in (None, annotation.task_id):
            raise PayloadError(f"{where}.task", f"{annotation.task_id}, the annotation's own", operation.task)
        return annotation

    def _read_context(self, task_id: int, where: str, existing: object = None) -> ReviewContext:
        if task_id not in self._tasks:
            self._tasks |= self._reviews.studio.client.named_tasks(self._project.id, [task_id])
        if task_id not in self._tasks:
            raise PayloadError(f"{where}.task", f"a task of project {self._project.id}", task_id)
        logged = [prediction.regions for prediction in self._reviews.predictions.of_task(self._project.id, task_id)]
        return bulk_review.read_context(self._tasks[task_id], logged, self._config, existing)

    def _write(
        self, operation: Create | Update, context: ReviewContext, where: str, key: str
    ) -> bulk_review.WrittenReview:
        if bulk_review.needs_size(operation, context):
            context = replace(context, size=self._read_size(context.task_id))
        seed = f"{self._project.id}:{key}"
        return bulk_review.write(operation, context, self._config, where=where, seed=seed)

    def _read_size(self, task_id: int) -> tuple[int, int]:
        """Return width and height of the task's image, read from the image itself. Raises ImageError."""
        task = self._tasks[task_id].read(self._config.image_key)
        (size,) = self._reviews.vision.images.map(lambda _, image: (int(image.shape[1]), int(image.shape[0])), [task])
        if isinstance(size, ImageError):
            raise size
        return size


def _fill_in(stored: StoredOperation, annotation: Annotation) -> StoredOperation:
    """Return the record of an operation with the ids and times of its annotation."""
    review = annotation.read(NOTHING, project_id=stored.project_id)  # whatever its regions are
    return replace(
        stored, task_id=review.task_id, annotation_id=review.id, made_at=review.created_at, changed_at=review.updated_at
    )
