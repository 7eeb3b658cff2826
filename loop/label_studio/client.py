"""The requests to Label Studio's API that the loop needs; answers come as dataclasses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Unpack

from loop.access.logins import Login
from loop.label_studio import prediction_import
from loop.label_studio.annotations import Annotation, AnnotationChanges, write_annotation
from loop.label_studio.connection import ONCE, Json
from loop.label_studio.imports.tasks import TaskImports
from loop.label_studio.prediction_import import NewPrediction
from loop.label_studio.states import (
    BackendState,
    ProjectChanges,
    ProjectState,
    StorageState,
    WebhookState,
    write_login,
    write_project,
)
from loop.label_studio.tasks import PredictionChanges, StoredPrediction, StoredTask, write_prediction
from loop.label_studio.views import (
    AS_STORED,
    HIDING,
    IS_OPEN,
    IS_UNTOUCHED,
    OUTLINE,
    WHOLE,
    Condition,
    View,
    show_outline,
    write_conditions,
    write_view,
)

PAGE = 200  # whole tasks a request
OUTLINES = 500  # tasks in outline a request; of 1000 with uploaded files, Label Studio on SQLite answers 500
FEW = 50  # tasks a request, if they must be worked on before they change


class LabelStudio(TaskImports):
    """
    A connected Label Studio.

    The outline of a task is without annotations and predictions; it names the ids of the annotations, and the versions
    that predicted it.
    """

    def project(self, project_id: int) -> ProjectState:
        """Return one project. Raises Refused if it does not exist."""
        return ProjectState.of(self._ask("GET", f"api/projects/{project_id}/"))

    def update_project(self, project_id: int, **changes: Unpack[ProjectChanges]) -> None:
        """Change fields of a project."""
        self._ask("PATCH", f"api/projects/{project_id}/", json=write_project(changes))

    def validate_config(self, project_id: int, label_config: str) -> None:
        """Check a label config against a project and its annotations. Raises Refused if they do not fit."""
        self._ask("POST", f"api/projects/{project_id}/validate/", json={"label_config": label_config})

    def open_tasks(self, project_id: int) -> Iterator[StoredTask]:
        """Yield every task with fewer annotations than the project asks for, with its predictions, by id."""
        return self._tasks(project_id, IS_OPEN)

    def open_outlines(self, project_id: int, *, without: str | None = None) -> Iterator[StoredTask]:
        """
        Yield the outline of every task with fewer annotations than the project asks for, by id.

        *without* leaves out the tasks that a version predicted, and those of versions whose names contain its name.
        """
        lacks = [Condition("predictions_model_versions", "not_contains", "List", [without])] if without else []
        return self._outlines(project_id, [IS_OPEN, *lacks], show_outline(OUTLINE))

    def untouched_tasks(self, project_id: int) -> Iterator[StoredTask]:
        """Yield every open task with several predictions but no annotation, skip or draft, by id, in small pages."""
        return self._tasks(project_id, *IS_UNTOUCHED, page_size=FEW)

    def outlines_since(self, project_id: int, moment: datetime | None) -> Iterator[StoredTask]:
        """Yield the outline of every task changed after *moment*, or, without its data, ever reviewed, by id."""
        if moment is None:
            condition = Condition("total_annotations", "greater", "Number", 0)
        else:
            text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # any other form is a 500
            condition = Condition("updated_at", "greater", "Datetime", text)
        columns = tuple(name for name in OUTLINE if moment or name != "data")
        return self._outlines(project_id, [condition], show_outline(columns))

    def named_tasks(self, project_id: int, task_ids: Sequence[int]) -> dict[int, StoredTask]:
        """Return the tasks that the project has, with annotations and predictions, by id."""
        return self._named(project_id, task_ids, WHOLE, {})

    def named_outlines(self, project_id: int, task_ids: Sequence[int]) -> list[StoredTask]:
        """Return the outlines of the tasks that the project has, in the order of *task_ids*."""
        tasks = self._named(project_id, task_ids, show_outline(OUTLINE), HIDING)
        tasks |= self.named_tasks(project_id, [task.id for task in tasks.values() if task.is_cut])
        return [tasks[task_id] for task_id in task_ids if task_id in tasks]

    def task_data(self, task_id: int) -> Mapping[str, object]:
        """Return the data of one task, with the addresses by which a browser gets files. Asked once. Raises Refused."""
        return StoredTask(self._ask("GET", f"api/tasks/{task_id}/", request_options=ONCE)).data

    def first_tasks(self, project_id: int, count: int) -> list[StoredTask]:
        """Return a few tasks, without annotations and predictions; asked once."""
        params = {"project": project_id, "page_size": count, "fields": "task_only", **AS_STORED}
        return [
            StoredTask(task) for task in self._ask("GET", "api/tasks/", params=params, request_options=ONCE)["tasks"]
        ]

    def count_open(self, project_id: int, version: str | None = None) -> int:
        """Count the open tasks, or those of them with a stored prediction of a version."""
        has_version = [Condition("predictions_model_versions", "contains", "List", [version])] if version else []
        query = json.dumps({"filters": write_conditions([IS_OPEN, *has_version])})
        params = {"project": project_id, "page_size": 1, "fields": "task_only", "query": query}
        return int(self._ask("GET", "api/tasks/", params=params, request_options=ONCE)["total"])

    def task_ids(self, project_id: int) -> set[int]:
        """Return the ids of all tasks."""
        options = show_outline(("id",))
        return {task.id for page in self._pages(project_id, (), OUTLINES, options) for task in page}

    def _outlines(
        self, project_id: int, conditions: Sequence[Condition], options: Mapping[str, Any]
    ) -> Iterator[StoredTask]:
        for page in self._pages(project_id, conditions, OUTLINES, options, HIDING):
            whole = self.named_tasks(project_id, [task.id for task in page if task.is_cut])
            yield from (whole.get(task.id, task) for task in page)

    def _tasks(self, project_id: int, *conditions: Condition, page_size: int = PAGE) -> Iterator[StoredTask]:
        for page in self._pages(project_id, conditions, page_size, WHOLE):
            yield from page

    def store_predictions(self, project_id: int, predictions: Sequence[NewPrediction]) -> int:
        """Add predictions; return how many were stored. Raises NotStored, after all that fit are stored."""
        return prediction_import.store(self, project_id, predictions)

    def import_predictions(self, project_id: int, predictions: Sequence[NewPrediction]) -> int:
        """Add predictions in one request; return how many were created: unfit ones are left out."""
        rows = [prediction.as_row() for prediction in predictions]
        answer = self._ask("POST", f"api/projects/{project_id}/import/predictions", json=rows)
        return int(answer.get("created", 0))

    def ask_again(self, task_id: int, overlap: int, *, is_open: bool) -> None:
        """Ask for annotations by so many people for a task, and serve it, or no more. Raises Refused."""
        self._ask("PATCH", f"api/tasks/{task_id}/", json={"overlap": overlap, "is_labeled": not is_open})

    def prediction(self, prediction_id: int) -> StoredPrediction:
        """Return one stored prediction. Raises Refused if it does not exist."""
        return StoredPrediction(self._ask("GET", f"api/predictions/{prediction_id}/"))

    def delete_prediction(self, prediction_id: int) -> bool:
        """Remove a stored prediction; return whether it was there."""
        return self._delete(f"api/predictions/{prediction_id}/")

    def delete_predictions(self, project_id: int, task_ids: Sequence[int]) -> None:
        """Remove all stored predictions of some tasks, whatever version made them, in one request."""
        if task_ids:  # else Label Studio would take all tasks of the project
            params = {"project": project_id, "id": "delete_tasks_predictions"}
            selected = {"selectedItems": {"all": False, "included": list(task_ids)}}
            self._ask("POST", "api/dm/actions/", params=params, json=selected)

    def update_prediction(self, prediction_id: int, **changes: Unpack[PredictionChanges]) -> None:
        """Change fields of a stored prediction; some installations refuse a result without its project."""
        self._ask("PATCH", f"api/predictions/{prediction_id}/", json=write_prediction(changes))

    def annotation(self, annotation_id: int) -> Annotation:
        """Return one annotation. Raises Refused with 404 if it does not exist."""
        return Annotation(self._ask("GET", f"api/annotations/{annotation_id}/"))

    def create_annotation(self, task_id: int, **fields: Unpack[AnnotationChanges]) -> Annotation:
        """Add an annotation to a task. Raises Refused with 409 if its `unique_id` exists already."""
        path, content = f"api/tasks/{task_id}/annotations/", write_annotation(fields)
        return Annotation(self._ask("POST", path, json=content, request_options=ONCE))

    def update_annotation(self, annotation_id: int, **changes: Unpack[AnnotationChanges]) -> Annotation:
        """Change fields of an annotation."""
        path, content = f"api/annotations/{annotation_id}/", write_annotation(changes)
        return Annotation(self._ask("PATCH", path, json=content, request_options=ONCE))

    def delete_annotation(self, annotation_id: int) -> bool:
        """Remove an annotation; return whether it was there."""
        return self._delete(f"api/annotations/{annotation_id}/", request_options=ONCE)

    def annotation_of(self, project_id: int, task_id: int, unique_id: str) -> Annotation | None:
        """Return the annotation of a task with that `unique_id`, if any: only exports have the field."""
        params = {"exportType": "JSON", "ids[]": [task_id]}
        tasks: Any = self._ask("GET", f"api/projects/{project_id}/export", params=params)
        annotations = (annotation for task in tasks for annotation in StoredTask(task).annotations)
        return next((annotation for annotation in annotations if annotation.unique_id == unique_id), None)

    def webhooks(self, project_id: int) -> list[WebhookState]:
        """Return the webhooks of a project."""
        return [WebhookState.of(webhook) for webhook in self._list("api/webhooks/", project_id)]

    def create_webhook(self, **fields: object) -> None:
        """Add a webhook."""
        self._ask("POST", "api/webhooks/", json=fields)

    def update_webhook(self, webhook_id: int, **fields: object) -> None:
        """Change a webhook."""
        self._ask("PATCH", f"api/webhooks/{webhook_id}/", json=fields)

    def delete_webhook(self, webhook_id: int) -> None:
        """Remove a webhook."""
        self._ask("DELETE", f"api/webhooks/{webhook_id}/")

    def backends(self, project_id: int) -> list[BackendState]:
        """Return the ML backends of a project: Label Studio calls each of them to tell its state."""
        return [BackendState.of(backend) for backend in self._list("api/ml/", project_id)]

    def create_backend(self, project_id: int, title: str, url: str, login: Login, *, is_interactive: bool) -> None:
        """
        Add an ML backend, *is_interactive* for click tools too.

        Label Studio calls its /health and /setup before it answers.
        """
        fields = {"project": project_id, "url": url, "title": title, "is_interactive": is_interactive}
        self._ask("POST", "api/ml/", json={**fields, **write_login(login)})

    def update_backend(self, project_id: int, backend: BackendState, login: Login, *, is_interactive: bool) -> None:
        """Change the login that Label Studio sends to an ML backend, and for what; see `create_backend`."""
        fields = {"project": project_id, "url": backend.url, "is_interactive": is_interactive, **write_login(login)}
        self._ask("PATCH", f"api/ml/{backend.id}", json=fields)

    def storages(self, project_id: int) -> list[StorageState]:
        """Return the storages that the tasks of a project come from; asked once."""
        return [StorageState.of(storage) for storage in self._list("api/storages/", project_id, **ONCE)]

    def views(self, project_id: int) -> list[View]:
        """Return the views of a project's Data Manager."""
        return [View.of(view) for view in self._list("api/dm/views/", project_id)]

    def create_view(self, project_id: int, view: View) -> None:
        """Add a view."""
        self._ask("POST", "api/dm/views/", json={"project": project_id, "data": write_view(view)})

    def update_view(self, project_id: int, view: View) -> None:
        """Change a view."""
        self._ask("PATCH", f"api/dm/views/{view.id}/", json={"project": project_id, "data": write_view(view)})

    def delete_view(self, view_id: int) -> bool:
        """Remove a view; return whether it was there."""
        return self._delete(f"api/dm/views/{view_id}/")

    def _list(self, path: str, project_id: int, **options: object) -> list[Json]:
        answer: Any = self._ask("GET", path, params={"project": project_id}, request_options=options)
        return list(answer)
