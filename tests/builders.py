"""Constructs what tests need, with defaults for all they do not care about."""

import copy
import io
import math
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
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


def _nested(depth=60):
    """A list of lists, with some objects at its bottom."""
    value = None
    for level in range(depth):
        value = [value, {"a": value}] if level < 3 else [value]
    return value


UNFORESEEN = (
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63 - 1,
    2**63,
    10**400,
    0.5,
    1e308,
    -1e308,
    math.nan,
    math.inf,
    "",
    " ",
    "x",
    "-1",
    "\ud800",
    "a\0b",
    "\u202e\U0001f697",
    "y" * 5000,
    "9999-12-31T23:59:59-12:00",
    "0001-01-01T00:00:00+14:00",
    "2026-02-30T12:00:00Z",
    "/data/upload/1/../../../etc/passwd",
    [],
    {},
    [[]],
    [None],
    [1, "x", None],
    {"id": {}},
    {"id": 2**63},
    {"x": {"y": []}},
    _nested(),
)


@st.composite
def mutants(draw, good, *, keep=()):
    """*good* with one to three changes; the keys of *keep* at its top stay as they are."""
    changed = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        _change(draw, changed, keep)
    return changed


def _change(draw, container, keep):
    """Walk down to some place, and delete, replace, wrap, or repeat what is there."""
    while True:
        keys = [key for key in _keys(container) if key not in keep]
        if not keys:
            return
        key, keep = draw(st.sampled_from(keys)), ()
        if _keys(container[key]) and draw(st.integers(0, 3)):
            container = container[key]
            continue
        act = draw(st.sampled_from(("replace", "replace", "replace", "delete", "wrap", "twin", "text")))
        if act == "delete":
            del container[key]
        elif act == "wrap":
            container[key] = [container[key]]
        elif act == "text":
            container[key] = str(container[key])
        elif act == "twin" and isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
        else:
            container[key] = copy.deepcopy(draw(st.sampled_from(UNFORESEEN)))
        return


def _keys(value):
    if isinstance(value, dict):
        return sorted(value)
    return list(range(len(value))) if isinstance(value, list) else []


def kinds(rooms):
    outbox = rooms.outbox
    return [(one.notice.kind, one.notice.data) for one in reversed(outbox.last(most=100))]
