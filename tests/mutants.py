"""JSON as Label Studio and programs send it, changed at a few places into what nobody foresaw."""

import copy
import math
import pickle

import hypothesis
from hypothesis import settings
from hypothesis import strategies as st

from loop.regions import Box
from tests.builders import CONFIG, created, ls_annotation, ls_region, ls_task


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
    -0.0,
    1e308,
    -1e308,
    math.nan,
    math.inf,
    "",
    " ",
    "x",
    "-1",
    "NaN",
    "1e999",
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


class Dice:
    """
    Choices that bytes decide, which are the fastest input that hypothesis makes.

    Zeros choose what comes first, so hypothesis finds simple choices that fail.
    """

    def __init__(self, content):
        self._number = int.from_bytes(content)

    def pick(self, options):
        self._number, place = divmod(self._number, len(options))
        return options[place]


DICE = st.binary(min_size=24, max_size=24).map(Dice)


def mutants(good, *, keep=()):
    """*good* with one to three changes; the keys of *keep* at its top stay as they are."""
    whole = pickle.dumps(good)

    def change(dice):
        changed = pickle.loads(whole)  # noqa: S301 (our own)
        for _ in range(dice.pick((1, 2, 3))):
            _change(dice, changed, keep)
        return changed

    return DICE.map(change)


def _change(dice, container, keep):
    """Walk down to some place, and delete, replace, wrap, or repeat what is there."""
    while True:
        keys = [key for key in _keys(container) if key not in keep]
        if not keys:
            return
        key, keep = dice.pick(keys), ()
        if _keys(container[key]) and dice.pick((1, 1, 1, 0)):
            container = container[key]
            continue
        act = dice.pick(("replace", "replace", "replace", "delete", "wrap", "twin", "text"))
        if act == "delete":
            del container[key]
        elif act == "wrap":
            container[key] = [container[key]]
        elif act == "text":
            container[key] = str(container[key])
        elif act == "twin" and isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
        else:
            container[key] = copy.deepcopy(dice.pick(UNFORESEEN))
        return


def _keys(value):
    if isinstance(value, dict):
        return sorted(value)
    return list(range(len(value))) if isinstance(value, list) else []


CAR = (Box(0, 0, 0.5, 0.5), "car", 0.9)
GOOD, BAD = (1, 3), 2
few = settings(max_examples=80, suppress_health_check=list(hypothesis.HealthCheck))


def annotation(task, project=1):
    return ls_annotation(ls_region("p"), ls_region("new", x=60.0), annotation=task, task=task, project=project)


EVENTS = {
    "created": created(ls_region("p"), ls_region("new", x=60.0), annotation=BAD, task=BAD, parent_prediction=9),
    "bulk": {"action": "ANNOTATIONS_CREATED", "annotation": [annotation(BAD)], "task": [ls_task(BAD)]},
    "deleted": {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": BAD}, {"id": 77}], "project": {"id": 1}},
    "tasks-deleted": {"action": "TASKS_DELETED", "tasks": [{"id": BAD}, {"id": 77}], "project": {"id": 1}},
    "tasks-created": {"action": "TASKS_CREATED", "tasks": [ls_task(BAD)], "project": {"id": 1}},
    "project": {"action": "PROJECT_UPDATED", "project": {"id": 1, "title": "Cars", "label_config": CONFIG}},
    "training": {"action": "START_TRAINING", "project": {"id": 1}},
}


def full_task(task, project):
    predictions = [{"id": task, "model_version": "other@1", "score": 0.5, "result": [ls_region("p")], "cluster": None}]
    fields = {"predictions": predictions, "is_labeled": True, "updated_at": "2026-01-01T12:00:00Z"}
    return ls_task(task, annotations=[annotation(task, project)], **fields)


OPERATION = {
    "operation": "create",
    "key": "k",
    "task": BAD,
    "actor": "a",
    "confidence": 0.5,
    "lead_time": 1.5,
    "regions": [{"label": "Car", "box": [0.1, 0.1, 0.4, 0.4], "id": None}],
}
RAW = {"operation": "create", "task": BAD, "result": [ls_region("p"), {"type": "choices", "value": {"choices": ["x"]}}]}
