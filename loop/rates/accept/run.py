"""Accepts tasks by the token of a dry run, and undoes it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loop.errors import PayloadError, Refused, StalePlan
from loop.label_studio.annotations import Annotation
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.payloads import ACCEPT_MARK
from loop.label_studio.projects import Project
from loop.label_studio.tasks import StoredPrediction, StoredTask
from loop.rates.accept.plan import AcceptPlan, plan_acceptance
from loop.rates.room import RatesRoom
from loop.regions import Region
from loop.reviews.accepted.store import AcceptedTask
from loop.serving.store import LoggedPrediction
from loop.storage.queries import chunked
from loop.vision.addresses import identify_image

AT_ONCE = 50  # tasks fetched together
NAMESPACE = uuid.UUID("0b1f6f7e-5a0e-5a52-8a52-6f3d7c1c0e55")
EMAIL, NAME = "loop-accept@localhost.invalid", "Accepted by the loop"  # the annotator of what is accepted
SAME_PLACE = 0.001  # fractions of the image: Label Studio rounds coordinates


@dataclass(frozen=True, slots=True)
class Undone:
    """The number of annotations that were removed, and of those that stay: changed, or on a task with a draft."""

    removed: int
    stay: int


def begin(rates: RatesRoom, project_id: int, error: float, token: str) -> list[AcceptedTask]:
    """
    Record the tasks of the dry run that gave the *token*, and return those that Label Studio lacks.

    A token that was used before goes on where it ended. Raises StalePlan if something changed since the dry run.
    """
    known = rates.reviews.accepted.read(project_id, token)
    if not known:
        plan = plan_acceptance(rates, project_id, error)
        if not plan.tasks or plan.token != token:
            found = plan.token or "none: nothing can be accepted"
            raise StalePlan(f"the token {token} belongs to another plan, the present one has {found}: plan again")
        rates.reviews.accepted.begin(project_id, plan.tasks, _describe(plan))
        known = rates.reviews.accepted.read(project_id, token)
    else:
        _check_version(rates, project_id, known[0])
    return [task for task in known if task.annotation_id is None]


def accept(rates: RatesRoom, project_id: int, tasks: Sequence[AcceptedTask]) -> Iterator[int | None]:
    """
    Make an annotation of each task's prediction; yield its id, None for a task that is not accepted after all.

    Such a task is gone, has an annotation, a skip or a draft, or its prediction in Label Studio is another one. Killed
    anywhere, a second call makes no annotation twice. Raises UpstreamError, StalePlan if another version serves.
    """
    maker = _Maker(rates, rates.studio.projects.get(project_id))
    for some_tasks in chunked(tasks, AT_ONCE):
        _check_version(rates, project_id, some_tasks[0])
        stored = rates.studio.client.named_tasks(project_id, [task.task_id for task in some_tasks])
        logged = {entry.id: entry for entry in maker.log.with_ids([task.prediction_id for task in some_tasks])}
        for task in some_tasks:
            yield maker.accept(task, stored.get(task.task_id), logged.get(task.prediction_id))


def undo(rates: RatesRoom, project_id: int) -> Undone:
    """
    Remove all accepted annotations of a project that nobody has changed; the others stay.

    One on a task with a draft stays accepted, for the next undo. Killed anywhere, a second call does the rest. Raises
    UnknownProject, UpstreamError.
    """
    project, accepted = rates.studio.projects.get(project_id), rates.reviews.accepted
    config, tasks = rates.reviews.reading_config(project.id), accepted.read(project_id)
    removed = stay = 0
    drafted = set[int]()
    for some_tasks in chunked(tasks, AT_ONCE):
        stored = rates.studio.client.named_tasks(project_id, [task.task_id for task in some_tasks])
        entries = rates.reviews.predictions.with_ids([task.prediction_id for task in some_tasks])
        logged = {entry.task_id: entry for entry in entries}
        for task_id, task in stored.items():
            for annotation in filter(_is_marked, task.annotations):
                is_untouched = _is_untouched(annotation, config, task_id, logged.get(task_id))
                if is_untouched and task.has_draft:
                    drafted.add(task_id)
                if task.has_draft or not is_untouched:
                    stay += 1
                else:
                    removed += rates.studio.client.delete_annotation(annotation.id or 0)
        accepted.remove(project_id, [task.task_id for task in some_tasks if task.task_id not in drafted])
    if tasks:
        accepted.remove(project_id, [], {"tasks": len(tasks), "removed": removed, "stay": stay})
    return Undone(removed, stay)


class _Maker:
    """Makes the annotations of one run."""

    def __init__(self, rates: RatesRoom, project: Project) -> None:
        self._client, self._accepted, self.log = rates.studio.client, rates.reviews.accepted, rates.reviews.predictions
        self._project_id, self._image_key = project.id, project.config().image_key
        self._config = rates.reviews.reading_config(project.id)
        try:
            self._annotator = {"annotator": self._client.ensure_user(EMAIL, NAME)}
        except Refused:  # the mark alone tells them apart
            self._annotator = {}

    def accept(self, task: AcceptedTask, stored: StoredTask | None, entry: LoggedPrediction | None) -> int | None:
        """Make the annotation of one task, unless it has it; see `accept`."""
        prediction = self._find_prediction(stored, entry) if stored and entry else None
        annotations = stored.annotations if stored else []
        made = next(filter(_is_marked, annotations), None)
        if made is None and (prediction is None or stored is None or stored.is_begun or annotations):
            self._accepted.remove(self._project_id, [task.task_id])
            return None
        if made is None and prediction is not None:
            made = self._make(task, prediction)
        assert made is not None
        review = made.read(self._config, project_id=self._project_id, task_id=task.task_id)
        if not self._accepted.fill_in(self._project_id, task, review.id, review.created_at):
            self._client.delete_annotation(review.id)  # undone meanwhile
            return None
        return review.id

    def _make(self, task: AcceptedTask, prediction: StoredPrediction) -> Annotation:
        unique_id = str(uuid.uuid5(NAMESPACE, f"{self._project_id}:{task.token}:{task.task_id}"))
        try:
            return self._client.create_annotation(
                task.task_id,
                result=[dict(item) for item in prediction.result],
                unique_id=unique_id,
                parent_prediction=prediction.id,
                import_id=ACCEPT_MARK,
                is_skipped=False,
                **self._annotator,
            )
        except Refused as error:
            if error.status != 409:
                raise
        made = self._client.annotation_of(self._project_id, task.task_id, unique_id)
        if made is None:
            raise PayloadError(f"task {task.task_id}", "one annotation", f"another with the unique id {unique_id}")
        return made

    def _find_prediction(self, stored: StoredTask, entry: LoggedPrediction) -> StoredPrediction | None:
        """Return Label Studio's prediction if it is the logged one, of the same image."""
        image = identify_image(stored.data, self._image_key)
        if image is None or (entry.image and image != entry.image):
            return None
        for prediction in stored.predictions_of(entry.version):
            reading = prediction.read(self._config, task_id=entry.task_id)
            if not reading.unread and _is_same(reading.regions, entry.regions):
                return prediction
        return None


