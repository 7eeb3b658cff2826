"""Imports a dataset into a project: uploads its images, and makes tasks with its labels, in large batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from loop.errors import ImageError
from loop.imports.class_names import ClassNaming, NamedClasses, name_classes
from loop.imports.foreign import ForeignImage
from loop.imports.formats import LookedThrough
from loop.imports.labels import digest, read_labels
from loop.imports.make_tasks import LabelledFile, TaskMaker
from loop.imports.outcome import ImageNote, ImportedImage, ImportPlan
from loop.imports.upload import ReadFile, batches, read_or_error
from loop.label_studio.imports.tasks import ImportMark, LabelKind, MarkedTask
from loop.label_studio.label_config_edit import with_label
from loop.registry.follow import show_imported
from loop.reviews.room import ReviewsRoom
from loop.vision.images import ImageLimits

AT_ONCE = 4  # threads that read and check images


def plan_import(reviews: ReviewsRoom, project_id: int, found: LookedThrough, naming: ClassNaming) -> NamedClasses:
    """
    Return the label of each class of a dataset, and add the labels that the project lacks where *naming* says so.

    A former name of a class of the project means its label. Raises PayloadError for classes without a label, before
    anything is changed, UnknownProject.
    """
    client, known = reviews.studio.client, reviews.studio.projects.get(project_id)
    state = client.project(project_id)
    config = replace(known, label_config=state.label_config).config()
    classes, wanted = name_classes(list(found.boxes), config, naming), state.label_config
    for label in classes.added:
        wanted = with_label(wanted, label)
    if classes.added:
        client.validate_config(project_id, wanted)
        client.update_project(project_id, label_config=wanted)
    why = "labels of an imported dataset" if classes.added else "seen by an import"
    reviews.studio.projects.save(project_id, state.title, wanted, why)
    retired = reviews.studio.classes.book(project_id).labels(()).retired
    return replace(classes, retired=tuple(sorted(retired.intersection(classes.label_of.values()))))


def import_dataset(
    reviews: ReviewsRoom, project_id: int, found: LookedThrough, plan: ImportPlan, limits: ImageLimits
) -> Iterator[ImportedImage]:
    """
    Import the images of a dataset that were not imported before, with their labels; yield what became of each.

    Each batch is made whole or not at all, and an imported task has a mark with the SHA-256 of its image, so that a
    second run goes on where the first one stopped. As a review, an image whose labels cannot be read whole is left out.
    """
    config = reviews.studio.projects.get(project_id).config()
    known = {task.mark.sha256: task for task in reviews.studio.client.marked_tasks(project_id)}
    importer = _Importer(TaskMaker(reviews, project_id, plan, config), plan, known)
    is_shown = False
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for batch in batches(found.dataset.read()):
            files = pool.map(lambda image: read_or_error(image, limits), batch)
            outcomes = importer.do(list(zip(batch, files, strict=True)))
            is_shown |= any(outcome.note in (ImageNote.IMPORTED, ImageNote.KNOWN) for outcome in outcomes)
            yield from outcomes
    if plan.kind is LabelKind.PREDICTIONS and is_shown:
        show_imported(reviews.registry, project_id)


class _Importer:
    """One import into a project."""

    def __init__(self, maker: TaskMaker, plan: ImportPlan, known: Mapping[str, MarkedTask]) -> None:
        self._maker, self._plan = maker, plan
        self._known, self._seen = known, dict[str, str]()

    def do(self, batch: Sequence[tuple[ForeignImage, ReadFile | ImageError | None]]) -> list[ImportedImage]:
        """Import one batch; return what became of each image, in order."""
        outcomes, new = list[ImportedImage](), list[LabelledFile]()
        known = list[tuple[MarkedTask, LabelledFile]]()
        for image, file in batch:
            labelled = self._read(image, file)
            outcome = labelled if isinstance(labelled, ImportedImage) else self._recall(labelled)
            if isinstance(labelled, LabelledFile):
                if outcome is None:
                    new.append(labelled)
                    note = ImageNote.OPEN if labelled.regions is None else ImageNote.IMPORTED
                    boxes = len(labelled.regions or ())
                    outcome = ImportedImage(labelled.name, note, boxes=boxes, notes=labelled.notes)
                elif outcome.note is ImageNote.KNOWN:
                    known.append((self._known[labelled.mark.sha256], labelled))
            assert outcome is not None
            outcomes.append(outcome)
        self._maker.make(new)
        self._maker.complete(known)
        return outcomes

    def _read(self, image: ForeignImage, file: ReadFile | ImageError | None) -> LabelledFile | ImportedImage:
        """Return an image with its labels, or why it is left out."""
        if file is None:
            return ImportedImage(image.name, ImageNote.NO_FILE, image.missing)
        if isinstance(file, ImageError):
            return ImportedImage(image.name, ImageNote.BROKEN, str(file))
        read = read_labels(image, file.size, self._plan, file.sha256)
        if isinstance(read, ImportedImage):
            return read
        labels = digest(read.regions) if image.is_labelled else ""
        mark = ImportMark(file.sha256, self._plan.kind, labels)
        return LabelledFile(image.name, file, read.regions if image.is_labelled else None, read.notes, mark)

    def _recall(self, labelled: LabelledFile) -> ImportedImage | None:
        """Return what became of an image that was met before, in this run or in an earlier one."""
        sha256 = labelled.mark.sha256
        if sha256 in self._seen:
            return ImportedImage(labelled.name, ImageNote.TWICE, self._seen[sha256])
        self._seen[sha256] = labelled.name
        before = self._known.get(sha256)
        if before is None:
            return None
        is_same = (before.mark.kind, before.mark.labels) == (labelled.mark.kind, labelled.mark.labels)
        return ImportedImage(labelled.name, ImageNote.KNOWN if is_same else ImageNote.CHANGED, f"task {before.id}")
