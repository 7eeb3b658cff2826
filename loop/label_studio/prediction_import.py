"""Stores all predictions that Label Studio takes, and reports the others with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from loop.errors import NotStored, Refused
from loop.label_studio.states import ProjectState
from loop.label_studio.tasks import StoredTask
from loop.storage.queries import chunked

BATCH = 200  # predictions a request
TOO_MUCH = (400, 413)  # status of a batch that is refused because of one of its predictions, or of its size


@dataclass(frozen=True, slots=True)
class NewPrediction:
    """
    A prediction for Label Studio; *result* has its regions in Label Studio's form.

    A *score* of None shows as no score at all.
    """

    task_id: int
    version: str
    score: float | None
    result: list[dict[str, Any]]

    def as_answer(self) -> dict[str, Any]:
        """Write it as the ML backend's `/predict` answers it."""
        return {"model_version": self.version, "score": self.score, "result": self.result}

    def as_row(self) -> dict[str, Any]:
        """Write it as the API imports it."""
        return {"task": self.task_id, **self.as_answer()}


class Imports(Protocol):
    """The requests to Label Studio that storing needs."""

    def project(self, project_id: int) -> ProjectState:
        """Return one project."""

    def named_tasks(self, project_id: int, task_ids: Sequence[int]) -> Mapping[int, StoredTask]:
        """Return the tasks that exist, with their predictions, by id."""

    def import_predictions(self, project_id: int, predictions: Sequence[NewPrediction]) -> int:
        """Import predictions in one request; return how many were created. Raises Refused."""


def store(client: Imports, project_id: int, predictions: Sequence[NewPrediction]) -> int:
    """
    Store predictions in batches, and return how many; predictions of tasks that are gone are left out.

    Label Studio refuses a whole batch because of one task that is gone, and silently leaves out predictions that do
    not fit the label config. Raises NotStored for the latter, after all others are stored, and UpstreamError.
    """
    stored, refused = 0, dict[int, str]()
    for batch in chunked(predictions, BATCH):
        count, reasons = _store(client, project_id, batch)
        stored += count
        refused |= reasons
    if refused:
        raise NotStored(project_id, refused, stored)
    return stored


def _store(client: Imports, project_id: int, predictions: Sequence[NewPrediction]) -> tuple[int, dict[int, str]]:
    """Store one batch, in parts if it is refused; return how many were stored, and why others were not, by task."""
    if not predictions:
        return 0, {}
    try:
        created = client.import_predictions(project_id, predictions)
    except Refused as error:
        if error.status not in TOO_MUCH:
            raise
        return _store_parts(client, project_id, predictions, error)
    return (created, {}) if created >= len(predictions) else _compare(client, project_id, predictions)


def _store_parts(
    client: Imports, project_id: int, predictions: Sequence[NewPrediction], error: Refused
) -> tuple[int, dict[int, str]]:
    tasks = client.named_tasks(project_id, [prediction.task_id for prediction in predictions])
    existing = [prediction for prediction in predictions if prediction.task_id in tasks]
    if len(existing) < len(predictions):
        return _store(client, project_id, existing)
    if len(predictions) == 1:
        return 0, {predictions[0].task_id: str(error)}
    middle = len(predictions) // 2
    first = _store(client, project_id, predictions[:middle])
    second = _store(client, project_id, predictions[middle:])
    return first[0] + second[0], first[1] | second[1]


def _compare(client: Imports, project_id: int, predictions: Sequence[NewPrediction]) -> tuple[int, dict[int, str]]:
    """Return how many predictions of a batch Label Studio has now, and why the others were left out, by task."""
    tasks = client.named_tasks(project_id, [prediction.task_id for prediction in predictions])
    existing = [prediction for prediction in predictions if prediction.task_id in tasks]
    missing = [prediction for prediction in existing if not tasks[prediction.task_id].has(prediction.version)]
    label_config = client.project(project_id).label_config if missing else ""
    reasons = {prediction.task_id: _find_reason(label_config, prediction) for prediction in missing}
    return len(existing) - len(missing), reasons


def _find_reason(label_config: str, prediction: NewPrediction) -> str:
    """Run Label Studio's own check on a prediction: its answer does not give the reason."""
    from label_studio_sdk.label_interface import LabelInterface

    try:
        errors = LabelInterface(label_config).validate_prediction(prediction.as_row(), return_errors=True)
    except Exception as error:  # noqa: BLE001 (the check cannot read the label config: that is the reason)
        errors = [f"{type(error).__name__}: {error}"]
    return "; ".join(map(str, errors)) if errors else "Label Studio does not say why"
