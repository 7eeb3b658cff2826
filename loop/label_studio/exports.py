"""Files that people take for Label Studio's JSON export, and the label config that an export implies. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress

from loop.errors import PayloadError
from loop.label_studio.annotations import objects
from loop.label_studio.label_config import BOXES, LabelConfig
from loop.label_studio.tasks import StoredTask

EXPECTED = "a list of tasks, as Label Studio exports it in its format JSON (Export > JSON)"
FULL = (
    "reviewed tasks with the predictions themselves; ask Label Studio's API for "
    "/api/tasks/?project=ID&fields=all&page_size=1000000 and give its answer instead, "
    "or `loop verdicts --project ID` where the project is connected"
)
API_ANSWER = re.compile(r'\s*\{(?:\s*"\w+"\s*:\s*[\w.]+\s*,)*\s*"tasks"\s*:\s*(?=\[)')  # of /api/tasks/, up to its list
TOTAL = re.compile(r'"total"\s*:\s*(\d{1,18})\s*,')  # in such an answer: the tasks of all its pages
MAGIC = {
    b"PK\x03\x04": "a ZIP archive, as its exports in YOLO, COCO, Pascal VOC and brush formats are",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\x1f\x8b": "a gzip archive: unpack it",
    b"%PDF": "a PDF",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"SQLite format 3": "a database",
}

Controls = dict[str, set[str]]  # the controls of boxes, by the image that they are on; the first image first


def kind_of_bytes(head: bytes) -> str | None:
    """Name the kind of a binary file by its first bytes; None if it may be text."""
    if not head:
        return "an empty file"
    return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), None)


def kind_of_text(head: str) -> str:
    """Name the kind of a text that does not begin as a JSON list does."""
    text = head.lstrip()
    if not text:
        return "an empty file"
    if text.startswith("<"):
        return "HTML or XML, such as a page to log in or a label config"
    if text.startswith("{"):
        return _kind_of_object(text)
    first = text.splitlines()[0]
    for separator, name in (("\t", "TSV"), (",", "CSV")):
        if separator in first:
            return f"{name}, with the columns {first[:60]!r}"
    return repr(text[:40])


def kind_of_task(task: Mapping[str, object]) -> str | None:
    """Name the kind of export that an element is of if it is no task of the JSON export; None if it may be a task."""
    if "annotations" in task:
        return None
    if "completions" in task:
        return "`completions`, as Label Studio before 1.0 exports them: import them into a newer one, and export again"
    if "data" not in task and {"annotation_id", "annotator"} & set(task):
        return "its format JSON_MIN, which leaves out the regions' ids, the predictions and the drafts"
    return None


def check_all_listed(name: str, answer: str, listed: int) -> None:
    """
    Check that an answer of /api/tasks/, given up to its list, *listed* all tasks. Raises PayloadError.

    Label Studio answers with a page: of 100 tasks, also if asked for -1, and of no more than TASK_API_PAGE_SIZE_MAX.
    """
    total = TOTAL.search(answer)
    if total and listed < int(total[1]):
        expected = f"all {total[1]} tasks: ask with a larger page_size, or put the tasks of all pages into one list"
        raise PayloadError(name, expected, f"a page of {listed}")


def exported_task(element: Mapping[str, object], number: int) -> StoredTask:
    """Return a task of an export; a task without an id gets its *number*. Raises PayloadError for any other id."""
    task = StoredTask({"id": number, **element})
    if not task.id:
        raise PayloadError(f"element {number} id", "an id of a task", element.get("id"))
    return task


def infer_config(tasks: Iterable[StoredTask]) -> LabelConfig:
    """
    Return the controls and the image of the predicted boxes of an export; without predicted boxes, of its reviews.

    The config cannot tell shapes of other controls apart: a review with such a shape on the same image is not read
    whole.
    """
    predicted: Controls = {}
    reviewed: Controls = {}
    for task in tasks:
        for prediction in task.predictions:
            _add_boxes(predicted, prediction.result)
        with suppress(PayloadError):
            for annotation in task.annotations:
                _add_boxes(reviewed, annotation.result)
    for image, names in (predicted or reviewed).items():
        own = tuple(sorted(names))
        return LabelConfig(own[0], image, "", (), own=own, is_inferred=True)
    return LabelConfig("", "", "", (), is_inferred=True)


def _add_boxes(controls: Controls, result: object) -> None:
    """Add the control and the image of each box of a result."""
    for region in objects(result):
        control, image = region.get("from_name"), region.get("to_name")
        if region.get("type") == BOXES and isinstance(control, str) and isinstance(image, str):
            controls.setdefault(image, set()).add(control)


def _kind_of_object(text: str) -> str:
    if '"categories"' in text or ('"images"' in text and '"info"' in text):
        return "its COCO format"
    if '"annotations"' in text or '"data"' in text:
        return "one task, or a task in each line: put all of them into one list"
    return f"a JSON object, {text[:40]!r}"
