"""The webhook by which Label Studio sends us the events of a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loop.label_studio.room import StudioRoom

CREATED = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED")
ACTIONS = [*CREATED, "ANNOTATIONS_DELETED", "TASKS_CREATED", "TASKS_DELETED", "PROJECT_UPDATED"]  # our webhook's events
START_TRAINING = "START_TRAINING"  # the button in Label Studio; the event goes to the ML backend, not to the webhook
SECRET_HEADER, PROJECT_HEADER = "X-Loop-Secret", "X-Loop-Project"


def ensure_webhook(studio: StudioRoom, project_id: int) -> list[str]:
    """
    Keep one active webhook with our secret; return the changes, one line each.

    Label Studio adds a webhook without a secret for an ML backend by itself: it is removed.
    """
    url = f"{studio.door.url}/webhook"
    headers = {PROJECT_HEADER: str(project_id), SECRET_HEADER: studio.door.secret_of(project_id)}
    wanted = {"headers": headers, "is_active": True, "send_payload": True, "send_for_all_actions": False}
    changed, ours = [], None
    for hook in studio.client.webhooks(project_id):
        if hook.get("url") != url:
            continue
        if ours is None and _is_ours(hook):
            ours = hook
        else:
            studio.client.delete_webhook(hook["id"])
            changed.append("removed a webhook without our secret")
    if ours is None:
        studio.client.create_webhook(project=project_id, url=url, actions=ACTIONS, **wanted)
        return [*changed, f"added the webhook {url}"]
    actions = ours.get("actions")
    has_actions = isinstance(actions, list) and sorted(map(str, actions)) == sorted(ACTIONS)
    if any(ours.get(key) != value for key, value in wanted.items()) or not has_actions:
        studio.client.update_webhook(ours["id"], url=url, actions=ACTIONS, **wanted)
        changed.append("repaired the webhook")
    return changed


def _is_ours(hook: Mapping[str, Any]) -> bool:
    headers = hook.get("headers")
    return isinstance(headers, Mapping) and PROJECT_HEADER in headers
