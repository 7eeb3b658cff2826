"""Of an event, the fields that are read stay, and nothing else."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.errors import PayloadError
from loop.label_studio.label_config import parse
from loop.label_studio.webhook import keep_used, read_annotations, read_deleted, read_project_update
from tests.builders import CONFIG, created, ls_region
from tests.mutants import EVENTS, few, mutants


def read_review(annotation, task):
    """The review; the texts about unread parts show regions whole, also fields that nobody reads."""
    review = annotation.read(parse(CONFIG), task_id=task.id or None)
    return replace(review, unread=tuple(replace(part, text="") for part in review.unread))


def read_ids(event, kind):
    """The ids that are read; of an object without one, the fields that nobody reads are not kept."""
    deleted = read_deleted(event, kind)
    return deleted.ids, len(deleted.unreadable)


READERS = {
    "created": lambda event: [
        (read_review(annotation, task), task.id, task.data) for annotation, task in read_annotations(event)
    ],
    "deleted": lambda event: read_ids(event, "annotation"),
    "tasks-deleted": lambda event: read_ids(event, "task"),
    "project": lambda event: read_project_update(event, 1),
}
READERS["bulk"] = READERS["created"]


def read(kind, event):
    try:
        return READERS[kind](event)
    except PayloadError as error:
        return type(error), error.field


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
@few
def test_what_is_kept_reads_as_the_whole(kind, data):
    event = data.draw(mutants(EVENTS[kind], keep=("action",)))

    kept = keep_used(event["action"], event)

    assert repr(read(kind, kept)) == repr(read(kind, event))


def test_what_is_never_read_is_not_kept():
    junk = {"junk": "x" * 1000, "token": "s3cret"}
    event = created({**ls_region("p"), **junk}, **junk)
    whole = {**event, "task": {**event["task"], **junk}, "project": {"id": 1, **junk}, **junk}

    kept = keep_used("ANNOTATION_CREATED", whole)

    assert kept == keep_used("ANNOTATION_CREATED", event)
    assert "junk" not in json.dumps(kept)


def test_of_an_unknown_action_only_its_name_is_kept():
    assert keep_used("SOMETHING_NEW", {"action": "SOMETHING_NEW", "of": "a later version"}) == {
        "action": "SOMETHING_NEW"
    }


def test_an_event_that_costs_much_to_send_costs_little_to_keep():
    event = {"action": "TASKS_CREATED", "tasks": [{"id": task, "data": {"text": "é" * 1000}} for task in range(1000)]}

    assert len(json.dumps(keep_used("TASKS_CREATED", event))) < 100
