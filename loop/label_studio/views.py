"""Conditions on tasks, in the form of Label Studio's Data Manager. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Condition = tuple[str, str, str, Any]  # column, operator, type of the column, value
IS_OPEN: Condition = ("completed_at", "empty", "Datetime", True)  # has fewer annotations than the project asks for


def filters(*conditions: Condition) -> dict[str, Any]:
    """Return the filters for conditions that must all hold."""
    items = [
        {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}
        for column, operator, kind, value in conditions
    ]
    return {"conjunction": "and", "items": items}


def only_tasks(task_ids: Sequence[int]) -> dict[str, Any]:
    """
    Return the filters for these tasks alone, one condition per task: a view may have some hundred conditions.

    Label Studio's server also knows a filter by a list of ids (`in_list`), but its Data Manager does not: with one such
    view, no tab of the project opens.
    """
    conditions: list[Condition] = [("id", "equal", "Number", task_id) for task_id in task_ids or [0]]
    return filters(*conditions) | {"conjunction": "or"}
