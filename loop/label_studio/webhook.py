"""The events of Label Studio's webhook: their names, their headers, and their content. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loop.errors import LoopError, PayloadError
from loop.label_studio.annotations import Annotation
from loop.label_studio.label_config import parse
from loop.label_studio.payloads import ANNOTATION_FIELDS
from loop.label_studio.tasks import StoredTask, stored_tasks
from loop.storage.storable import is_id, is_text

Json = Mapping[str, Any]
CREATED = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED")
ANNOTATIONS_DELETED, TASKS_DELETED = "ANNOTATIONS_DELETED", "TASKS_DELETED"
TASKS_CREATED, PROJECT_UPDATED = "TASKS_CREATED", "PROJECT_UPDATED"
ACTIONS = [*CREATED, ANNOTATIONS_DELETED, TASKS_CREATED, TASKS_DELETED, PROJECT_UPDATED]  # the events of our webhook
START_TRAINING = "START_TRAINING"  # the button in Label Studio; the event goes to the ML backend, not to the webhook
SECRET_HEADER, PROJECT_HEADER = "X-Loop-Secret", "X-Loop-Project"

Fields = Mapping[str, Any] | None  # the fields that are kept, each with those in it; None keeps the whole value
_TASK = {"id": None, "data": None}
_CREATED: Mapping[str, Fields] = {"annotation": ANNOTATION_FIELDS, "task": _TASK}
FIELDS: Mapping[str, Mapping[str, Fields]] = {  # by action
    **dict.fromkeys(CREATED, _CREATED),
    ANNOTATIONS_DELETED: {"annotations": {"id": None}},
    TASKS_DELETED: {"tasks": {"id": None}},
    PROJECT_UPDATED: {"project": dict.fromkeys(("id", "title", "label_config", "maximum_annotations"))},
    START_TRAINING: {"arrived_at": None},
}


@dataclass(frozen=True, slots=True)
class DeletedObjects:
    """The ids that an event of a deletion names, and those of its objects that have no readable id."""

    ids: tuple[int, ...]
    unreadable: tuple[object, ...]


def keep_used(action: str, payload: Json) -> dict[str, Any]:
    """
    Return an event with the fields that are read of it, and nothing else; their values stay as they are.

    Of an unknown action, nothing is read but its name.
    """
    fields = FIELDS.get(action, {})
    used = {key: _cut(payload[key], inner) for key, inner in fields.items() if key in payload}
    return {"action": action, **used}


def _cut(value: object, fields: Fields) -> object:
    """Keep some fields of a JSON object, or of each object of a list; None keeps all."""
    if fields is None:
        return value
    if isinstance(value, list):
        return [_cut(item, fields) for item in value]
    if isinstance(value, Mapping):
        return {key: _cut(value[key], inner) for key, inner in fields.items() if key in value}
    return value


def read_annotations(payload: Json) -> list[tuple[Annotation, StoredTask]]:
    """
    Read the annotations of an event, each with its task; without one, with a task without fields.

    An event of a bulk action has lists under the same singular keys. Raises PayloadError.
    """
    annotation, task = payload.get("annotation"), payload.get("task")
    if isinstance(annotation, Mapping):
        return [(Annotation(annotation), StoredTask(task))]
    if not isinstance(annotation, list):
        raise PayloadError("annotation", "an annotation or a list of them", annotation)
    tasks = {task.id: task for task in stored_tasks(task)}
    return [(item, tasks.get(item.task_id or 0, StoredTask({}))) for item in map(Annotation, annotation)]


def read_deleted(payload: Json, kind: str) -> DeletedObjects:
    """Read which objects of a *kind*, `annotation` or `task`, an event says are deleted. Raises PayloadError."""
    deleted = payload.get(f"{kind}s")
    if not isinstance(deleted, list):
        raise PayloadError(f"{kind}s", "a list of objects with an id", deleted)
    ids = [item.get("id") if isinstance(item, Mapping) else None for item in deleted]
    unreadable = [item for item, object_id in zip(deleted, ids, strict=True) if not is_id(object_id)]
    return DeletedObjects(tuple(object_id for object_id in ids if is_id(object_id)), tuple(unreadable))


def asks_for_several(payload: Json) -> bool:
    """Tell whether a changed project asks for several annotations of a task."""
    project = payload.get("project")
    asked = project.get("maximum_annotations") if isinstance(project, Mapping) else None
    return isinstance(asked, int) and asked > 1


def read_project_update(payload: Json, project_id: int) -> tuple[str, str]:
    """Read the title and the label config of a changed project. Raises PayloadError."""
    project = payload.get("project")
    if not isinstance(project, Mapping) or project.get("id") != project_id:
        raise PayloadError("project", f"the project {project_id}", project)
    label_config, title = project.get("label_config") or "", project.get("title") or ""
    try:
        parse(label_config)
    except LoopError as error:
        raise PayloadError("project label_config", "one that can be predicted for", str(error)) from error
    if not (is_text(title) and is_text(label_config)):
        raise PayloadError("project title", "text", title)
    return title, label_config
