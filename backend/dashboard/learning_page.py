"""How much better the versions of a project got, by class, and which labels they confuse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import request, url_for

from backend.dashboard.blueprint import Answer, project_page, rooms, show
from backend.dashboard.charts import Chart, Series
from loop.label_studio.projects import Project
from loop.rates.assess import count_confusion
from loop.reviews.verdict_query import VerdictFilter, read_cursor
from loop.reviews.verdicts import Decision
from loop.training.learning_curve import CurvePoint, LearningCurve, Measured, draw_curve
from loop.training.version_rows import list_versions
from loop.validation import read

DRAWN_CLASSES = 8
BOXES = 48  # a page


@project_page("learning/", entry="Learning curve")
def learning(project: Project) -> Answer:
    """Show the learning curve, the classes, and the confused labels of a version."""
    curve = draw_curve(rooms().trainings, project.id)
    version = request.args.get("version") or None
    confusion = count_confusion(rooms().rates, project.id, version)
    return show(
        "learning.html",
        project=project,
        curve=curve,
        charts=_draw_charts(curve),
        classes=curve.list_classes(),
        confusion=confusion,
        versions=[*list_versions(rooms().trainings, project.id).names, rooms().registry.version_name(None)],
        boxes_of=_link_boxes(project, version),
        labels=[*confusion.labels, None],
    )


@project_page("learning/boxes")
def confused_boxes(project: Project) -> Answer:
    """Show the boxes behind a pair of a predicted and a reviewed label."""
    given: dict[str, Any] = {
        name: request.args[name] for name in ("version", "decision", "label") if request.args.get(name)
    }
    given |= {name: request.args[name] for name in ("predicted_label", "reviewed_label") if name in request.args}
    wanted = read(VerdictFilter, {"project": project.id, **given})
    cursor = request.args.get("cursor")
    records, after = rooms().reviews.verdicts.page(wanted, read_cursor(cursor) if cursor else None, BOXES)
    more = url_for("dashboard.confused_boxes", project_id=project.id, cursor=after.text(), **given) if after else None
    tasks = f"{rooms().studio.client.url}/projects/{project.id}/data?task="
    return show("confused_boxes.html", project=project, wanted=wanted, records=records, more=more, tasks=tasks)


def _link_boxes(project: Project, version: str | None) -> Callable[[str | None, str | None], str]:
    def link(predicted: str | None, reviewed: str | None) -> str:
        pair: dict[str, Any] = {"predicted_label": predicted, "reviewed_label": reviewed}
        if predicted is None:
            pair = {"decision": Decision.MISSED.value, "label": reviewed}
        elif reviewed is None:
            pair = {"decision": Decision.FALSE_POSITIVE.value, "label": predicted}
        return url_for("dashboard.confused_boxes", project_id=project.id, version=version, **pair)

    return link


def _draw_charts(curve: LearningCurve) -> list[Chart]:
    points = [point for point in curve.points if point.images is not None]
    if not points:
        return []
    by_images, by_hours = [float(point.images or 0) for point in points], [point.work.hours for point in points]
    charts = [_draw_whole("by-images", "labelled images", by_images, points)]
    if points[-1].work.hours > 0:
        charts.append(_draw_whole("by-hours", "annotators' hours", [round(hours, 2) for hours in by_hours], points))
    return [*charts, _draw_classes(curve, points)]


def _draw_whole(name: str, x: str, places: Sequence[float], points: Sequence[CurvePoint]) -> Chart:
    return Chart(
        id=name,
        title=f"mAP50-95 on held-out images, over {x}",
        x=x,
        y="mAP50-95",
        places=places,
        series=[
            _make_series("version", [point.measured for point in points]),
            _make_series("the one before it, on the same images", [point.before for point in points]),
        ],
        kind="points",
    )


def _make_series(name: str, measured: Sequence[Measured]) -> Series:
    intervals = [each.interval for each in measured]
    low, high = ([getattr(each, end) if each else None for each in intervals] for end in ("low", "high"))
    return Series(name, [each.value for each in measured], low, high)


def _draw_classes(curve: LearningCurve, points: Sequence[CurvePoint]) -> Chart:
    by_name = [{part.name: part.measured.value for part in point.classes} for point in points]
    names = curve.list_classes()
    rest = len(names) - DRAWN_CLASSES
    return Chart(
        id="by-class",
        title=f"AP of the {DRAWN_CLASSES} classes with most boxes" if rest > 0 else "AP of each class",
        x="labelled images",
        y="AP50-95",
        places=[float(point.images or 0) for point in points],
        series=[Series(name, [parts.get(name) for parts in by_name]) for name in names[:DRAWN_CLASSES]],
    )
