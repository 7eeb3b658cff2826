"""Constructs what tests need, with defaults for all they do not care about."""

import io
import resource
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from PIL import Image

from loop.label_studio.payloads import Review
from loop.regions import Box, Region
from loop.serving.store import QUEUE, LoggedPrediction

CONFIG = """
<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image">
    <Label value="Car"/>
    <Label value="Person"/>
  </RectangleLabels>
</View>
"""
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=1000)


def box(x0=0.1, y0=0.1, x1=0.4, y1=0.4):
    return Box(x0, y0, x1, y1)


def region(name="a", label="Car", at=None, score=None):
    return Region(name, at or box(), label, score)


def review(*regions, annotation=1, task=1, project=1, minutes=0, edited=None, **fields):
    """A review made *minutes* after noon, and edited at *edited* minutes after noon."""
    return Review(
        id=annotation,
        unique_id="",
        project_id=project,
        task_id=task,
        regions=tuple(regions),
        created_at=NOON + timedelta(minutes=minutes),
        updated_at=NOON + timedelta(minutes=minutes if edited is None else edited),
        **fields,
    )


def count_statements(engine, act):
    """The number of statements that the records got from an act."""
    statements = []

    def count(_, __, statement, *___):
        statements.append(statement)

    sa.event.listen(engine, "before_cursor_execute", count)
    try:
        act()
    finally:
        sa.event.remove(engine, "before_cursor_execute", count)
    return len(statements)


def served(
    *regions, task=1, project=1, version="yolo_detector@1.0.0", minutes=-10, stream=QUEUE, image="/data/upload/1/a.jpg"
):
    return LoggedPrediction(
        project_id=project,
        task_id=task,
        image=image,
        version=version,
        regions=tuple(regions),
        candidates=(),
        threshold=0.25,
        score=0.5,
        stream=stream,
        propensity=0.05,
        served_at=NOON + timedelta(minutes=minutes),
    )


def ls_region(name="a", label="Car", x=10.0, y=10.0, width=30.0, height=30.0, **fields):
    return {
        "id": name,
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": 640,
        "original_height": 480,
        "image_rotation": 0,
        "value": {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": [label]},
        **fields,
    }


def ls_annotation(*regions, annotation=1, task=1, project=1, minutes=0, edited=None, **fields):
    return {
        "id": annotation,
        "task": task,
        "project": project,
        "result": list(regions),
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": (NOON + timedelta(minutes=minutes)).isoformat(),
        "updated_at": (NOON + timedelta(minutes=minutes if edited is None else edited)).isoformat(),
        "completed_by": 1,
        "lead_time": 2.0,
        "unique_id": "",
        "parent_prediction": None,
        **fields,
    }


def ls_task(task=1, image="/data/upload/1/a.jpg", **fields):
    return {"id": task, "data": {"image": image}, **fields}


def created(*regions, **fields):
    """The event of a new annotation."""
    annotation = ls_annotation(*regions, **fields)
    return {"action": "ANNOTATION_CREATED", "annotation": annotation, "task": ls_task(annotation["task"])}


def picture(size=(64, 48), colour="red", form="JPEG", **options):
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, form, **options)
    return content.getvalue()


@contextmanager
def full_disk(largest=10_000):
    """No file gets more than *largest* bytes until the end of the `with` block: writing fails as on a full disk."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def posted_notices(rooms):
    outbox = rooms.outbox
    return [(one.notice.kind, one.notice.data) for one in reversed(outbox.last(most=100))]


def list_open(folder):
    """The folder itself and all in it, links left out, that other users of the machine may read, write or enter."""
    paths = (path for path in (folder, *folder.rglob("*")) if not path.is_symlink())
    return [path for path in paths if path.stat().st_mode & 0o077]


def read_rows(rooms, table):
    with engine_of(rooms, table).connect() as connection:
        return connection.execute(sa.select(table)).all()


def set_all(rooms, table, **values):
    """Set the same values in every row of a table."""
    with engine_of(rooms, table).begin() as connection:
        connection.execute(table.update().values(values))


def engine_of(rooms, table):
    """On SQLite, events stand in a file of their own."""
    return rooms.reviews.events.engine if table.name == "events" else rooms.engine
