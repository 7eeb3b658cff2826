"""Tasks with their predictions as Label Studio has them; other rooms never read their JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from loop.errors import PayloadError
from loop.label_studio.annotations import Annotation, image_size, objects, readable_id
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.payloads import ReadPrediction, Review, Task, read_prediction, read_task
from loop.label_studio.shapes import number
from loop.storage.storable import LARGEST_ID

Json = Mapping[str, Any]
LONGEST_LIST = 300  # characters of versions in an outline; Label Studio cuts them at 500, and then removes quotes


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """A prediction that Label Studio stores; its content is read on demand."""

    _json: Json

    @property
    def id(self) -> int | None:
        """Its id; None if it has no readable id."""
        return readable_id(self._json, "id")

    @property
    def version(self) -> str:
        """The version that made it; empty if it does not say."""
        version = self._json.get("model_version")
        return version if isinstance(version, str) else ""

    @property
    def score(self) -> float:
        """Its score; 0 without one."""
        return number(self._json.get("score")) or 0.0

    @property
    def group(self) -> object:
        """The group of its task (`cluster`), which spreads the queue."""
        return self._json.get("cluster")

    @property
    def result(self) -> list[Json]:
        """Its regions in Label Studio's form, without items that are no JSON objects."""
        return objects(self._json.get("result"))

    @property
    def is_readable(self) -> bool:
        """Whether it has a result, and every item is a JSON object."""
        result = self._json.get("result")
        return isinstance(result, list) and bool(result) and len(result) == len(self.result)

    @property
    def is_empty(self) -> bool:
        """Whether it holds no result at all."""
        return not self._json.get("result")

    def read(self, config: LabelConfig, *, task_id: object = None, prediction_id: int | None = None) -> ReadPrediction:
        """Read its regions, see `read_prediction`. Raises PayloadError."""
        return read_prediction(self._json, config, task_id=task_id, prediction_id=prediction_id)


class PredictionChanges(TypedDict, total=False):
    """Fields of a stored prediction to change."""

    group: int | None
    result: list[dict[str, Any]]
    score: float | None
    task_id: int
    project_id: int


