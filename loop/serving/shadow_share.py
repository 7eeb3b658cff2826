"""Decides which tasks a shadow predicts. Pure."""

from __future__ import annotations

from loop.draws import draw_number


def is_in_share(project_id: int, task_id: int, share: float) -> bool:
    """Whether a task is in the share. It follows from the ids alone: every shadow gets the same tasks at every time."""
    return draw_number("shadow", project_id, task_id) < share
