"""Predictions into Label Studio, all that it takes, and which ones it did not take and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from loop.chunked import chunked
from loop.errors import NotStored, Refused
from loop.label_studio.payloads import predictions_of

BATCH = 200  # predictions a request
TOO_MUCH = (400, 413)  # what a batch is refused with for one of its predictions, or for its size

Row = Mapping[str, Any]


class Imports(Protocol):
    """What is asked of Label Studio."""

    def project(self, project_id: int) -> dict[str, Any]:
        """One project."""

    def named_tasks(self, project_id: int, task_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Those of some tasks that there are, with their predictions."""

    def import_predictions(self, project_id: int, rows: Sequence[Row]) -> int:
        """Import predictions in one request; return how many were created. Raises Refused."""


def store(client: Imports, project_id: int, rows: Sequence[Row]) -> int:
    """
    Store predictions, in batches, and return how many; those of tasks that are gone are left out.

    Label Studio refuses a whole batch for one task that is gone, and leaves out, with no word, what does not fit its
    label config. Raises NotStored for these, after all others were stored, and UpstreamError.
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
    """Store one batch, in parts where it is refused; return how many were stored, and why others were not, by task."""
    if not rows:
        return 0, {}
    try:
        created = client.import_predictions(project_id, rows)
    except Refused as error:
        if error.status not in TOO_MUCH:
            raise
        return _store_parts(client, project_id, rows, error)
    return (created, {}) if created >= len(rows) else _compared(client, project_id, rows)


def _store_parts(client: Imports, project_id: int, rows: Sequence[Row], error: Refused) -> tuple[int, dict[int, str]]:
    tasks = client.named_tasks(project_id, [row["task"] for row in rows])
    there = [row for row in rows if row["task"] in tasks]
    if len(there) < len(rows):
        return _store(client, project_id, there)
    if len(rows) == 1:
        return 0, {rows[0]["task"]: str(error)}
    middle = len(rows) // 2
    first = _store(client, project_id, rows[:middle])
    second = _store(client, project_id, rows[middle:])
    return first[0] + second[0], first[1] | second[1]


def _compared(client: Imports, project_id: int, rows: Sequence[Row]) -> tuple[int, dict[int, str]]:
    """Which predictions of a batch Label Studio left out, by what it has now."""
    tasks = client.named_tasks(project_id, [row["task"] for row in rows])
    there = [row for row in rows if row["task"] in tasks]
    missing = [row for row in there if not predictions_of(tasks[row["task"]], row["model_version"])]
    label_config = str(client.project(project_id)["label_config"]) if missing else ""
    return len(there) - len(missing), {row["task"]: _reason(label_config, row) for row in missing}


def _reason(label_config: str, row: Row) -> str:
    """What Label Studio has against a prediction: its own check, which it does not answer with."""
    from label_studio_sdk.label_interface import LabelInterface

    try:
        errors = LabelInterface(label_config).validate_prediction(dict(row), return_errors=True)
    except Exception as error:  # noqa: BLE001 (a label config that it cannot read; then that is the reason)
        errors = [f"{type(error).__name__}: {error}"]
    return "; ".join(map(str, errors)) if errors else "Label Studio does not say why"
