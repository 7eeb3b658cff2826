"""The queue: the next tasks in the order in which Label Studio serves them, and why each is in its place."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import request, url_for

from backend.dashboard.blueprint import Answer, project_page, rooms, show
from loop.errors import PayloadError
from loop.label_studio.projects import Project
from loop.serving.queue.next_tasks import list_queue
from loop.storage.storable import is_id

SIZE = 24  # tasks on a page


@project_page("queue/", entry="Queue")
def queue(project: Project) -> Answer:
    """Show a page of the queue."""
    number, annotator = max(1, _read_number("page") or 1), _read_number("annotator")
    page = list_queue(rooms().serving, project.id, offset=(number - 1) * SIZE, most=SIZE, annotator=annotator)
    pages = max(1, -(-page.total // SIZE))
    return show(
        "queue.html",
        project=project,
        queue=page,
        number=number,
        pages=pages,
        annotator=annotator,
        before=_link(project, number - 1, pages, annotator),
        after=_link(project, number + 1, pages, annotator),
        tasks_url=f"{rooms().studio.client.url}/projects/{project.id}/data?{urlencode({'task': ''})}",
    )


def _read_number(name: str) -> int | None:
    """Read a number of the address. Raises PayloadError."""
    given = request.args.get(name, "").strip()
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 19 and is_id(int(given))):
        raise PayloadError(name, "a number from 1", given)
    return int(given)


def _link(project: Project, number: int, pages: int, annotator: int | None) -> str | None:
    if not 1 <= number <= pages:
        return None
    return url_for("dashboard.queue", project_id=project.id, page=number, annotator=annotator)
