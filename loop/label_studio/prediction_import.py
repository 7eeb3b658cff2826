"""Stores all predictions that Label Studio takes, and reports the others with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from loop.errors import NotStored, Refused
from loop.label_studio.payloads import predictions_of
from loop.storage.queries import chunked

BATCH = 200  # predictions a request
TOO_MUCH = (400, 413)  # status of a batch that is refused because of one of its predictions, or of its size

Row = Mapping[str, Any]


class Imports(Protocol):
    """The requests to Label Studio that storing needs."""

    def project(self, project_id: int) -> dict[str, Any]:
        """Return one project."""

    def named_tasks(self, project_id: int, task_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Return the tasks that exist, with their predictions, by id."""

    def import_predictions(self, project_id: int, rows: Sequence[Row]) -> int:
        """Import predictions in one request; return how many were created. Raises Refused."""


def store(client: Imports, project_id: int, rows: Sequence[Row]) -> int:
    """
    Store predictions in batches, and return how many; predictions of tasks that are gone are left out.

    Label Studio refuses a whole batch because of one task that is gone, and silently leaves out predictions that do
    not fit the label config. Raises NotStored for the latter, after all others are stored, and UpstreamError.
    """
    stored, refused = 0, dict[int, str]()
    for batch in chunked(rows, BATCH):
        count, reasons = _store(client, project_id, batch)
        stored += count
        refused |= reasons
    if refused:
        raise NotStored(project_id, refused, stored)
    return stored


def _store(client: Imports, project_id: int, rows: Sequence[Row]) -> tuple[int, dict[int, str]]:
    """Store one batch, in parts if it is refused; return how many were stored, and why others were not, by task."""
    if not rows:
        return 0, {}
    try:
        created = client.import_predictions(project_id, rows)
    except Refused as error:
        if error.status not in TOO_MUCH:
            raise
        return _store_parts(client, project_id, rows, error)
    return (created, {}) if created >= len(rows) else _compare(client, project_id, rows)


def _store_parts(client: Imports, project_id: int, rows: Sequence[Row], error: Refused) -> tuple[int, dict[int, str]]:
    tasks = client.named_tasks(project_id, [row["task"] for row in rows])
    existing = [row for row in rows if row["task"] in tasks]
    if len(existing) < len(rows):
        return _store(client, project_id, existing)
    if len(rows) == 1:
        return 0, {rows[0]["task"]: str(error)}
    middle = len(rows) // 2
    first = _store(client, project_id, rows[:middle])
    second = _store(client, project_id, rows[middle:])
    return first[0] + second[0], first[1] | second[1]


def _compare(client: Imports, project_id: int, rows: Sequence[Row]) -> tuple[int, dict[int, str]]:
    """Return how many predictions of a batch Label Studio has now, and why the others were left out, by task."""
    tasks = client.named_tasks(project_id, [row["task"] for row in rows])
    existing = [row for row in rows if row["task"] in tasks]
    missing = [row for row in existing if not predictions_of(tasks[row["task"]], row["model_version"])]
    label_config = str(client.project(project_id)["label_config"]) if missing else ""
    return len(existing) - len(missing), {row["task"]: _reason(label_config, row) for row in missing}


def _reason(label_config: str, row: Row) -> str:
    """Run Label Studio's own check on a prediction: its answer does not give the reason."""
    from label_studio_sdk.label_interface import LabelInterface

    try:
        errors = LabelInterface(label_config).validate_prediction(dict(row), return_errors=True)
    except Exception as error:  # noqa: BLE001 (the check cannot read the label config: that is the reason)
        errors = [f"{type(error).__name__}: {error}"]
    return "; ".join(map(str, errors)) if errors else "Label Studio does not say why"
