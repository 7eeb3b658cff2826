"""Conditions on tasks, in the form of Label Studio's Data Manager. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Condition = tuple[str, str, str, Any]  # column, operator, type of the column, value
IS_OPEN: Condition = ("completed_at", "empty", "Datetime", True)  # lacks annotations, as many as the project wants


def filters(*wanted: Condition) -> dict[str, Any]:
    """The filters for conditions that must all hold."""
    items = [
        {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}
        for column, operator, kind, value in wanted
    ]
    return {"conjunction": "and", "items": items}


def only_tasks(task_ids: Sequence[int]) -> dict[str, Any]:
    """
    The filters for these tasks alone, a condition each: a view may have some hundred.

    Label Studio's server knows a list of ids as well (`in_list`), its Data Manager does not: one view with it, and no
    tab of the project opens.
    """
    conditions: list[Condition] = [("id", "equal", "Number", task_id) for task_id in task_ids or [0]]
    return filters(*conditions) | {"conjunction": "or"}
