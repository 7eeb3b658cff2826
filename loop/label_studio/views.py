"""The views (tabs) of Label Studio's Data Manager: their conditions on tasks, and the columns of a task. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, NamedTuple, Protocol

Json = Mapping[str, Any]
PREFIX = "filter:tasks:"  # of a column's name in a filter


class Condition(NamedTuple):
    """A condition on tasks: the column, the operator, the type of the column and the value."""

    column: str
    operator: str
    kind: str
    value: object

    @classmethod
    def of(cls, json: Json) -> Condition:
        """Read a condition as the API gives it."""
        column = str(json.get("filter")).removeprefix(PREFIX)
        return cls(column, str(json.get("operator")), str(json.get("type")), json.get("value"))

    def as_json(self) -> dict[str, Any]:
        """Write it as the API takes it."""
        return {"filter": PREFIX + self.column, "operator": self.operator, "type": self.kind, "value": self.value}


# Label Studio computes columns that are neither fields of a task nor hidden; older versions send all fields as well.
COUNTS = ("total_annotations", "cancelled_annotations")  # fields of a task: there in any case
OUTLINE = ("id", "data", "is_labeled", "annotations_ids", "predictions_model_versions", *COUNTS)
HIDDEN = tuple(
    f"tasks:{column}"
    for column in (
        *("annotations_results", "annotators", "avg_lead_time", "completed_at", "draft_exists", "file_upload"),
        *("predictions_results", "predictions_score", "state", "storage_filename"),
    )
)
HIDING = {"hiddenColumns": {"explore": HIDDEN, "labeling": HIDDEN}}
AS_STORED = {"resolve_uri": False}  # addresses of images as the task has them, as /predict and events give them
WHOLE = {"fields": "all", **AS_STORED}
MOST_IN_VIEW = 200  # tasks; each is a condition of the view's filter
IS_OPEN = Condition("completed_at", "empty", "Datetime", True)  # has fewer annotations than the project asks for

IS_UNTOUCHED = (  # open, with several predictions but no annotation, skip or draft
    IS_OPEN,
    Condition("total_annotations", "equal", "Number", 0),
    Condition("cancelled_annotations", "equal", "Number", 0),
    Condition("total_predictions", "greater", "Number", 1),
    Condition("draft_exists", "equal", "Boolean", False),
)


@dataclass(frozen=True, slots=True)
class View:
    """
    A view that lists the tasks for which all *conditions* hold, or, if it *is_any*, at least one of them.

    *ordering* names columns, such as `tasks:predictions_score`. *id* is 0 and *data* empty until Label Studio has the
    view; then *data* is the view as the API gives it.
    """

    title: str
    conditions: tuple[Condition, ...]
    ordering: tuple[str, ...] = ()
    is_any: bool = False
    id: int = 0
    data: Json = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, json: Json) -> View:
        """Read a view as the API gives it."""
        data = json.get("data") or {}
        filters = data.get("filters") or {}
        conditions = tuple(Condition.of(item) for item in filters.get("items") or [])
        is_any, ordering = filters.get("conjunction") == "or", tuple(data.get("ordering") or [])
        return cls(str(data.get("title") or ""), conditions, ordering, is_any, int(json["id"]), data)


class ViewChange(Enum):
    """Whether `put_view` changed anything."""

    ADDED = "added"
    CHANGED = "changed"
    NOTHING = "nothing"


class PutTasks(NamedTuple):
    """What `put_tasks` changed, and a line about the view."""

    change: ViewChange
    line: str


class Views(Protocol):
    """The requests to Label Studio that `put_view` needs."""

    def views(self, project_id: int) -> list[View]:
        """Return the views of a project."""

    def create_view(self, project_id: int, view: View) -> None:
        """Add a view."""

    def update_view(self, project_id: int, view: View) -> None:
        """Change a view."""


def put_view(client: Views, project_id: int, view: View, *, overwrites: bool = True) -> ViewChange:
    """
    Add a view, or give the view with its title these conditions and no others. Raises UpstreamError.

    Without *overwrites*, a view with its title stays as it is.
    """
    known = next((known for known in client.views(project_id) if known.title == view.title), None)
    if known is None:
        client.create_view(project_id, view)
        return ViewChange.ADDED
    # Without its filters: Label Studio can narrow a condition by another one inside it (`child_filter`).
    changed = replace(view, id=known.id, data={**known.data, "filters": {}})
    if not overwrites or write_view(changed)["filters"] == known.data.get("filters"):
        return ViewChange.NOTHING
    client.update_view(project_id, changed)
    return ViewChange.CHANGED


def show_tasks(title: str, task_ids: Sequence[int]) -> View:
    """
    Return a view of these tasks alone, one condition per task: a view may have some hundred conditions.

    Label Studio's server also knows a filter by a list of ids (`in_list`), but its Data Manager does not: with one such
    view, no tab of the project opens.
    """
    conditions = tuple(Condition("id", "equal", "Number", task_id) for task_id in task_ids or [0])
    return View(title, conditions, is_any=True)


def put_tasks(client: Views, project_id: int, title: str, task_ids: Sequence[int]) -> PutTasks:
    """Show the first tasks of a list, each once, in the view with a title."""
    shown = list(dict.fromkeys(task_ids))[:MOST_IN_VIEW]
    change = put_view(client, project_id, show_tasks(title, shown))
    verb = "added the view “{}” with {} tasks" if change == ViewChange.ADDED else "the view “{}” shows {} tasks"
    return PutTasks(change, verb.format(title, len(shown)))


def shows_tasks(view: View) -> bool:
    """Return whether a view has only filters that `show_tasks` makes."""
    return view.is_any and all(condition[:3] == ("id", "equal", "Number") for condition in view.conditions)


def write_view(view: View) -> dict[str, Any]:
    """Write a view as the API takes it; everything else that Label Studio has of it stays."""
    filters = view.data.get("filters") or {}
    known = [*(filters.get("items") or []), *({} for _ in view.conditions)]
    items = [
        item if item and Condition.of(item) == condition else {**item, **condition.as_json()}
        for item, condition in zip(known, view.conditions, strict=False)
    ]
    ordering = {"ordering": list(view.ordering)} if view.ordering else {}
    written = {"conjunction": "or" if view.is_any else "and", "items": items}
    content = {"title": view.title, **ordering, "filters": {**filters, **written}}
    return {"type": "list", "target": "tasks", **view.data, **content}


def write_conditions(conditions: Sequence[Condition]) -> dict[str, Any]:
    """Write conditions that must all hold as filters of the API."""
    return {"conjunction": "and", "items": [condition.as_json() for condition in conditions]}


def show_outline(fields: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of a request for these fields alone."""
    return {"fields": "task_only", "include": ",".join(fields), **AS_STORED}
