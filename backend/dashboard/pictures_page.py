"""Small pictures of boxes and of images, for the pages of the dashboard and for other pages of a browser."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from flask import Response, current_app, request

from backend.dashboard.blueprint import Answer, project_page, rooms
from backend.gate import Gate
from loop.crops.pictures import BoxSource, PictureSource, draw, find_box, find_image
from loop.errors import ImageError, PayloadError
from loop.label_studio.projects import Project
from loop.storage.storable import is_id, is_text

SECONDS = 3600  # that a browser shows a picture without asking again
NO_PICTURE = Path(__file__).parent / "static" / "no-picture.svg"
SOURCE = "of"  # in the query: the records that a box is looked for in first


@project_page("crops/<int:task_id>/<path:region_id>.jpg")
def crop(project: Project, task_id: int, region_id: str) -> Answer:
    """Show the box of a region, with a margin around it."""
    source = read_source(request.args.get(SOURCE))
    if not is_id(task_id) or not is_text(region_id):
        return _show_nothing()
    return _show(find_box(rooms().crops, project.id, task_id, region_id, source))


@project_page("thumbnails/<int:task_id>.jpg")
def thumbnail(project: Project, task_id: int) -> Answer:
    """Show the image of a task."""
    return _show(find_image(rooms().crops, project.id, task_id) if is_id(task_id) else None)


def read_source(text: str | None) -> BoxSource:
    """Read the records that a request asks for. Raises PayloadError."""
    try:
        return BoxSource(text or BoxSource.PREDICTED)
    except ValueError as error:
        raise PayloadError(SOURCE, " or ".join(BoxSource), text) from error


def _show(source: PictureSource | None) -> Answer:
    """
    Answer a picture, which the browser keeps for itself; a placeholder where the box or its image is gone.

    Few are made at once, in threads of their own: other requests do not wait for images. Raises Overloaded.
    """
    if source is None:
        return _show_nothing()
    answer = Response(mimetype="image/jpeg")
    answer.set_etag(source.etag)
    answer.headers["Cache-Control"] = f"private, max-age={SECONDS}"
    answer.make_conditional(request)
    if answer.status_code == 304:
        return answer
    gate: Gate = current_app.extensions["pictures"]
    try:
        with gate.entered():
            answer.set_data(gate.run(partial(draw, rooms().crops, source)))
    except ImageError:
        return _show_nothing()
    return answer


def _show_nothing() -> Response:
    """Answer a placeholder, with 200: a browser reports any other status as an error of the page."""
    return Response(NO_PICTURE.read_bytes(), mimetype="image/svg+xml", headers={"Cache-Control": "no-store"})