@dataclass(frozen=True, slots=True)
class StoredTask:
    """A task that Label Studio stores or sends; its content is read on demand."""

    _json: object

    @property
    def id(self) -> int:
        """Its id; 0 if it has no readable id."""
        return readable_id(self._fields, "id") or 0

    @property
    def project(self) -> object:
        """The project that it names, if any."""
        return self._fields.get("project")

    @property
    def data(self) -> Json:
        """Its data, which the user has imported; empty if it has none."""
        data = self._fields.get("data")
        return data if isinstance(data, Mapping) else {}

    @property
    def meta(self) -> Json:
        """Data that came with it beside its `data`, and that Label Studio shows nowhere; empty if it has none."""
        meta = self._fields.get("meta")
        return meta if isinstance(meta, Mapping) else {}

    @property
    def is_counted(self) -> bool:
        """Whether the counts of its outline name an annotation or a skip."""
        return any((self._fields.get("total_annotations"), self._fields.get("cancelled_annotations")))

    @property
    def counted_annotations(self) -> int:
        """How many annotations its outline counts, without skips."""
        return int(self._fields.get("total_annotations") or 0)

    @property
    def is_labeled(self) -> bool:
        """Whether it has as many annotations as the project asks for."""
        return bool(self._fields.get("is_labeled"))

    @property
    def is_begun(self) -> bool:
        """Whether it has an annotation, a skip or anybody's draft; a task without these fields counts as begun."""
        fields = self._fields
        counts = (fields.get("total_annotations", 1), fields.get("cancelled_annotations", 1))
        return any((*counts, fields.get("draft_exists", True), fields.get("annotations"), fields.get("drafts")))

    @property
    def has_draft(self) -> bool:
        """Whether somebody has a draft of it, as far as it tells."""
        return bool(self._fields.get("drafts"))

    @property
    def is_annotated(self) -> bool:
        """
        Whether it has an annotation or a skip; an outline tells it as well, and a task that tells nothing counts.

        The ids of an outline are empty too where Label Studio did not compute them; then its counts tell.
        """
        fields = self._fields
        if "annotations" in fields:
            return bool(fields["annotations"])
        counts = (fields.get("total_annotations"), fields.get("cancelled_annotations"))
        return any((fields.get("annotations_ids", True), *counts))

    @property
    def predictions(self) -> list[StoredPrediction]:
        """Its predictions that are JSON objects."""
        return [StoredPrediction(prediction) for prediction in objects(self._fields.get("predictions"))]

    @property
    def annotations(self) -> list[Annotation]:
        """Its annotations, whatever they are. Raises PayloadError if it has something else than a list of them."""
        annotations = self._fields.get("annotations") or []
        if not isinstance(annotations, list):
            raise PayloadError(f"task {self.id} annotations", "a list of annotations", annotations)
        return [Annotation(annotation) for annotation in annotations]

    @property
    def is_predicted(self) -> bool:
        """Whether it has predictions of any form."""
        return bool(self._fields.get("predictions"))

    @property
    def is_reviewed(self) -> bool:
        """Whether it has an annotation that is no skip."""
        return any(not Annotation(annotation).is_skipped for annotation in objects(self._fields.get("annotations")))

    @property
    def has_ids_alone(self) -> bool:
        """Whether it has only the ids of its predictions, as in Label Studio's own JSON export."""
        ids = self._fields.get("predictions")
        return isinstance(ids, list) and bool(ids) and all(isinstance(item, int) for item in ids)

    def predictions_of(self, version: str) -> list[StoredPrediction]:
        """Return the predictions of a version, whatever others Label Studio stores."""
        return [prediction for prediction in self.predictions if prediction.version == version]

    def image_size(self) -> tuple[int, int] | None:
        """Return width and height of its image in pixels, as a region of it tells; None if none does."""
        annotations = [annotation.get("result") for annotation in objects(self._fields.get("annotations"))]
        results = [*(prediction.result for prediction in self.predictions), *annotations]
        return next(filter(None, map(image_size, results)), None)

    def has(self, version: str) -> bool:
        """Whether Label Studio stores a prediction of a version for it; an outline tells it as well."""
        return bool(self.predictions_of(version)) or f",{_join(version)}," in f",{self._listed_versions},"

    @property
    def is_cut(self) -> bool:
        """Whether it is an outline with more versions than Label Studio names in one."""
        return len(self._listed_versions) >= LONGEST_LIST

    def read(self, image_key: str) -> Task:
        """Read its id and the address of its image under *image_key*. Raises PayloadError."""
        return read_task(self._json, image_key)

    def read_reviews(self, config: LabelConfig) -> list[Review]:
        """Read the annotations of an exported task; one without an id gets its number. Raises PayloadError."""
        if not all(annotation.is_object for annotation in self.annotations):
            expected = "a list of annotations"
            raise PayloadError(f"task {self.id} annotations", expected, self._fields.get("annotations"))
        return [
            annotation.read(config, project_id=self.project or 1, task_id=self.id, annotation_id=number)
            for number, annotation in enumerate(self.annotations, start=1)
        ]

    def read_predictions(self, config: LabelConfig) -> list[ReadPrediction]:
        """Read the predictions of an exported task, oldest first; one without an id gets one. Raises PayloadError."""
        listed = self._fields.get("predictions") or []
        if not isinstance(listed, list) or len(listed) > len(self.predictions):
            raise PayloadError(f"task {self.id} predictions", "a list of predictions in full", listed)
        predictions = [
            prediction.read(config, task_id=self.id, prediction_id=LARGEST_ID - number)
            for number, prediction in enumerate(self.predictions, start=1)
        ]
        return sorted(predictions, key=lambda prediction: prediction.created_at)

    @property
    def _listed_versions(self) -> str:
        """The versions of its predictions as an outline names them, separated by commas."""
        versions = self._fields.get("predictions_model_versions")
        return _join(versions) if isinstance(versions, str) and "predictions" not in self._fields else ""

    @property
    def _fields(self) -> Json:
        return self._json if isinstance(self._json, Mapping) else {}


def _join(versions: str) -> str:
    """Return versions as Label Studio on SQLite joins them: on PostgreSQL a blank follows each comma."""
    return versions.replace(", ", ",")


def stored_tasks(listed: object) -> list[StoredTask]:
    """Return the tasks of a list that have a readable id."""
    return [task for task in map(StoredTask, listed) if task.id] if isinstance(listed, list) else []


def read_tasks(tasks: object) -> list[StoredTask]:
    """Read the tasks of a request to `/predict`, whatever they are. Raises PayloadError if it has no list of them."""
    if not isinstance(tasks, list):
        raise PayloadError("tasks", "a list of tasks", tasks)
    return [StoredTask(task) for task in tasks]


def write_prediction(changes: PredictionChanges) -> dict[str, Any]:
    """Write changes of a stored prediction as the API takes them."""
    names = {"group": "cluster", "task_id": "task", "project_id": "project"}
    return {names.get(name, name): value for name, value in changes.items()}