def _is_marked(annotation: Annotation) -> bool:
    return annotation.import_id == ACCEPT_MARK


def _is_untouched(annotation: Annotation, config: LabelConfig, task_id: int, entry: LoggedPrediction | None) -> bool:
    """Whether an accepted annotation is as it was made; not if its prediction is unknown."""
    review = annotation.read(config, task_id=task_id, project_id=annotation.project_id or 1)
    is_as_made = review.is_unseen and not (review.is_skipped or review.is_ground_truth or review.unread)
    return is_as_made and entry is not None and _is_same(review.regions, entry.regions)


def _is_same(regions: Sequence[Region], others: Sequence[Region]) -> bool:
    """Whether two lists have the same boxes with the same ids and labels, in any order."""
    by_id = {region.id: region for region in others}
    return len(regions) == len(others) and all(
        (other := by_id.get(region.id)) is not None
        and other.label == region.label
        and (other.shape, other.rotation) == (region.shape, region.rotation)
        and region.box.is_close_to(other.box, SAME_PLACE)
        for region in regions
    )


def _check_version(rates: RatesRoom, project_id: int, task: AcceptedTask) -> None:
    champion = rates.reviews.registry.versions.champion(project_id)
    if champion is None or champion.name != task.version:
        raise StalePlan(
            f"the token {task.token} belongs to {task.version}, which serves no more; "
            f"`loop accept --project {project_id} --undo` takes back what is accepted"
        )


def _describe(plan: AcceptPlan) -> dict[str, object]:
    """Return the facts for the audit trail."""
    names = ("token", "version", "error", "boxes", "audited", "wrong", "judged")
    return {"tasks": len(plan.tasks), **{name: getattr(plan, name) for name in names}}
