"""Crops of a class in a grid; those that are selected are shown in Label Studio, or get another label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from flask import request, url_for

from backend import access
from backend.api import AT_ONCE
from backend.dashboard.blueprint import Answer, go_back, in_turn, project_page, rooms, show
from backend.dashboard.forms import form, reason, text
from backend.dashboard.pictures_page import SOURCE, read_source
from loop.crops.grid import AT_FIRST, SUSPICIONS, CropOrder, CropPage, CropQuery, list_crops
from loop.crops.relabel import BoxName, relabel
from loop.errors import Busy, PayloadError
from loop.label_studio.projects import Project
from loop.label_studio.views import put_tasks

VIEW_TITLE = "Selected crops"
ORDERS = {  # each with the meaning of the scores
    CropOrder.SUREST: ("Surest first", "the confidence of the detector; a box that a person drew has none"),
    CropOrder.LEAST_SURE: ("Least sure first", "the confidence of the detector; a box that a person drew has none"),
    CropOrder.SWAPPED: ("Suspects: wrong label", "the share of similar reviewed boxes that have the other label"),
    CropOrder.OVERLOOKED: ("Suspects: nobody drew it", "the confidence of the detection, less where a box overlaps"),
    CropOrder.MISPLACED: (
        "Suspects: badly placed",
        "how sure a detection beside it is and how little it overlaps; without one, how often its class is found",
    ),
    CropOrder.ALIKE: ("Most like one box", "the cosine of the two vectors: 1 looks the same"),
}
FIELDS = ("order", "label", SOURCE, "page", "like")


@project_page("crops/", entry="Crops")
def crops(project: Project) -> Answer:
    """Show a page of crops."""
    with in_turn():
        page = list_crops(rooms().crops, project.id, _read_query())
    return show(
        "crops.html",
        project=project,
        shown=page,
        orders=ORDERS,
        is_suspects=page.query.order in SUSPICIONS,
        like=page.query.like,
        labels=project.config().label_names,
        before=_link(project, page, page.query.page - 1),
        after=_link(project, page, page.query.page + 1),
        kept=dict(_write_query(page.query)),
        tasks_url=f"{rooms().studio.client.url}/projects/{project.id}/data?{urlencode({'task': ''})}",
    )


@project_page("crops/view", methods=["POST"])
def show_crops_in_label_studio(project: Project) -> Answer:
    """Make a view of the tasks of the selected crops."""
    boxes = _read_boxes()
    with in_turn():
        line = put_tasks(rooms().studio.client, project.id, VIEW_TITLE, [box.task_id for box in boxes]).line
    return _go_back(project, f"Label Studio, {line}")


@project_page("crops/relabel", methods=["POST"])
def relabel_crops(project: Project) -> Answer:
    """Give the selected crops another label, in Label Studio first."""
    boxes, label, why = _read_boxes(), text("new_label"), reason()
    if not AT_ONCE.acquire(blocking=False):
        raise Busy("reviews in bulk: two requests are being worked on; send this one again in a while")
    try:
        report = relabel(rooms().crops, project.id, boxes, label, actor=access.caller().name, why=why)
    finally:
        AT_ONCE.release()
    return _go_back(project, report.line, is_error=bool(report.failures))


@project_page("crops/look", methods=["POST"])
def look_for_suspects(project: Project) -> Answer:
    """Ask for a job that looks for suspects."""
    is_new = rooms().queue.ask_suspects(project.id)
    text = "the job suspects waits for a worker" if is_new else "the job suspects waits or runs already"
    return _go_back(project, f"{text}; load this page again when it has ended")


def _read_query() -> CropQuery:
    """Read the query of the address. Raises PayloadError."""
    given = request.args
    try:
        order = CropOrder(given.get("order") or AT_FIRST)
        page = int(given.get("page") or 1)
    except ValueError as error:
        raise PayloadError("order, page", f"one of {', '.join(CropOrder)}, and a number", dict(given)) from error
    like = BoxName.read(given["like"]) if given.get("like") else None
    return CropQuery(order, given.get("label") or None, read_source(given.get(SOURCE)), like, min(max(page, 1), 10**6))


def _write_query(query: CropQuery) -> Iterator[tuple[str, str]]:
    """Yield the fields of a query that an address has; those of the form have them too."""
    yield "order", query.order.value
    yield SOURCE, query.source.value
    if query.label is not None:
        yield "label", query.label
    if query.like:
        yield "like", query.like.text
    if query.page > 1:
        yield "page", str(query.page)


def _link(project: Project, page: CropPage, number: int) -> str | None:
    if not 1 <= number <= page.pages:
        return None
    fields: dict[str, Any] = {**dict(_write_query(page.query)), "page": str(number)}
    return url_for("dashboard.crops", project_id=project.id, **fields)


def _read_boxes() -> list[BoxName]:
    """Read the selected boxes. Raises PayloadError."""
    boxes = [BoxName.read(name) for name in form().getlist("box")]
    if not boxes:
        raise PayloadError("box", "at least one crop: select some", "none")
    return boxes


def _go_back(project: Project, message: str, *, is_error: bool = False) -> Answer:
    """Go back to the page of crops that the form stood on."""
    fields = {name: form()[name] for name in FIELDS if form().get(name)}
    return go_back("crops", message, is_error=is_error, project_id=project.id, **fields)
