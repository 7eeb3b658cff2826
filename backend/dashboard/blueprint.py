"""The blueprint of the dashboard: how a page is registered, read, answered and protected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from backend import access, session
from backend.dashboard import csrf
from backend.dashboard.forms import form
from backend.errors import secure
from backend.gate import Gate
from loop.access.callers import READING
from loop.errors import LoopError, RecordsDown, Unauthorized, UnknownProject
from loop.label_studio.projects import Project
from loop.rooms import Rooms
from loop.storage.storable import is_id

LONGEST_MESSAGE = 1000  # characters: a cookie has it until the page is shown
Answer = str | Response | WerkzeugResponse
View = Callable[..., Answer]

dashboard = Blueprint(
    "dashboard",
    __name__,
    url_prefix="/loop",
    template_folder="templates",
    static_folder="static",
    static_url_path="/static",
)
OF_PROJECTS = (
    *("Overview", "Queue", "Accept", "Crops", "Training", "Learning curve", "Models", "Rates", "Clusters"),
    "Taxonomy",
)
OF_INSTALLATION = ("Projects", "Jobs", "Doctor", "Events", "Audit trail")


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """A page that stands in the navigation, by its title."""

    title: str
    endpoint: str


ENTRIES: dict[str, NavigationEntry] = {}


def page(path: str, *, entry: str = "", methods: Sequence[str] = ("GET",)) -> Callable[[View], View]:
    """
    Register a view at /loop/*path*; with an *entry*, of OF_INSTALLATION, it stands in the navigation.

    Where an action raises a LoopError, the browser comes back to the page of the form, which shows the message.
    """

    def register(view: View) -> View:
        is_action = not READING.intersection(methods)
        dashboard.add_url_rule(f"/{path}", view.__name__, _come_back(view) if is_action else view, methods=methods)
        if entry:
            ENTRIES[entry] = NavigationEntry(entry, f"dashboard.{view.__name__}")
        return view

    return register


def project_page(path: str, *, entry: str = "", methods: Sequence[str] = ("GET",)) -> Callable[[View], View]:
    """
    Register a view of a project at /loop/projects/ID/*path*, which is called with the Project.

    Only senders that may name the project reach it. With an *entry*, of OF_PROJECTS, it stands in the navigation.
    """

    def register(view: View) -> View:
        @wraps(view)
        def of_project(project_id: int, **values: Any) -> Answer:
            if not is_id(project_id):
                raise UnknownProject(project_id)
            return view(rooms().studio.projects.get(access.require(project_id)), **values)

        page(f"projects/<int:project_id>/{path}", entry=entry, methods=methods)(of_project)
        return view

    return register


def rooms() -> Rooms:
    """Return the rooms of the installation."""
    own: Rooms = current_app.extensions["rooms"]
    return own


def in_turn() -> AbstractContextManager[None]:
    """
    Let few views at once into a `with` block that asks Label Studio or Milvus. Raises Overloaded.

    Either may hang, and a view that asks it holds its thread meanwhile: without turns no thread would be left.
    """
    services: Gate = current_app.extensions["services"]
    return services.entered()


def show(template: str, *, project: Project | None = None, **values: object) -> str:
    """Return a page by its template in `templates/dashboard/`; *project* is that of its navigation."""
    return render_template(
        f"dashboard/{template}",
        project=project,
        navigation=_entries(OF_INSTALLATION),
        project_navigation=_entries(OF_PROJECTS) if project else [],
        sender=access.caller(),
        may_act=access.caller().kind in csrf.ACTING,
        is_signed_in=session.signed_in() is not None,
        csrf_token=csrf.token(access.caller()),
        **values,
    )


def show_part(template: str, **values: object) -> str:
    """Return a part of a page, for htmx to put into it."""
    return render_template(
        f"dashboard/{template}",
        may_act=access.caller().kind in csrf.ACTING,
        csrf_token=csrf.token(access.caller()),
        **values,
    )


def go_back(endpoint: str, message: str, *, is_error: bool = False, **values: Any) -> Answer:
    """Answer an action: send the browser to a page of the dashboard, which shows a *message* of one line."""
    flash(message[:LONGEST_MESSAGE], "error" if is_error else "done")
    return redirect(url_for(f"dashboard.{endpoint}", **values), 303)


def _come_back(action: View) -> View:
    """Let an action that fails answer with the page that its form stood on, if the browser names that page."""

    @wraps(action)
    def act(**values: Any) -> Answer:
        try:
            return action(**values)
        except (Unauthorized, RecordsDown):  # no page would stand
            raise
        except LoopError as error:
            page_of_form = _find_page_of_form()
            if page_of_form is None:
                raise
            flash(str(error)[:LONGEST_MESSAGE], "error")
            return redirect(page_of_form, 303)

    return act


def _find_page_of_form() -> str | None:
    """Return the address of our page that the browser sent a form from; None for a program, or another place."""
    try:
        sent_from = urlsplit(request.referrer or "")
        path = sent_from.path.removeprefix(request.root_path)
        endpoint, values = current_app.create_url_adapter(request).match(path, "GET")  # type: ignore[union-attr]
    except (ValueError, HTTPException):
        return None
    is_page = endpoint.startswith(f"{dashboard.name}.")
    return f"{url_for(endpoint, **values)}?{sent_from.query}" if is_page else None


@dashboard.before_request
def _check_form() -> None:
    """Refuse an action that no page of ours asked for. Raises Forbidden, and RequestTimeout for a slow body."""
    if request.method not in READING and request.endpoint not in access.OPEN:
        csrf.check(access.caller(), form().get(csrf.FIELD, ""), rooms().studio.backend.url)


@dashboard.after_request
def _protect(response: Response) -> Response:
    return secure(response)


def _entries(order: Sequence[str]) -> list[NavigationEntry]:
    return [ENTRIES[title] for title in order if title in ENTRIES]
