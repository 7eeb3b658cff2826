"""Projects, ML backends, webhooks and storages as Label Studio has them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from loop.access.logins import Login

Json = Mapping[str, Any]
CONNECTED, DISCONNECTED, FAILED = "connected", "disconnected", "error"
IN_ORDER = "Sequential sampling"
BASIC_AUTH = "BASIC_AUTH"  # the way to send a user and a password
REFUSED = "401 Client Error"  # in the error of a backend that refused them
BACKEND_STATES = {"CO": CONNECTED, "DI": DISCONNECTED, "ER": FAILED}


@dataclass(frozen=True, slots=True)
class ProjectState:
    """
    A project in Label Studio.

    *version* is its `model_version`, which the order of the queue follows. *shows_predictions* tells whether annotators
    see predictions.
    """

    id: int
    title: str
    label_config: str
    sampling: str
    version: str
    shows_predictions: bool
    has_tasks: bool
    annotations_a_task: int = 1

    @property
    def draws_tasks(self) -> bool:
        """Whether the next task is drawn by chance or by its score, rather than the oldest first."""
        return self.sampling != IN_ORDER

    @classmethod
    def of(cls, json: Json) -> ProjectState:
        """Read a project as the API gives it."""
        label_config = json.get("label_config")
        return cls(
            id=int(json["id"]),
            title=str(json.get("title") or ""),
            label_config=label_config if isinstance(label_config, str) else "",
            sampling=str(json.get("sampling")),
            version=str(json.get("model_version")),
            shows_predictions=bool(json.get("show_collab_predictions")),
            has_tasks=bool(json.get("task_number", 1)),
            annotations_a_task=int(json.get("maximum_annotations") or 1),
        )


class ProjectChanges(TypedDict, total=False):
    """Fields of a project to change, by the names of ProjectState."""

    label_config: str
    sampling: str
    version: str
    shows_predictions: bool


@dataclass(frozen=True, slots=True)
class BackendState:
    """
    An ML backend of a project.

    *state* is a word of BACKEND_STATES, or Label Studio's code if it is unknown. *user* is the user that Label Studio
    sends; empty if it sends none. Label Studio never shows the password. *is_interactive*: it gets the calls of click
    tools.
    """

    id: int
    url: str
    title: str
    state: str
    error: str
    user: str
    is_interactive: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether the backend refused the user and the password that Label Studio sent."""
        return self.state == FAILED and REFUSED in self.error

    @classmethod
    def of(cls, json: Json) -> BackendState:
        """Read an ML backend as the API gives it."""
        code = str(json.get("state"))
        is_sent = json.get("auth_method") == BASIC_AUTH
        return cls(
            id=int(json.get("id") or 0),
            url=str(json.get("url", "")).rstrip("/"),
            title=str(json.get("title")),
            state=BACKEND_STATES.get(code, code),
            error=str(json.get("error_message")),
            user=str(json.get("basic_auth_user") or "") if is_sent else "",
            is_interactive=bool(json.get("is_interactive")),
        )


@dataclass(frozen=True, slots=True)
class WebhookState:
    """A webhook of a project; *sends_all* tells whether it sends all actions, whatever *actions* it names."""

    id: int
    url: str
    headers: Json
    actions: tuple[str, ...]
    is_active: bool
    sends_payload: bool
    sends_all: bool

    @classmethod
    def of(cls, json: Json) -> WebhookState:
        """Read a webhook as the API gives it."""
        headers, actions = json.get("headers"), json.get("actions")
        return cls(
            id=int(json.get("id") or 0),
            url=str(json.get("url")),
            headers=headers if isinstance(headers, Mapping) else {},
            actions=tuple(map(str, actions)) if isinstance(actions, list) else (),
            is_active=bool(json.get("is_active")),
            sends_payload=bool(json.get("send_payload")),
            sends_all=bool(json.get("send_for_all_actions")),
        )


@dataclass(frozen=True, slots=True)
class StorageState:
    """A storage that tasks come from; *synced_at* is the time of the last sync as text, empty if it never ran."""

    kind: str
    title: str
    status: str
    synced_at: str
    synced_tasks: str

    @property
    def is_local(self) -> bool:
        """Whether its files lie on Label Studio's machine."""
        return self.kind == "localfiles"

    @classmethod
    def of(cls, json: Json) -> StorageState:
        """Read a storage as the API gives it."""
        return cls(
            kind=str(json.get("type")),
            title=str(json.get("title") or json.get("id")),
            status=str(json.get("status")),
            synced_at=str(json.get("last_sync") or ""),
            synced_tasks=str(json.get("last_sync_count")),
        )


def write_project(changes: ProjectChanges) -> dict[str, Any]:
    """Write changes of a project as the API takes them."""
    names = {"version": "model_version", "shows_predictions": "show_collab_predictions"}
    return {names.get(name, name): value for name, value in changes.items()}


def write_login(login: Login) -> dict[str, str]:
    """Write the login that Label Studio sends to an ML backend as the API takes it."""
    return {"auth_method": BASIC_AUTH, "basic_auth_user": login.user, "basic_auth_pass": login.password}
