"""Which tasks a shadow answers. Pure."""

from __future__ import annotations

import hashlib


def is_tried_on(project_id: int, task_id: int, share: float) -> bool:
    """Whether a task is in the share: the ids alone say, so it is the same tasks for every shadow and at every time."""
    digest = hashlib.sha256(f"shadow:{project_id}:{task_id}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < share
