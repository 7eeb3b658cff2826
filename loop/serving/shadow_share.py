"""Which tasks a shadow answers. Pure."""

from __future__ import annotations

from loop.draws import draw_number


def is_tried_on(project_id: int, task_id: int, share: float) -> bool:
    """Whether a task is in the share: the ids alone say, so it is the same tasks for every shadow and at every time."""
    return draw_number("shadow", project_id, task_id) < share
