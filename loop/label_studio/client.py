"""Label Studio's API: what we ask of it and nothing more."""

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
FEW = 50  # where they are to be worked on before anything about them changes
SELECTED = 100  # tasks named in an address
ONCE = {"max_retries": 0}  # what writes is not sent again by itself: the caller knows how to find out what was done


class LabelStudio(Connection):
    """A connected Label Studio."""

    def answers(self) -> bool:
        """Whether it is there and takes our key."""
        try:
            self._ask("GET", "api/version", request_options={"max_retries": 0, "timeout_in_seconds": 3})
            self._ask("GET", "api/projects/", params={"page_size": 1})
        except UpstreamError:
            return False
        return True

    def token(self) -> Token:
        """What kind of key there is, without the key."""
        return read_token(self._api_key, datetime.now(UTC))

    def get(self, path: str, **params: Any) -> Any:
        """What a path answers; for the doctor, who looks at more than the loop uses. It is asked once."""
        return self._ask("GET", path, params=params, request_options={"max_retries": 0})

    def project(self, project_id: int) -> Json:
        """One project; UpstreamError where there is none."""
        return self._ask("GET", f"api/projects/{project_id}/")

    def update_project(self, project_id: int, **fields: Any) -> Json:
        """Change some fields of a project."""
        return self._ask("PATCH", f"api/projects/{project_id}/", json=fields)

    def validate_config(self, project_id: int, label_config: str) -> None:
        """Have a label config checked against a project and its annotations; Refused where it cannot have it."""
        self._ask("POST", f"api/projects/{project_id}/validate/", json={"label_config": label_config})

    def now(self) -> datetime:
        """What time it is there, to the second."""
        return parsedate_to_datetime(self._answer("GET", "api/version").headers["Date"])

    def open_tasks(self, project_id: int) -> Iterator[Json]:
        """Every task that still lacks annotations, as many as the project wants, with its predictions, by id."""
        return self._tasks(project_id, IS_OPEN)

    def untouched_tasks(self, project_id: int) -> Iterator[Json]:
        """Every open task without annotations, skips or drafts that has several predictions, by id, a few at a time."""
        counts = [
            ("total_annotations", "equal", 0),
            ("cancelled_annotations", "equal", 0),
            ("total_predictions", "greater", 1),
        ]
        is_wanted: list[Condition] = [(column, operator, "Number", value) for column, operator, value in counts]
        return self._tasks(project_id, IS_OPEN, *is_wanted, ("draft_exists", "equal", "Boolean", False), page_size=FEW)

    def tasks_since(self, project_id: int, moment: datetime | None) -> Iterator[Json]:
        """Every task changed after *moment*, or every task ever reviewed, with annotations and predictions, by id."""
        if moment is None:
            return self._tasks(project_id, ("total_annotations", "greater", "Number", 0))
        text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # any other form is a 500
        return self._tasks(project_id, ("updated_at", "greater", "Datetime", text))

    def named_tasks(self, project_id: int, task_ids: Sequence[int]) -> dict[int, Json]:
        """Those of some tasks that the project has, with annotations and predictions, by id."""
        found: dict[int, Json] = {}
        for start in range(0, len(task_ids), SELECTED):
            selected = {"all": False, "included": list(task_ids[start : start + SELECTED])}
            params = {"project": project_id, "fields": "all", "page_size": SELECTED}
            query = json.dumps({"selectedItems": selected, "ordering": ["tasks:id"]})
            tasks = self._ask("GET", "api/tasks/", params={**params, "query": query}).get("tasks")
            found |= {task["id"]: task for task in tasks_with_ids(tasks)}
        return found

    def count_open(self, project_id: int, version: str | None = None) -> int:
        """How many open tasks there are, or how many of them have a prediction of a version stored."""
        of_version = [("predictions_model_versions", "contains", "List", [version])] if version else []
        query = json.dumps({"filters": filters(IS_OPEN, *of_version)})
        return int(self.get("api/tasks/", project=project_id, page_size=1, fields="task_only", query=query)["total"])

    def task_ids(self, project_id: int) -> set[int]:
        """The ids of all tasks."""
        return {task["id"] for task in self._tasks(project_id, fields="task_only")}

    def _tasks(self, project_id: int, *wanted: Condition, fields: str = "all", page_size: int = PAGE) -> Iterator[Json]:
        """Pages by the last id seen, not by number: tasks that change meanwhile would move all later pages."""
        params = {"project": project_id, "fields": fields, "page_size": page_size}
        last_id = 0
        while True:
            query = {"ordering": ["tasks:id"], "filters": filters(*wanted, ("id", "greater", "Number", last_id))}
            listed = self._ask("GET", "api/tasks/", params={**params, "query": json.dumps(query)}).get("tasks")
            tasks = tasks_with_ids(listed)
            yield from tasks
            if not isinstance(listed, list) or (listed and not tasks):
                raise UpstreamError(f"{self.url} answered api/tasks/ with something else than tasks")
            if len(listed) < page_size:
                return
            last_id = max(task["id"] for task in tasks)

    def store_predictions(self, project_id: int, predictions: Sequence[Mapping[str, Any]]) -> int:
        """Add predictions; return how many were stored. Raises NotStored, after all that fit were."""
        return prediction_import.store(self, project_id, predictions)

    def import_predictions(self, project_id: int, rows: Sequence[Mapping[str, Any]]) -> int:
        """Add predictions in one request; return how many were created: those that do not fit are left out."""
        answer = self._ask("POST", f"api/projects/{project_id}/import/predictions", json=list(rows))
        return int(answer.get("created", 0))

    def prediction(self, prediction_id: int) -> Json:
        """One stored prediction."""
        return self._ask("GET", f"api/predictions/{prediction_id}/")

    def delete_prediction(self, prediction_id: int) -> None:
        """Remove a stored prediction."""
        self._ask("DELETE", f"api/predictions/{prediction_id}/")

    def update_prediction(self, prediction_id: int, **fields: Any) -> Json:
        """Change some fields of a stored prediction; some installations refuse a result without `project`."""
        return self._ask("PATCH", f"api/predictions/{prediction_id}/", json=fields)

    def annotation(self, annotation_id: int) -> Json:
        """One annotation; Refused with 404 where there is none."""
        return self._ask("GET", f"api/annotations/{annotation_id}/")

    def create_annotation(self, task_id: int, fields: Mapping[str, Any]) -> Json:
        """Add an annotation to a task; Refused with 409 where its `unique_id` is known already."""
        return self._ask("POST", f"api/tasks/{task_id}/annotations/", json=dict(fields), request_options=ONCE)

    def update_annotation(self, annotation_id: int, fields: Mapping[str, Any]) -> Json:
        """Change some fields of an annotation."""
        return self._ask("PATCH", f"api/annotations/{annotation_id}/", json=dict(fields), request_options=ONCE)

    def delete_annotation(self, annotation_id: int) -> None:
        """Remove an annotation."""
        self._ask("DELETE", f"api/annotations/{annotation_id}/", request_options=ONCE)

    def annotation_of(self, project_id: int, task_id: int, unique_id: str) -> Json | None:
        """The annotation of a task with that `unique_id`, if any: only exports tell it."""
        wanted = {"exportType": "JSON", "ids[]": [task_id]}
        tasks: Any = self._ask("GET", f"api/projects/{project_id}/export", params=wanted)
        annotations = [one for task in tasks for one in task.get("annotations") or []]
        return next((one for one in annotations if one.get("unique_id") == unique_id), None)

    def webhooks(self, project_id: int) -> list[Json]:
        """The webhooks of a project."""
        return self._listed("api/webhooks/", project_id)

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
        """The ML backends of a project."""
        return self._listed("api/ml/", project_id)

    def create_backend(self, **fields: Any) -> Json:
        """Add an ML backend; Label Studio calls its /health and /setup before it answers."""
        return self._ask("POST", "api/ml/", json=fields)

    def views(self, project_id: int) -> list[Json]:
        """The tabs of a project's Data Manager."""
        return self._listed("api/dm/views/", project_id)

    def create_view(self, project_id: int, data: Mapping[str, Any]) -> Json:
        """Add a tab."""
        return self._ask("POST", "api/dm/views/", json={"project": project_id, "data": dict(data)})

    def update_view(self, view_id: int, project_id: int, data: Mapping[str, Any]) -> Json:
        """Change a tab."""
        return self._ask("PATCH", f"api/dm/views/{view_id}/", json={"project": project_id, "data": dict(data)})

    def delete_view(self, view_id: int) -> None:
        """Remove a tab."""
        self._ask("DELETE", f"api/dm/views/{view_id}/")

    def _listed(self, path: str, project_id: int) -> list[Json]:
        answer: Any = self._ask("GET", path, params={"project": project_id})
        return list(answer)
