"""The command that shows the learning curve of a project's versions."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loop.cli.grid import Field, show_table
from loop.cli.options import ProjectId, open_rooms, out

if TYPE_CHECKING:
    from loop.training.learning_curve import CurvePoint, LearningCurve, Measured

CurveJson = Annotated[dict[str, Any], "`points`, one for each trained version, `unmeasured`, `work` and `outlook`."]


def curve(
    project: ProjectId,
    show_classes: Annotated[bool, typer.Option("--classes", help="Show the AP of each class instead.")] = False,
) -> CurveJson:
    """Show mAP50-95 of each trained version with its interval, over labelled images and annotators' hours."""
    from loop.training.learning_curve import draw_curve

    drawn = draw_curve(open_rooms(project).trainings, project)
    if drawn.points:
        show_table(out, *(_list_classes(drawn) if show_classes else _list_points(drawn)))
        out.print("only values with the same set number were measured on the same held-out images")
        out.print("in brackets the 95% interval, by a bootstrap over the held-out images; hours as Label Studio counts")
    else:
        out.print(f"project {project} has no trained version with a report of the gate yet")
    if drawn.outlook:
        out.print(str(drawn.outlook))
    if drawn.unmeasured:
        out.print(f"without a report: {', '.join(drawn.unmeasured)}; `loop models compare` measures any two versions")
    return asdict(drawn)


def _list_points(drawn: LearningCurve) -> tuple[tuple[Field, ...], list[tuple[str, ...]]]:
    fields = (
        Field("version"),
        Field("images", is_number=True),
        Field("hours", is_number=True),
        Field("mAP50-95", is_number=True),
        Field("the version before", rank=1, is_number=True),
        Field("held out", is_number=True),
        Field("gate", rank=2),
    )
    return fields, [_point_row(point) for point in drawn.points]


def _point_row(point: CurvePoint) -> tuple[str, ...]:
    images = "" if point.images is None else str(point.images)
    held_out = f"set {point.held_out.number}: {point.held_out.images} images"
    figures = (f"{point.work.hours:.2f}", _measured(point.measured), _measured(point.before), held_out)
    return (point.version, images, *figures, point.status)


def _list_classes(drawn: LearningCurve) -> tuple[tuple[Field, ...], list[tuple[str, ...]]]:
    fields = (
        Field("class", folds=True),
        *(Field(f"{point.version}, set {point.held_out.number}", is_number=True) for point in drawn.points),
    )
    rows = []
    for name in drawn.list_classes():
        parts = ({part.name: part for part in point.classes}.get(name) for point in drawn.points)
        rows.append((name, *(_measured(part.measured) if part else "" for part in parts)))
    return fields, rows


def _measured(measured: Measured) -> str:
    if measured.interval is None:
        return f"{measured.value:.3f}"
    return f"{measured.value:.3f} ({measured.interval.low:.3f} to {measured.interval.high:.3f})"
