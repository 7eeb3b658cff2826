"""Gives labels from elsewhere to tasks that exist: finds the task of each image by its name, and uploads nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from loop.errors import ImageError, Refused
from loop.imports.foreign import ForeignImage, ShownSize
from loop.imports.formats import LookedThrough
from loop.imports.image_folder import explain_choice
from loop.imports.labels import are_same, digest, log_predictions, read_labels, score_of
from loop.imports.name_index import Likeness, NameIndex, split_name
from loop.imports.outcome import ImageNote, ImportedImage, ImportPlan
from loop.imports.upload import batches, read_size
from loop.label_studio.imports.tasks import IMPORTED, LabelKind
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.payloads import IMPORT_MARK
from loop.label_studio.prediction_import import NewPrediction
from loop.label_studio.result_format import write_result
from loop.label_studio.tasks import StoredTask
from loop.regions import Region
from loop.registry.follow import show_imported
from loop.reviews.room import ReviewsRoom
from loop.vision.addresses import file_paths, original_name, stored_name
from loop.vision.images import ImageLimits

NAMESPACE = uuid.UUID("0d8a7d0e-52a5-5a0e-8a51-6a0f0f4a7b10")  # of the `unique_id` of an imported annotation


@dataclass(frozen=True, slots=True)
class _Labelled:
    """The task of an image with its new regions; *outcome* is what becomes of the image."""

    task: StoredTask
    regions: list[Region]
    size: ShownSize
    outcome: ImportedImage

    @property
    def is_new(self) -> bool:
        """Whether the task lacks them."""
        return self.outcome.note is ImageNote.IMPORTED


def label_tasks(
    reviews: ReviewsRoom, project_id: int, found: LookedThrough, plan: ImportPlan, limits: ImageLimits
) -> Iterator[ImportedImage]:
    """
    Give the tasks of a project the labels of the images that they show; yield what became of each image.

    A task that has a review keeps it. Done twice changes nothing.
    """
    labeller = _Labeller(reviews, project_id, plan, limits, found.dataset.read())
    is_shown = False
    for batch in batches(found.dataset.read()):
        outcomes = labeller.do(batch)
        is_shown |= any(not outcome.is_left_out for outcome in outcomes)
        yield from outcomes
    if plan.kind is LabelKind.PREDICTIONS and is_shown:
        show_imported(reviews.registry, project_id)


class _Labeller:
    """One import of labels into the tasks of a project."""

    def __init__(
        self,
        reviews: ReviewsRoom,
        project_id: int,
        plan: ImportPlan,
        limits: ImageLimits,
        images: Iterable[ForeignImage],
    ) -> None:
        self._reviews, self._client, self._project_id = reviews, reviews.studio.client, project_id
        self._plan, self._limits = plan, limits
        self._config: LabelConfig = reviews.studio.projects.get(project_id).config()
        self._tasks = NameIndex(self._list_names())
        self._claims = self._list_claims(images)
        self._taken: dict[int, str] = {}

    def do(self, images: Sequence[ForeignImage]) -> list[ImportedImage]:
        """Label the tasks of some images; return what became of each, in order."""
        found = [self._find(image) for image in images]
        tasks = self._client.named_tasks(self._project_id, [task for task in found if isinstance(task, int)])
        results = [
            self._look_at(image, tasks.get(task)) if isinstance(task, int) else task
            for image, task in zip(images, found, strict=True)
        ]
        labelled = [result for result in results if isinstance(result, _Labelled)]
        self._plan.keep({one.task.id: one.outcome.name for one in labelled})  # before a training may see the reviews
        if self._plan.kind is LabelKind.PREDICTIONS:
            self._predict(labelled)
        else:
            for one in labelled:
                self._review(one)
        return [one.outcome if isinstance(one, _Labelled) else one for one in results]

    def _list_names(self) -> Iterator[tuple[Sequence[str], int]]:
        """Yield each task's id by the paths of its image; an upload also by its name from before."""
        for task in self._client.all_outlines(self._project_id):
            address = task.data.get(self._config.image_key)
            for parts in file_paths(address.strip()) if isinstance(address, str) else ():
                yield parts, task.id
                if original := original_name(parts):
                    yield (original,), task.id

    def _list_claims(self, images: Iterable[ForeignImage]) -> dict[int, tuple[Likeness, list[str]]]:
        """Return the names of the images that a task is most like, by task: at most one of several can be its own."""
        claims: dict[int, tuple[Likeness, list[str]]] = {}
        for image in images:
            likeness, ids = self._match(image)
            for task_id in ids:
                most, names = claims.get(task_id, (likeness, []))
                if likeness > most:
                    claims[task_id] = (likeness, [image.name])
                elif likeness == most:
                    claims[task_id] = (most, list(dict.fromkeys((*names, image.name))))
        return claims

    def _match(self, image: ForeignImage) -> tuple[Likeness, list[int]]:
        """Return the ids of the tasks that may show an image, and how much their paths are like its own."""
        parts, by_stem = split_name(image.name), image.path is None
        if not parts:
            return (False, 0), []
        likeness, ids = self._tasks.match(parts, by_stem=by_stem)
        if not ids:
            likeness, ids = self._tasks.match((stored_name(parts[-1]),), by_stem=by_stem)
        return likeness, sorted(set(ids))

    def _find(self, image: ForeignImage) -> int | ImportedImage:
        """Return the id of the task that shows an image, or why there is none."""
        _, distinct = self._match(image)
        if len(distinct) != 1:
            why = explain_choice([f"task {task_id}" for task_id in distinct]) if distinct else "no task of this name"
            return ImportedImage(image.name, ImageNote.NO_TASK, why)
        _, names = self._claims.get(distinct[0], (None, [image.name]))
        if names != [image.name]:
            why = explain_choice(names) if len(names) > 1 else f"it is {names[0]}"
            return ImportedImage(image.name, ImageNote.NO_TASK, f"task {distinct[0]}: {why}")
        if other := self._taken.get(distinct[0]):
            return ImportedImage(image.name, ImageNote.TWICE, f"task {distinct[0]} has the labels of {other}")
        self._taken[distinct[0]] = image.name
        return distinct[0]

    def _look_at(self, image: ForeignImage, task: StoredTask | None) -> _Labelled | ImportedImage:
        """Return the regions for a task, or why it gets none."""
        if task is None:
            return ImportedImage(image.name, ImageNote.NO_TASK, "its task was deleted meanwhile")
        if not image.is_labelled:
            return ImportedImage(image.name, ImageNote.NO_LABELS, f"task {task.id}")
        size = self._read_size(image, task)
        if isinstance(size, ImageError):
            return ImportedImage(image.name, ImageNote.BROKEN, str(size))
        read = read_labels(image, size, self._plan, f"{self._project_id}:{task.id}")
        if isinstance(read, ImportedImage):
            return read
        outcome = ImportedImage(image.name, ImageNote.IMPORTED, boxes=len(read.regions), notes=read.notes)
        return self._compare(_Labelled(task, read.regions, size, outcome))

    def _compare(self, labelled: _Labelled) -> _Labelled | ImportedImage:
        """Compare labels with those that the task has; return the outcome in place of labels that it may not get."""
        task, name, where = labelled.task, labelled.outcome.name, f"task {labelled.task.id}"
        before = self._read_before(task)
        if before is None:
            is_reviewed = self._plan.kind is LabelKind.REVIEWS and task.annotations
            return ImportedImage(name, ImageNote.REVIEWED, where) if is_reviewed else labelled
        if not are_same(before, labelled.regions):
            return ImportedImage(name, ImageNote.CHANGED, where)
        return replace(labelled, outcome=ImportedImage(name, ImageNote.KNOWN, where))

    def _read_before(self, task: StoredTask) -> Sequence[Region] | None:
        """Return the regions that an import gave a task before; None if none did."""
        if self._plan.kind is LabelKind.PREDICTIONS:
            predictions = task.predictions_of(IMPORTED)
            return predictions[0].read(self._config, task_id=task.id).regions if predictions else None
        own = [annotation for annotation in task.annotations if annotation.import_id == IMPORT_MARK]
        return own[0].read(self._config, project_id=self._project_id, task_id=task.id).regions if own else None

    def _review(self, labelled: _Labelled) -> None:
        if not labelled.is_new:
            return
        task, size = labelled.task, (labelled.size.width, labelled.size.height)
        try:
            self._client.create_annotation(
                task.id,
                result=write_result(labelled.regions, self._config, size),
                unique_id=str(uuid.uuid5(NAMESPACE, f"{self._project_id}:{task.id}:{digest(labelled.regions)}")),
                import_id=IMPORT_MARK,
            )
        except Refused as error:
            if error.status != 409:  # another run made it meanwhile
                raise

    def _predict(self, labelled: Sequence[_Labelled]) -> None:
        new = [
            NewPrediction(
                one.task.id,
                IMPORTED,
                score_of(one.regions),
                write_result(one.regions, self._config, (one.size.width, one.size.height)),
            )
            for one in labelled
            if one.is_new
        ]
        addresses = {one.task.id: (str(one.task.data.get(self._config.image_key)), one.regions) for one in labelled}
        log_predictions(self._reviews.predictions, self._project_id, addresses)
        if new:
            self._client.store_predictions(self._project_id, new)

    def _read_size(self, image: ForeignImage, task: StoredTask) -> ShownSize | ImageError:
        """Return the size of an image: by its file, as a region of the task or the dataset tells, or by the task."""
        if image.path is not None:
            return read_size(image.path, self._limits)
        if known := task.image_size():
            return ShownSize(*known)
        if image.frame and image.frame != (1.0, 1.0):
            return ShownSize(int(image.frame[0]), int(image.frame[1]))
        read_task = task.read(self._config.image_key)
        (shape,) = self._reviews.vision.images.map(lambda _, pixels: pixels.shape[1::-1], [read_task])
        return shape if isinstance(shape, ImageError) else ShownSize(int(shape[0]), int(shape[1]))
