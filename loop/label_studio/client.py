"""The requests to Label Studio's API that the loop needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from loop.errors import UpstreamError
from loop.label_studio import prediction_import
from loop.label_studio.connection import Connection, Json
from loop.label_studio.payloads import tasks_with_ids
from loop.label_studio.token import Token, read_token
from loop.label_studio.views import IS_OPEN, Condition, filters

PAGE = 200  # tasks a request
FEW = 50  # tasks a request, if they must be worked on before they change
SELECTED = 100  # tasks named in one address
ONCE = {"max_retries": 0}  # a write is not repeated by itself: the caller can find out whether it was done


class LabelStudio(Connection):
    """A connected Label Studio."""

    def answers(self) -> bool:
        """Whether Label Studio answers and accepts our key."""
        try:
            self._ask("GET", "api/version", request_options={"max_retries": 0, "timeout_in_seconds": 3})
            self._ask("GET", "api/projects/", params={"page_size": 1})
        except UpstreamError:
            return False
        return True

    def token(self) -> Token:
        """Return the kind of our key, without the key itself."""
        return read_token(self._api_key, datetime.now(UTC))

    def get(self, path: str, **params: Any) -> Any:
        """Return the answer of a path, asked once; for the doctor, which checks more than the loop uses."""
        return self._ask("GET", path, params=params, request_options={"max_retries": 0})

    def project(self, project_id: int) -> Json:
        """Return one project. Raises Refused if it does not exist."""
        return self._ask("GET", f"api/projects/{project_id}/")

    def update_project(self, project_id: int, **fields: Any) -> Json:
        """Change fields of a project."""
        return self._ask("PATCH", f"api/projects/{project_id}/", json=fields)

    def validate_config(self, project_id: int, label_config: str) -> None:
        """Check a label config against a project and its annotations. Raises Refused if they do not fit."""
        self._ask("POST", f"api/projects/{project_id}/validate/", json={"label_config": label_config})

    def now(self) -> datetime:
        """Return the time of Label Studio's clock, to the second."""
        return parsedate_to_datetime(self._answer("GET", "api/version").headers["Date"])

    def open_tasks(self, project_id: int) -> Iterator[Json]:
        """Yield every task with fewer annotations than the project asks for, with its predictions, by id."""
        return self._tasks(project_id, IS_OPEN)

    def untouched_tasks(self, project_id: int) -> Iterator[Json]:
        """Yield every open task with several predictions but no annotation, skip or draft, by id, in small pages."""
        counts = [
            ("total_annotations", "equal", 0),
            ("cancelled_annotations", "equal", 0),
            ("total_predictions", "greater", 1),
        ]
        is_wanted: list[Condition] = [(column, operator, "Number", value) for column, operator, value in counts]
        return self._tasks(project_id, IS_OPEN, *is_wanted, ("draft_exists", "equal", "Boolean", False), page_size=FEW)

    def tasks_since(self, project_id: int, moment: datetime | None) -> Iterator[Json]:
        """Yield every task changed after *moment*, or ever reviewed, with annotations and predictions, by id."""
        if moment is None:
            return self._tasks(project_id, ("total_annotations", "greater", "Number", 0))
        text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # any other form is a 500
        return self._tasks(project_id, ("updated_at", "greater", "Datetime", text))

    def named_tasks(self, project_id: int, task_ids: Sequence[int]) -> dict[int, Json]:
        """Return the tasks that the project has, with annotations and predictions, by id."""
        tasks: dict[int, Json] = {}
        for start in range(0, len(task_ids), SELECTED):
            selected = {"all": False, "included": list(task_ids[start : start + SELECTED])}
            params = {"project": project_id, "fields": "all", "page_size": SELECTED}
            query = json.dumps({"selectedItems": selected, "ordering": ["tasks:id"]})
            page = self._ask("GET", "api/tasks/", params={**params, "query": query}).get("tasks")
            tasks |= {task["id"]: task for task in tasks_with_ids(page)}
        return tasks

    def count_open(self, project_id: int, version: str | None = None) -> int:
        """Count the open tasks, or those of them with a stored prediction of a version."""
        of_version = [("predictions_model_versions", "contains", "List", [version])] if version else []
        query = json.dumps({"filters": filters(IS_OPEN, *of_version)})
        return int(self.get("api/tasks/", project=project_id, page_size=1, fields="task_only", query=query)["total"])

    def task_ids(self, project_id: int) -> set[int]:
        """Return the ids of all tasks."""
        return {task["id"] for task in self._tasks(project_id, fields="task_only")}

    def _tasks(
        self, project_id: int, *conditions: Condition, fields: str = "all", page_size: int = PAGE
    ) -> Iterator[Json]:
        """Yield tasks page by page, by the last id: page numbers would shift if tasks change meanwhile."""
        params = {"project": project_id, "fields": fields, "page_size": page_size}
        last_id = 0
        while True:
            query = {"ordering": ["tasks:id"], "filters": filters(*conditions, ("id", "greater", "Number", last_id))}
            page = self._ask("GET", "api/tasks/", params={**params, "query": json.dumps(query)}).get("tasks")
            tasks = tasks_with_ids(page)
            yield from tasks
            if not isinstance(page, list) or (page and not tasks):
                raise UpstreamError(f"{self.url} answered api/tasks/ with something else than tasks")
            if len(page) < page_size:
                return
            last_id = max(task["id"] for task in tasks)

    def store_predictions(self, project_id: int, predictions: Sequence[Mapping[str, Any]]) -> int:
        """Add predictions; return how many were stored. Raises NotStored, after all that fit are stored."""
        return prediction_import.store(self, project_id, predictions)

    def import_predictions(self, project_id: int, rows: Sequence[Mapping[str, Any]]) -> int:
        """Add predictions in one request; return how many were created: unfit ones are left out."""
        answer = self._ask("POST", f"api/projects/{project_id}/import/predictions", json=list(rows))
        return int(answer.get("created", 0))

    def prediction(self, prediction_id: int) -> Json:
        """Return one stored prediction. Raises Refused if it does not exist."""
        return self._ask("GET", f"api/predictions/{prediction_id}/")

    def delete_prediction(self, prediction_id: int) -> None:
        """Remove a stored prediction."""
        self._ask("DELETE", f"api/predictions/{prediction_id}/")

    def update_prediction(self, prediction_id: int, **fields: Any) -> Json:
        """Change fields of a stored prediction; some installations refuse a result without `project`."""
        return self._ask("PATCH", f"api/predictions/{prediction_id}/", json=fields)

    def annotation(self, annotation_id: int) -> Json:
        """Return one annotation. Raises Refused with 404 if it does not exist."""
        return self._ask("GET", f"api/annotations/{annotation_id}/")

    def create_annotation(self, task_id: int, fields: Mapping[str, Any]) -> Json:
        """Add an annotation to a task. Raises Refused with 409 if its `unique_id` exists already."""
        return self._ask("POST", f"api/tasks/{task_id}/annotations/", json=dict(fields), request_options=ONCE)

    def update_annotation(self, annotation_id: int, fields: Mapping[str, Any]) -> Json:
        """Change fields of an annotation."""
        return self._ask("PATCH", f"api/annotations/{annotation_id}/", json=dict(fields), request_options=ONCE)

    def delete_annotation(self, annotation_id: int) -> None:
        """Remove an annotation."""
        self._ask("DELETE", f"api/annotations/{annotation_id}/", request_options=ONCE)

    def annotation_of(self, project_id: int, task_id: int, unique_id: str) -> Json | None:
        """Return the annotation of a task with that `unique_id`, if any: only exports have the field."""
        params = {"exportType": "JSON", "ids[]": [task_id]}
        tasks: Any = self._ask("GET", f"api/projects/{project_id}/export", params=params)
        annotations = (annotation for task in tasks for annotation in task.get("annotations") or [])
        return next((annotation for annotation in annotations if annotation.get("unique_id") == unique_id), None)

    def webhooks(self, project_id: int) -> list[Json]:
        """Return the webhooks of a project."""
        return self._list("api/webhooks/", project_id)

    def create_webhook(self, **fields: Any) -> Json:
        """Add a webhook."""
        return self._ask("POST", "api/webhooks/", json=fields)

    def update_webhook(self, webhook_id: int, **fields: Any) -> Json:
        """Change a webhook."""
        return self._ask("PATCH", f"api/webhooks/{webhook_id}/", json=fields)

    def delete_webhook(self, webhook_id: int) -> None:
        """Remove a webhook."""
        self._ask("DELETE", f"api/webhooks/{webhook_id}/")

    def backends(self, project_id: int) -> list[Json]:
        """Return the ML backends of a project."""
        return self._list("api/ml/", project_id)

    def create_backend(self, **fields: Any) -> Json:
        """Add an ML backend; Label Studio calls its /health and /setup before it answers."""
        return self._ask("POST", "api/ml/", json=fields)

    def views(self, project_id: int) -> list[Json]:
        """Return the views (tabs) of a project's Data Manager."""
        return self._list("api/dm/views/", project_id)

    def create_view(self, project_id: int, data: Mapping[str, Any]) -> Json:
        """Add a view."""
        return self._ask("POST", "api/dm/views/", json={"project": project_id, "data": dict(data)})

    def update_view(self, view_id: int, project_id: int, data: Mapping[str, Any]) -> Json:
        """Change a view."""
        return self._ask("PATCH", f"api/dm/views/{view_id}/", json={"project": project_id, "data": dict(data)})

    def delete_view(self, view_id: int) -> None:
        """Remove a view."""
        self._ask("DELETE", f"api/dm/views/{view_id}/")

    def _list(self, path: str, project_id: int) -> list[Json]:
        answer: Any = self._ask("GET", path, params={"project": project_id})
        return list(answer)
