"""Makes tasks of images with labels from elsewhere: uploads, imports and, for predictions, the log of what is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loop.imports.foreign import BoxNote
from loop.imports.labels import log_predictions, score_of
from loop.imports.outcome import ImportPlan
from loop.imports.upload import ReadFile
from loop.label_studio.imports.tasks import ImportMark, LabelKind, MarkedTask, NewTask, Upload
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.result_format import write_result
from loop.regions import Region
from loop.reviews.room import ReviewsRoom


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """An image with its labels, ready to be imported; *regions* is None where nobody has labelled it."""

    name: str
    file: ReadFile
    regions: list[Region] | None
    notes: Counter[BoxNote]
    mark: ImportMark


class TaskMaker:
    """Makes the tasks of one import into a project."""

    def __init__(self, reviews: ReviewsRoom, project_id: int, plan: ImportPlan, config: LabelConfig) -> None:
        self._client, self._log, self._config = reviews.studio.client, reviews.predictions, config
        self._project_id, self._plan = project_id, plan

    def make(self, files: Sequence[LabelledFile]) -> None:
        """Upload images, and make a task of each, all or none."""
        if not files:
            return
        contents = [(labelled.file.name, labelled.file.content) for labelled in files]
        uploads = self._client.upload_files(self._project_id, contents)
        tasks = [self._write_task(labelled, upload) for labelled, upload in zip(files, uploads, strict=True)]
        ids = self._client.import_tasks(self._project_id, tasks)
        addresses = (upload.address for upload in uploads)
        self._record(dict(zip(ids, zip(addresses, files, strict=True), strict=True)))

    def complete(self, known: Sequence[tuple[MarkedTask, LabelledFile]]) -> None:
        """Record the tasks that an earlier run made, and did not record because it was killed."""
        by_id = {task.id: (str(task.data.get(self._config.image_key)), labelled) for task, labelled in known}
        self._record(by_id)

    def _write_task(self, labelled: LabelledFile, upload: Upload) -> NewTask:
        size, regions = (labelled.file.size.width, labelled.file.size.height), labelled.regions
        result = None if regions is None else write_result(regions, self._config, size)
        data = {self._config.image_key: upload.address}
        return NewTask(data, labelled.mark, upload.id, result, score_of(regions or ()))

    def _record(self, made: Mapping[int, tuple[str, LabelledFile]]) -> None:
        """Keep the sides of tasks, and log imported predictions, by which reviews are judged, unless it is done."""
        self._plan.keep({task_id: labelled.name for task_id, (_, labelled) in made.items()})
        predicted = {
            task_id: (address, labelled.regions)
            for task_id, (address, labelled) in made.items()
            if self._plan.kind is LabelKind.PREDICTIONS and labelled.regions is not None
        }
        log_predictions(self._log, self._project_id, predicted)
