"""The queue: the next tasks in the order in which Label Studio serves them, and why each is in its place."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import url_for

from backend.dashboard import query
from backend.dashboard.blueprint import Answer, project_page, rooms, show
from loop.label_studio.projects import Project
from loop.serving.queue.next_tasks import list_queue

SIZE = 24  # tasks on a page


@project_page("queue/", entry="Queue")
def queue(project: Project) -> Answer:
    """Show a page of the queue."""
    number, annotator = query.number("page") or 1, query.number("annotator")
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


def _link(project: Project, number: int, pages: int, annotator: int | None) -> str | None:
    if not 1 <= number <= pages:
        return None
    return url_for("dashboard.queue", project_id=project.id, page=number, annotator=annotator)
