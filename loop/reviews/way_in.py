"""Keeps the connection from Label Studio to us: our ML backend with its login, and our webhook."""

from __future__ import annotations

from loop.http_addresses import is_same
from loop.label_studio.room import StudioRoom
from loop.label_studio.states import BackendState, WebhookState
from loop.label_studio.webhook import ACTIONS, PROJECT_HEADER, SECRET_HEADER

BACKEND_TITLE = "YOLO loop"


def ensure_backend(studio: StudioRoom, project_id: int) -> list[str]:
    """
    Add our ML backend to a project, or repair its login; return the changes, one line each. Raises UpstreamError.

    It gets the calls of click tools, unless it would take them from another ML backend that it does not hand them on
    to: Label Studio's editor asks one backend alone.
    """
    backends = studio.client.backends(project_id)
    ours = [backend for backend in backends if is_same(backend.url, studio.backend.url)]
    others = [backend for backend in backends if backend not in ours and backend.is_interactive]
    is_interactive = studio.interactive is not None or not others
    url, login = studio.backend.url, studio.backend.login_of(project_id)
    if not ours:
        studio.client.create_backend(project_id, BACKEND_TITLE, url, login, is_interactive=is_interactive)
        return [f"added the ML backend {url} with the user {login.user}"]
    changed = _repair(studio, project_id, ours)
    for backend in ours:
        if backend.is_interactive != is_interactive:
            studio.client.update_backend(project_id, backend, login, is_interactive=is_interactive)
            changed.append(f"click tools ask {'our ML backend' if is_interactive else others[0].title}")
    return changed


def repair_login(studio: StudioRoom, project_id: int) -> list[str]:
    """
    Let Label Studio send our login to our ML backend, if it sends another or none; return the changes, one line each.

    A backend that somebody removed in Label Studio stays away. Raises UpstreamError, also where the backend does not
    answer Label Studio.
    """
    backends = studio.client.backends(project_id)
    return _repair(studio, project_id, [each for each in backends if is_same(each.url, studio.backend.url)])


def _repair(studio: StudioRoom, project_id: int, ours: list[BackendState]) -> list[str]:
    login, changed = studio.backend.login_of(project_id), list[str]()
    for backend in ours:
        if backend.user != login.user or backend.is_refused:
            studio.client.update_backend(project_id, backend, login, is_interactive=backend.is_interactive)
            changed.append(f"repaired the login of the ML backend: Label Studio sends the user {login.user}")
    return changed


def ensure_webhook(studio: StudioRoom, project_id: int) -> list[str]:
    """
    Keep one active webhook with our secret; return the changes, one line each.

    Label Studio adds a webhook without a secret for an ML backend by itself: it is removed.
    """
    url = f"{studio.backend.url}/webhook"
    headers = {PROJECT_HEADER: str(project_id), SECRET_HEADER: studio.backend.secret_of(project_id)}
    wanted = {"headers": headers, "is_active": True, "send_payload": True, "send_for_all_actions": False}
    changed, ours = [], None
    for webhook in studio.client.webhooks(project_id):
        if not is_same(webhook.url, url):
            continue
        if ours is None and is_ours(webhook):
            ours = webhook
        else:
            studio.client.delete_webhook(webhook.id)
            kind = "a second webhook of ours" if is_ours(webhook) else "the webhook that Label Studio adds by itself"
            changed.append(f"removed {kind}: events come by the webhook with our secret")
    if ours is None:
        studio.client.create_webhook(project=project_id, url=url, actions=ACTIONS, **wanted)
        return [*changed, f"added the webhook {url}"]
    is_right = ours.headers == headers and ours.is_active and ours.sends_payload and not ours.sends_all
    if not is_right or sorted(ours.actions) != sorted(ACTIONS):
        studio.client.update_webhook(ours.id, url=url, actions=ACTIONS, **wanted)
        changed.append("repaired the webhook")
    return changed


def is_ours(webhook: WebhookState) -> bool:
    """Whether we made a webhook: it names a project in our header."""
    return PROJECT_HEADER in webhook.headers
