"""The requests by which tasks are imported with their images and labels; each import leaves a mark."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from loop.errors import UpstreamError
from loop.label_studio.connection import ONCE, Connection
from loop.label_studio.payloads import IMPORT_MARK
from loop.label_studio.tasks import StoredTask
from loop.label_studio.views import COUNTS, HIDING, OUTLINE, show_outline

MOST_FILES = 100  # in one request: Django takes no more (DATA_UPLOAD_MAX_NUMBER_FILES)
PATIENT = {**ONCE, "timeout_in_seconds": 300}  # an import is answered when all of it is stored
LISTED = 500  # tasks a request, as OUTLINES
MARK = "loop_import"  # in the `meta` of a task
IMPORTED = "imported@1.0.0"  # the version of imported predictions


class LabelKind(StrEnum):
    """What becomes of labels from elsewhere."""

    REVIEWS = "reviews"
    PREDICTIONS = "predictions"


@dataclass(frozen=True, slots=True)
class ImportMark:
    """
    What an imported task was made from: the SHA-256 of its image file, and a digest of its labels.

    *labels* is empty if it was imported without labels.
    """

    sha256: str
    kind: str
    labels: str


@dataclass(frozen=True, slots=True)
class MarkedTask:
    """An imported task as it is now."""

    id: int
    mark: ImportMark
    data: Mapping[str, object]
    is_annotated: bool


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that Label Studio has stored."""

    id: int
    address: str


@dataclass(frozen=True, slots=True)
class NewTask:
    """
    A task to be made. *result* has its regions in Label Studio's form; None: it is an open task.

    The *score* is that of a prediction.
    """

    data: Mapping[str, str]
    mark: ImportMark
    upload: int
    result: list[dict[str, Any]] | None
    score: float = 0.0

    def as_row(self) -> dict[str, Any]:
        """Write it as the API imports it."""
        row: dict[str, Any] = {
            "data": dict(self.data),
            "meta": {MARK: {"sha256": self.mark.sha256, "as": self.mark.kind, "labels": self.mark.labels}},
            "file_upload_id": self.upload,
        }
        if self.result is None:
            return row
        if self.mark.kind == LabelKind.PREDICTIONS:
            return {**row, "predictions": [{"model_version": IMPORTED, "score": self.score, "result": self.result}]}
        annotation = {"id": IMPORT_MARK, "result": self.result, "ground_truth": False, "was_cancelled": False}
        return {**row, "annotations": [annotation]}


class TaskImports(Connection):
    """Requests to Label Studio that import tasks."""

    def upload_files(self, project_id: int, files: Sequence[tuple[str, bytes]]) -> list[Upload]:
        """Store at most MOST_FILES files by their names, without making tasks of them; return them in order."""
        parts = {f"file{number}": (name, content) for number, (name, content) in enumerate(files)}
        path = f"api/projects/{project_id}/import"
        answer = self._ask("POST", path, params={"commit_to_project": "false"}, files=parts, request_options=PATIENT)
        ids = [int(upload_id) for upload_id in answer.get("file_upload_ids") or ()]
        params = {"ids": json.dumps(ids)}
        listed: Any = self._ask("GET", f"api/projects/{project_id}/file-uploads", params=params)
        paths = {int(item["id"]): str(item["file"]) for item in listed}
        if len(ids) != len(files) or not paths.keys() >= set(ids):
            raise UpstreamError(f"{self.url} stored {len(paths)} of {len(files)} files")
        return [Upload(upload_id, "/data/" + quote(paths[upload_id], safe="/~!*()'")) for upload_id in ids]

    def import_tasks(self, project_id: int, tasks: Sequence[NewTask]) -> list[int]:
        """Make tasks with their labels, all or none; return their ids in order."""
        path, params = f"api/projects/{project_id}/import", {"return_task_ids": "true"}
        rows = [task.as_row() for task in tasks]
        answer = self._ask("POST", path, params=params, json=rows, request_options=PATIENT)
        ids = [int(task_id) for task_id in answer.get("task_ids") or ()]
        if len(ids) != len(tasks):
            raise UpstreamError(f"{self.url} made {len(ids)} of {len(tasks)} tasks")
        return ids

    def all_outlines(self, project_id: int) -> Iterator[StoredTask]:
        """Yield the outline of every task, by id."""
        for page in self._pages(project_id, (), LISTED, show_outline(OUTLINE), HIDING):
            yield from page

    def marked_tasks(self, project_id: int) -> Iterator[MarkedTask]:
        """Yield the tasks that were imported by `import_tasks`, by id."""
        options = show_outline(("id", "data", "meta", *COUNTS))
        for page in self._pages(project_id, (), LISTED, options, HIDING):
            for task in page:
                if mark := _read_mark(task):
                    yield MarkedTask(task.id, mark, task.data, task.is_counted)


def _read_mark(task: StoredTask) -> ImportMark | None:
    mark = task.meta.get(MARK)
    if not isinstance(mark, Mapping) or not isinstance(mark.get("sha256"), str):
        return None
    return ImportMark(mark["sha256"], str(mark.get("as") or ""), str(mark.get("labels") or ""))
