"""Conditions on tasks, in the form of Label Studio's Data Manager. Pure."""

from __future__ import annotations

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
